"""A portal's back end as a test needs it: client assertions, proofs, pushed requests, tokens."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from identity import Client, ClientKind, CryptoProfile
from identity.jose import SigningKey
from identity.oauth.client_auth import ASSERTION_TYPE
from tests.api.world import _HIDDEN, _REDIRECTS, PERSON, World

SCOPES = frozenset(
    {
        *("openid", "profile", "identity", "offline_access", "case.read", "case.write"),
        *("case.submit", "material.write", "licence.use", "pay.create", "pay.read", "event.read"),
    }
)
VERIFIER = "v" * 50


@dataclass
class Portal:
    """One registered client. ``dpop`` None sends no proofs."""

    world: World
    client_id: str
    key: SigningKey
    dpop: SigningKey | None
    back: str
    state: str = "portal-state-0123456789"
    nonce: str = "portal-nonce-0123456789"
    http: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.http = self.world.http

    @property
    def issuer(self) -> str:
        return self.world.container.oauth.issuer

    def now(self) -> int:
        return int(self.world.clock.now().timestamp())

    def assertion(self, *, typ: str = "JWT", key: SigningKey | None = None, **changes: Any) -> str:
        """Return a right client assertion, changed as wanted; None leaves a claim out."""
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.issuer,
            "jti": self.world.ids.new("jti"),
            "iat": self.now(),
            "exp": self.now() + 60,
            **changes,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        return (key or self.key).sign(kept, typ=typ)

    def proof(
        self, method: str, path: str, *, token: str | None = None, **changes: Any
    ) -> dict[str, str]:
        """Return the header with a right proof, changed as wanted; none without a key."""
        if self.dpop is None:
            return {}
        claims = {
            "htm": method,
            "htu": f"{self.issuer}{path}",
            "iat": self.now(),
            "jti": self.world.ids.new("jti"),
        }
        if token is not None:
            digest = hashlib.sha256(token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return {"DPoP": self.dpop.sign({**claims, **changes}, typ="dpop+jwt", embed=True)}

    async def post(
        self,
        path: str,
        form: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        assertion: str | None = None,
    ) -> httpx.Response:
        """Post a form to an endpoint, authenticated."""
        signed = {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.assertion(),
        }
        proof = self.proof("POST", path) if headers is None else dict(headers)
        answer = await self.http.post(path, data={**signed, **form}, headers=proof)
        if answer.status_code < 400 and "access_token" in (body := answer.json()):
            kept = ("access_token", "refresh_token", "id_token")
            self.world.secrets.update(body[name] for name in kept if name in body)
        return answer

    def request(self, **changes: str) -> dict[str, str]:
        """Return a right authorization request, changed as wanted; an empty text leaves it out."""
        digest = hashlib.sha256(VERIFIER.encode()).digest()
        form = {
            "response_type": "code",
            "redirect_uri": self.back,
            "scope": "openid profile case.read case.write",
            "state": self.state,
            "nonce": self.nonce,
            "idp": "sd_jis",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in form.items() if value}

    async def pushed(self, **changes: str) -> str:
        """Push a request and return the query of the authorization endpoint's address."""
        answer = await self.post("/oauth2/par", self.request(**changes))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["request_uri"])

    async def visit(
        self, browser: httpx.AsyncClient, request_uri: str, account: str = PERSON
    ) -> dict[str, str]:
        """Sign in as a browser does; return what came back to the portal."""
        query = {"client_id": self.client_id, "request_uri": request_uri}
        page = await self.followed(browser, await browser.get("/oauth2/authorize", params=query))
        if page.status_code == 200:
            form = {name: unescape(value) for name, value in _HIDDEN.findall(page.text)}
            chosen = await browser.post(page.url, data={**form, "account": account})
            self.world.secrets.add(urlsplit(chosen.headers["location"]).path.rpartition("/")[2])
            page = await self.followed(browser, chosen)
        target = page.headers["location"]
        assert target.startswith(self.back), target
        found = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        if "code" in found:
            self.world.secrets.add(found["code"])
        return found

    async def followed(self, browser: httpx.AsyncClient, page: httpx.Response) -> httpx.Response:
        """Follow redirects up to, and not into, the portal."""
        while page.status_code in _REDIRECTS:
            target = urljoin(str(page.url), page.headers["location"])
            if target.startswith(self.back):
                break
            page = await browser.get(target)
        return page

    async def code(self, account: str = PERSON, **changes: str) -> str:
        """Sign in and return the code."""
        async with self.world.browser() as browser:
            back = await self.visit(browser, await self.pushed(**changes), account)
        assert back.get("state") == self.state, back
        assert back.get("iss") == self.issuer
        return back["code"]

    async def redeem(self, code: str, **changes: str) -> httpx.Response:
        """Redeem a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.back,
            "code_verifier": VERIFIER,
            **changes,
        }
        return await self.post("/oauth2/token", form)

    async def sign_in(self, account: str = PERSON, **changes: str) -> dict[str, Any]:
        """Sign in and return what the token endpoint answered."""
        answer = await self.redeem(await self.code(account, **changes))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def call(self, method: str, path: str, token: str, **parts: Any) -> httpx.Response:
        """Call the interface with a token as it wants to be shown."""
        scheme = "Bearer" if self.dpop is None else "DPoP"
        headers = {
            "Authorization": f"{scheme} {token}",
            **self.proof(method, path, token=token),
            **parts.pop("headers", {}),
        }
        if method != "GET":
            headers["Idempotency-Key"] = self.world.ids.new("key")
        return await self.http.request(method, path, headers=headers, **parts)


async def portal(
    world: World, client_id: str = "oauth-portal", *, bound: bool = True, **changes: Any
) -> Portal:
    """Register a client with a fresh key and return it."""
    key = SigningKey.generate()
    back = f"{world.town.gateway_url}/{client_id}/"
    given: dict[str, Any] = {
        "client_id": client_id,
        "name": "测试接入端",
        "org_uscc": None,
        "kind": ClientKind.PORTAL,
        "profile": CryptoProfile.INTL if bound else CryptoProfile.GM,
        "sector": client_id,
        "redirect_uris": (back,),
        "post_logout_uris": (f"{back}bye",),
        "jwks": {"keys": [key.public()]},
        "scopes": SCOPES,
        "purpose_codes": ("acceptance",),
        **changes,
    }
    await world.container.clients.register(Client(**given), "staff:test")
    return Portal(world, client_id, key, SigningKey.generate() if bound else None, back)
