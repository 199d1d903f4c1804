"""SDGW1: the worked value, what a signature covers, and headers that cannot be right."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kernel.crypto import sm2
from kernel.signing import sdgw1
from kernel.signing.canonical import Covered, NotCanonical
from kernel.signing.sdgw1 import Algorithm, Malformed

SECRET = bytes(range(32))
BODY = '{"itemCode":"370100-0001","applicant":"张三"}'.encode()
WORKED = Covered(
    algorithm="HMAC-SM3",
    method="POST",
    path="/v1/cases",
    query="page=2&dry=1",
    key_id="ak-portal-01",
    timestamp="1795469000",
    nonce="b7f2c1d09a5e4c0f8e11",
    idempotency_key="k-1",
    content_type="application/json; charset=utf-8",
    digest=sdgw1.digest_of(BODY),
)
visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=30)
segments = st.lists(
    st.text("abcXYZ019-_~:", min_size=1, max_size=8).filter(lambda one: one != "."), min_size=1
)
requests = st.builds(
    Covered,
    algorithm=st.sampled_from(list(Algorithm)).map(str),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=segments.map(lambda parts: "/" + "/".join(parts)),
    query=visible.filter(lambda one: "#" not in one),
    key_id=st.text("abc019-", min_size=3, max_size=10),
    timestamp=st.integers(1_000_000_000, 2_000_000_000).map(str),
    nonce=st.text("abcXYZ019_-", min_size=16, max_size=20),
    idempotency_key=visible,
    content_type=st.sampled_from(["", "application/json", "application/pdf"]),
    digest=st.binary(max_size=20).map(sdgw1.digest_of),
)


def test_the_worked_value():
    assert len(BODY) == 47
    digest = "44463107602b0019e1d40a9e5738bef3bc6943a524147a3fe008ff423642f824"
    assert WORKED.digest == digest
    lines = WORKED.text().decode().split("\n")
    assert lines[:4] == ["SDGW1-HMAC-SM3", "POST", "/v1/cases", "dry=1&page=2"]
    assert lines[7:] == ["k-1", "application/json", digest]
    signature = "568c8a0562b51d9fa6163b4083dbfe352c0a17a80c95548465d31248e92e011a"
    assert sdgw1.sign(WORKED, SECRET)[sdgw1.SIGNATURE] == signature
    assert sdgw1.mac_is_right(Algorithm.HMAC_SM3, SECRET, WORKED.text(), signature)


def seen(covered: Covered) -> tuple[object, ...]:
    """What of a request is covered."""
    query = tuple(sorted(covered.query.split("&")))
    return (*vars(replace(covered, query="")).values(), query)


@given(requests, requests)
def test_two_requests_never_share_a_text(one: Covered, other: Covered):
    assume(seen(one) != seen(other))
    assert one.text() != other.text()


@given(requests, requests)
def test_every_part_is_covered(one: Covered, other: Covered):
    for field in fields(Covered):
        mixed = replace(one, **{field.name: getattr(other, field.name)})
        assert (mixed.text() == one.text()) == (seen(mixed) == seen(one)), field.name


@given(requests, st.randoms(use_true_random=False))
def test_the_order_of_a_query_does_not_matter_and_nothing_else_of_it(covered: Covered, random):
    pairs = covered.query.split("&")
    random.shuffle(pairs)
    assert replace(covered, query="&".join(pairs)).text() == covered.text()
    assert replace(covered, query=covered.query + "&x=1").text() != covered.text()


@pytest.mark.parametrize(
    "path",
    [
        *("", "v1", "//v1", "/v1//cases", "/v1/./cases", "/v1/../cases", "/v1/..", "/v1/."),
        *("/v1%2fcases", "/v1%2Fcases", "/v1/%00", "/v1/%2e%2e/x", "/v1/%5cx", "/v1/%0a"),
        *("/v1/ cases", "/v1/\ncases", "/v1/案", "/v1?x=1", "/v1#x", "/v1/%", "/v1/%g0", "/a\\b"),
    ],
)
def test_a_path_with_two_readings_is_refused(path):
    with pytest.raises(NotCanonical):
        replace(WORKED, path=path).text()


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "post"},
        {"query": "a=1\nb"},
        {"query": "a#b"},
        {"query": "a b"},
        {"idempotency_key": "k\nx"},
        {"idempotency_key": "键"},
        {"content_type": "a\nb"},
        {"nonce": "x\ny"},
    ],
)
def test_a_part_that_could_break_out_of_its_line_is_refused(changes):
    with pytest.raises(NotCanonical):
        replace(WORKED, **changes).text()


def headers(**changes: str) -> list[tuple[str, str]]:
    made = {
        **sdgw1.sign(WORKED, SECRET),
        "Idempotency-Key": "k-1",
        "Content-Type": WORKED.content_type,
    }
    return [*{**made, **changes}.items()]


def read(pairs: list[tuple[str, str]]) -> sdgw1.Claim:
    return sdgw1.read("POST", WORKED.path, WORKED.query, pairs)


def test_what_was_written_is_read():
    claim = read(headers())
    assert claim.covered == WORKED
    assert sdgw1.is_signed(headers())
    assert not sdgw1.is_signed([("Content-Type", "x")])
    text = sdgw1.text_of(claim)
    assert sdgw1.mac_is_right(claim.algorithm, SECRET, text, claim.signature)
    assert not sdgw1.mac_is_right(claim.algorithm, SECRET[::-1], text, claim.signature)


@pytest.mark.parametrize("name", [*dict(headers())])
def test_a_header_that_is_there_twice(name):
    pair = (name.lower(), dict(headers())[name])
    with pytest.raises(Malformed, match="twice"):
        read([*headers(), pair])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (sdgw1.KEY, "AK"),
        (sdgw1.KEY, "ak_portal"),
        (sdgw1.TIMESTAMP, "0"),
        (sdgw1.TIMESTAMP, "1795469000.0"),
        (sdgw1.TIMESTAMP, "-1795469000"),
        (sdgw1.TIMESTAMP, "１７９５４６９０００"),
        (sdgw1.NONCE, "short"),
        (sdgw1.NONCE, "n" * 41),
        (sdgw1.ALGORITHM, "none"),
        (sdgw1.ALGORITHM, "HMAC-MD5"),
        (sdgw1.DIGEST, "A" * 64),
        (sdgw1.DIGEST, ""),
        (sdgw1.SIGNATURE, ""),
        (sdgw1.SIGNATURE, "x" * 300),
    ],
)
def test_a_malformed_header(name, value):
    with pytest.raises(Malformed):
        read(headers(**{name: value}))


def test_signatures_of_the_other_kind_are_wrong():
    text = WORKED.text()
    right = sdgw1.sign(WORKED, SECRET)[sdgw1.SIGNATURE]
    for wrong in (right.upper(), right[:-1] + "0", right + "=", "", "x" * 64):
        assert not sdgw1.mac_is_right(Algorithm.HMAC_SM3, SECRET, text, wrong)
    assert not sdgw1.mac_is_right(Algorithm.HMAC_SHA256, SECRET, text, right)


def test_sm2():
    key = sm2.generate()
    covered = replace(WORKED, algorithm="SM2-SM3")
    signature = sdgw1.sign(covered, key)[sdgw1.SIGNATURE]
    assert sdgw1.sm2_is_right(key.public, covered.text(), signature)
    assert not sdgw1.sm2_is_right(sm2.generate().public, covered.text(), signature)
    assert not sdgw1.sm2_is_right(key.public, WORKED.text(), signature)
    assert not sdgw1.sm2_is_right(key.public, covered.text(), "not base64!")
    with pytest.raises(ValueError, match="SM2"):
        sdgw1.sign(WORKED, key)
    with pytest.raises(ValueError, match="SM2"):
        sdgw1.sign(covered, SECRET)
