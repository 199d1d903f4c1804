"""Tokens: what ``verify_jwt`` accepts, and every way to be refused with its reason."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from identity.jose import (
    JwtRefused,
    SigningKey,
    open_proof,
    public_keys,
    verify_jwt,
)

NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
KEY = SigningKey.generate()
KEYS = public_keys({"keys": [KEY.public()]})
RSA = RSAKey.generate_key(2048)


def claims(**changed: object):
    given = {
        "iss": "https://gw.example",
        "aud": "https://api.example",
        "sub": "P_1",
        "jti": "one",
        "iat": AT,
        "exp": AT + 300,
        **changed,
    }
    return {name: value for name, value in given.items() if value is not None}


def verify(token, **changed: Any):
    given = {
        "keys": KEYS,
        "iss": "https://gw.example",
        "aud": "https://api.example",
        "typ": "at+jwt",
        "now": NOW,
        "longest": timedelta(seconds=300),
        **changed,
    }
    return verify_jwt(token, **given)


def b64(content):
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(header, body=None, signature=b"x" * 64):
    return f"{b64(header)}.{b64(claims() if body is None else body)}.{b64(signature)}"


def signed(changed=None, typ="at+jwt", key=KEY):
    return key.sign(claims(**(changed or {})), typ=typ)


def test_a_good_token_is_accepted():
    assert verify(signed())["sub"] == "P_1"
    assert verify(signed({"aud": ["https://api.example"]}))["jti"] == "one"


@pytest.mark.parametrize("name", ["exp", "iat", "iss", "aud", "sub", "jti"])
def test_each_essential_claim_is_missed(name):
    with pytest.raises(JwtRefused, match=name):
        verify(signed({name: None}))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"exp": AT - 31, "iat": AT - 300}, "expired"),
        ({"iat": AT + 31}, "future"),
        ({"nbf": AT + 31}, "not valid yet"),
        ({"exp": AT + 331}, "too long"),
        ({"iat": AT - 301, "exp": AT + 31}, "too long"),
        ({"exp": "later"}, "exp is not a time"),
        ({"exp": True}, "exp is not a time"),
        ({"iss": "https://evil.example"}, "issuer"),
        ({"aud": "https://other.example"}, "audience"),
        ({"aud": ["https://api.example", "https://other.example"]}, "audience"),
        ({"sub": 7}, "sub"),
        ({"jti": "j" * 513}, "jti"),
    ],
)
def test_what_a_claim_may_not_say(changed, reason):
    with pytest.raises(JwtRefused, match=reason):
        verify(signed(changed))


def test_the_leeway_is_thirty_seconds():
    assert verify(signed({"exp": AT - 29, "iat": AT - 300}))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"alg": "none", "typ": "at+jwt", "kid": KEY.kid}, "algorithm"),
        ({"alg": "HS256", "typ": "at+jwt", "kid": KEY.kid}, "algorithm"),
        ({"alg": "ES256", "typ": "at+jwt", "kid": KEY.kid, "crit": ["x"], "x": 1}, "extension"),
        ({"alg": "ES256", "typ": "at+jwt", "kid": KEY.kid, "zip": "DEF"}, "extension"),
        ({"alg": "ES256", "typ": "at+jwt"}, "names no key"),
        ({"alg": "ES256", "typ": "at+jwt", "kid": ["a"]}, "names no key"),
        ({"alg": "ES256", "typ": "at+jwt", "kid": "stranger"}, "InvalidKeyIdError"),
        ({"alg": "ES256", "typ": "at+jwt", "kid": KEY.kid}, "BadSignatureError"),
        ({"alg": "PS256", "typ": "at+jwt", "kid": KEY.kid}, "signature or the encoding"),
        ({"alg": "ES256", "kid": KEY.kid}, "type"),
        ({"alg": "ES256", "typ": "JWT", "kid": KEY.kid}, "type"),
        ([], "no object"),
    ],
)
def test_headers_that_are_refused(header, reason):
    with pytest.raises(JwtRefused, match=reason):
        verify(forged(header))


def test_an_hmac_under_the_public_key_is_no_signature():
    public = ECKey.import_key(KEY.public()).as_pem(private=False)
    head = f"{b64({'alg': 'HS256', 'typ': 'at+jwt', 'kid': KEY.kid})}.{b64(claims())}"
    mac = hmac.digest(public, head.encode(), hashlib.sha256)
    with pytest.raises(JwtRefused, match="algorithm"):
        verify(f"{head}.{b64(mac)}")
    with pytest.raises(JwtRefused, match="signature or the encoding"):
        verify(f"{head}.{b64(mac)}", algs=("HS256",))


def test_a_key_in_the_header_is_never_believed():
    mine = SigningKey.generate()
    with pytest.raises(JwtRefused, match="names no key"):
        verify(mine.sign(claims(), typ="at+jwt", embed=True))
    with pytest.raises(JwtRefused, match="InvalidKeyIdError"):
        verify(signed(key=mine))


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c.d", "....", "é.b.c", "x" * 9000])
def test_what_is_no_token(token):
    with pytest.raises(JwtRefused):
        verify(token)


def test_a_huge_token_is_refused_before_it_is_decoded():
    with pytest.raises(JwtRefused, match="too long"):
        verify(signed({"more": "x" * 8192}))


def test_deep_json_is_refused():
    deep = b"[" * 3000 + b"]" * 3000
    head = b64({"alg": "ES256", "typ": "at+jwt", "kid": KEY.kid})
    with pytest.raises(JwtRefused):
        verify(f"{b64(deep)}.{b64(claims())}.{b64(b'x' * 64)}")
    with pytest.raises(JwtRefused):
        verify(f"{head}.{b64(deep)}.{b64(b'x' * 64)}")


def test_a_proof_carries_its_own_key():
    proof = open_proof(KEY.sign({"htm": "GET"}, typ="dpop+jwt", embed=True), typ="dpop+jwt")
    assert (proof.claims["htm"], proof.thumbprint) == ("GET", KEY.kid)


def test_proofs_with_bad_keys_are_refused():
    private = {"alg": "ES256", "typ": "dpop+jwt", "jwk": json.loads(KEY.as_text())}
    for header, reason in [
        (private, "private"),
        ({**private, "jwk": {"kty": "oct", "k": "AAAA"}}, "symmetric"),
        ({**private, "jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}}, "no kind"),
        ({**private, "jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}, "cannot be read"),
        ({**private, "jwk": None}, "no object"),
    ]:
        with pytest.raises(JwtRefused, match=reason):
            open_proof(forged(header), typ="dpop+jwt")


@pytest.mark.parametrize(
    "jwks",
    [
        {},
        {"keys": []},
        {"keys": [1]},
        {"keys": [json.loads(KEY.as_text())]},
        {"keys": [OctKey.generate_key(256).as_dict(private=True)]},
        {"keys": [{"kty": "EC"}]},
        {"keys": [KEY.public(), KEY.public()]},
        {"keys": [{**RSA.as_dict(private=False), "n": b64(b"\xff" * 128)}]},
    ],
)
def test_key_sets_of_others_are_read_strictly(jwks):
    with pytest.raises(ValueError):
        public_keys(jwks)


def test_key_sets_may_hold_what_we_do_not_know():
    keys = [KEY.public(), {"kty": "AKP", "kid": "pq"}, {**KEY.public(), "use": "enc", "kid": "e"}]
    assert len(list(public_keys({"keys": [*keys, RSA.as_dict(private=False)]}))) == 2


def test_a_signing_key_can_be_written_down():
    again = SigningKey.of_text(KEY.as_text())
    assert again.kid == KEY.kid
    assert verify(signed(key=again))
    assert KEY.as_text() not in repr(KEY)
    for jwk in ({}, KEY.public(), {**json.loads(KEY.as_text()), "x": "AA"}):
        with pytest.raises(ValueError):
            SigningKey.of_jwk(jwk)
