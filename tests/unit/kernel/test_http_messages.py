"""RFC 9421 and 9530: the worked values, the RFC's own vector, and what the profile refuses."""

from __future__ import annotations

import base64

import pytest

from kernel.crypto import sm2
from kernel.signing import messages, sdgw1
from kernel.signing.messages import Message
from kernel.signing.sdgw1 import Algorithm, Malformed

SECRET = bytes(range(32))
BODY = '{"itemCode":"370100-0001","applicant":"张三"}'.encode()
TARGET = "https://gw.example.gov.cn/v1/cases?dry=1"
FIELDS = {
    "content-digest": "sha-256=:cGq0SmNklK0BDBfOe1oBgF41YVmutIih6CWSr4ET/2M=:",
    "content-type": "application/json",
    "idempotency-key": "k-1",
}
MESSAGE = Message("POST", TARGET, FIELDS)


def signed(algorithm: str = "hmac-sm3", key: bytes | sm2.PrivateKey = SECRET) -> dict[str, str]:
    made = messages.sign(
        MESSAGE,
        key,
        key_id="ak-portal-01",
        algorithm=algorithm,
        created=1795469000,
        nonce="b7f2c1d09a5e4c0f8e11",
    )
    return {**FIELDS, **made}


def read(headers: dict[str, str], target: str = TARGET) -> messages.Signed:
    return messages.read("POST", target, headers.items())


@pytest.mark.parametrize(
    ("algorithm", "signature"),
    [
        ("hmac-sm3", "xbKlz7551gVgoavDk4woGAM4IeAX+Go/faxKP8gUpkg="),
        ("hmac-sha256", "TaYG54AtlIjbe9yY4Hyp/w6d+PxMz4djE53E8ZU+HEo="),
    ],
)
def test_the_worked_values(algorithm, signature):
    headers = signed(algorithm)
    assert messages.content_digest(BODY) == FIELDS["content-digest"]
    assert headers[messages.SIGNATURE] == f"sig1=:{signature}:"
    found = read(headers)
    assert found.covers_body(BODY)
    assert not found.covers_body(BODY + b" ")
    right = sdgw1.mac(found.algorithm, SECRET, found.base)
    assert base64.b64encode(bytes.fromhex(right)).decode() == signature


def test_the_vector_of_the_rfc():
    """RFC 9421, B.2.5: HMAC-SHA256 over date, @authority and content-type."""
    secret = base64.b64decode(
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    )
    base = (
        '"date": Tue, 20 Apr 2021 02:07:55 GMT\n"@authority": example.com\n'
        '"content-type": application/json\n'
        '"@signature-params": ("date" "@authority" "content-type")'
        ';created=1618884473;keyid="test-shared-secret"'
    )
    made = bytes.fromhex(sdgw1.mac(Algorithm.HMAC_SHA256, secret, base.encode()))
    assert base64.b64encode(made).decode() == "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="


def test_sm2():
    key = sm2.generate()
    found = read(signed("sm2-sm3", key))
    encoded = base64.b64encode(found.signature).decode()
    assert sdgw1.sm2_is_right(key.public, found.base, encoded)


def test_every_part_changes_the_base():
    base = read(signed()).base
    assert read(signed(), "https://gw.example.gov.cn/v1/cases?dry=2").base != base
    assert messages.read("PUT", TARGET, signed().items()).base != base
    for name in FIELDS:
        other = {**signed(), name: {**FIELDS, "content-digest": messages.content_digest(b"")}[name]}
        if name != "content-digest":
            other[name] += "x"
        assert read(other).base != base


def test_without_a_body():
    message = Message("GET", TARGET, {})
    made = messages.sign(
        message, SECRET, key_id="ak-1", algorithm="hmac-sm3", created=1795469000, nonce="n" * 20
    )
    found = messages.read("GET", TARGET, made.items())
    assert found.covers_body(b"")
    assert not found.covers_body(b"x")


def changed(old: str, new: str, name: str = messages.INPUT) -> dict[str, str]:
    headers = signed()
    assert old in headers[name]
    return {**headers, name: headers[name].replace(old, new)}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {messages.INPUT: signed()[messages.INPUT]},
        {messages.SIGNATURE: signed()[messages.SIGNATURE]},
        changed(' "@target-uri"', ""),
        changed('"@method" ', ""),
        changed(' "content-digest"', ""),
        changed(' "idempotency-key"', ""),
        changed('"@method"', '"@method" "@method"'),
        changed('"@method"', '"@method";req'),
        changed('"@target-uri"', '"@authority"'),
        changed('tag="sd-gw-v1"', 'tag="other"'),
        changed(';tag="sd-gw-v1"', ""),
        changed(';nonce="b7f2c1d09a5e4c0f8e11"', ""),
        changed("created=1795469000", 'created="1795469000"'),
        changed(";created=1795469000", ""),
        changed(";created=1795469000", ";created=1795469000;created=1795469001"),
        changed('alg="hmac-sm3"', 'alg="none"'),
        changed('alg="hmac-sm3"', "alg=1"),
        changed("sig1=", "sig2="),
        changed("sig1=", "sig1=:AA==:, sig1=", messages.SIGNATURE),
        changed(":xbKl", ":!!!!", messages.SIGNATURE),
        {**signed(), "content-digest": "md5=:AAAA:"},
        {**signed(), "content-digest": FIELDS["content-digest"] + ", " + FIELDS["content-digest"]},
        {**signed(), "Content-Digest": FIELDS["content-digest"]},
        {**signed(), "content-type": "application/json\x7f"},
    ],
)
def test_outside_the_profile(headers):
    with pytest.raises(Malformed):
        read(headers)
