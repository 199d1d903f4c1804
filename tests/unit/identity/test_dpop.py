"""Proofs of possession: which address a proof is for, and nonces."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.jose import SigningKey
from identity.oauth.dpop import DpopVerifier, _same
from identity.oauth.errors import OAuthRefused
from identity.oauth.replay import Replays

HOST = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z]{2,5}){0,2}", fullmatch=True)
PATH = st.from_regex(r"(/[A-Za-z0-9._~-]{1,8}){1,4}", fullmatch=True)
PORTS = {"https": 443, "http": 80}


def _mixed(draw, text):
    return "".join(draw(st.sampled_from((one.lower(), one.upper()))) for one in text)


@st.composite
def spellings(draw):
    """Return an address and another spelling of it."""
    scheme = draw(st.sampled_from(sorted(PORTS)))
    host, path = draw(HOST), draw(PATH)
    port = draw(st.none() | st.integers(1, 65535))
    at = "" if port is None else f":{port}"
    if port in {None, PORTS[scheme]}:
        at = draw(st.sampled_from(("", f":{PORTS[scheme]}")))
    tail = draw(st.sampled_from(("", "?a=b", "#part", "?a=/other#x", "?")))
    other = f"{_mixed(draw, scheme)}://{_mixed(draw, host)}{at}{path}{tail}"
    return f"{scheme}://{host}{'' if port is None else f':{port}'}{path}", other


@given(spellings())
def test_one_address_however_it_is_spelt(pair):
    assert _same(pair[1], pair[0])


@given(spellings(), st.data())
def test_another_address_is_never_the_same(pair, data):
    url = pair[0]
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    host, _, port = authority.partition(":")
    changed = data.draw(
        st.sampled_from(
            (
                f"{'http' if scheme == 'https' else 'https'}://{host}:{port or '8'}1/{path}",
                f"{scheme}://{host}x{':' if port else ''}{port}/{path}",
                f"{scheme}://x.{authority}/{path}",
                f"{scheme}://{authority}/{path}/",
                f"{scheme}://{authority}/{path}x",
                f"{scheme}://{authority}/{path.swapcase()}~",
                f"{scheme}://{authority}@evil.example/{path}",
                f"{scheme}://user@{authority}/{path}",
                f"{scheme}://evil.example/{authority}/{path}",
                f"{scheme}://{host}:{65535 if port != '65535' else 1}/{path}",
                f"//{authority}/{path}",
                f"/{path}",
                f"{scheme}://{host}:x/{path}",
                "",
            )
        )
    )
    assert not _same(changed, url)


class Clock:
    at = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def now(self):
        return self.at

    def monotonic(self):
        return self.at.timestamp()


class Rows:
    def __init__(self) -> None:
        self.used: set[tuple[str, str]] = set()

    async def find(self, token_hash):
        return None

    async def burn_jti(self, owner, jti_hash, until):
        fresh = (owner, jti_hash) not in self.used
        self.used.add((owner, jti_hash))
        return fresh


async def test_nonces_are_demanded_and_grow_old():
    clock, key, count = Clock(), SigningKey.generate(), iter(range(99))
    verifier = DpopVerifier(Replays(Rows()), clock, b"k" * 32, nonces=True)

    async def proved(nonce):
        claims = {
            "htm": "POST",
            "htu": "https://a.example/t",
            "iat": int(clock.now().timestamp()),
            "jti": f"j{next(count)}",
            **({} if nonce is None else {"nonce": nonce}),
        }
        proof = key.sign(claims, typ="dpop+jwt", embed=True)
        return await verifier.verify([proof], "POST", "https://a.example/t")

    for bad in (None, "x", 7, ""):
        with pytest.raises(OAuthRefused) as refused:
            await proved(bad)
        assert (refused.value.error, refused.value.nonce) == ("use_dpop_nonce", verifier.nonce())
    old = verifier.nonce()
    assert await proved(old) == key.kid
    clock.at += timedelta(seconds=120)
    assert verifier.nonce() != old
    assert await proved(old) == key.kid
    clock.at += timedelta(seconds=120)
    with pytest.raises(OAuthRefused):
        await proved(old)


@pytest.mark.parametrize("alg", ["none", "HS256", "RS256", "ES384"])
async def test_a_proof_by_another_algorithm(alg):
    clock, key = Clock(), SigningKey.generate()
    verifier = DpopVerifier(Replays(Rows()), clock, b"k" * 32, nonces=False)
    claims = {
        "htm": "POST",
        "htu": "https://a.example/t",
        "iat": int(clock.now().timestamp()),
        "jti": "j",
    }
    good = key.sign(claims, typ="dpop+jwt", embed=True)
    _head, body, signature = good.split(".")

    head = json.loads(base64.urlsafe_b64decode(_head + "=" * (-len(_head) % 4)))
    text = json.dumps({**head, "alg": alg}).encode()
    forged = base64.urlsafe_b64encode(text).rstrip(b"=").decode()
    for proof in (f"{forged}.{body}.{signature}", f"{forged}.{body}."):
        with pytest.raises(OAuthRefused):
            await verifier.verify([proof], "POST", "https://a.example/t")
    assert await verifier.verify([good], "POST", "https://a.example/t") == key.kid
