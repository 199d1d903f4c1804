"""A portal in a few lines: it speaks to the gateway through the public interface only."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from typing import Any, Final
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from gateway.cli.demo.installation import CLIENT_ID
from kernel.ids import IdSource

_SECONDS: Final = 30.0
_PATIENCE: Final = 120.0
_PAUSE: Final = 0.4
_HIDDEN: Final = re.compile(r'<input type="hidden" name="([^"]+)"\s+value="([^"]*)">')
_REDIRECTS: Final = frozenset({302, 303, 307})


class DemoFailed(RuntimeError):
    """The demonstration could not go on; the message is one sentence."""


@dataclass
class Caller:
    """One user of the interface: an applicant or a member of staff."""

    http: httpx.Client
    token: str
    ids: IdSource
    sleep: Callable[[float], None] = time.sleep

    def get(self, path: str, **params: str) -> Any:
        """Return the JSON answer of a read."""
        return self._send("GET", path, params=params).json()

    def raw(self, path: str) -> bytes:
        """Return the bytes of a read."""
        return self._send("GET", path).content

    def post(self, path: str, body: Any = None) -> Any:
        """Carry out a write once, however often it has to be sent, and return the JSON answer."""
        headers = {"Idempotency-Key": self.ids.new("key")}
        if body is None:
            return self._send("POST", path, headers=headers).json()
        return self._send("POST", path, headers=headers, json=body).json()

    def put(self, path: str, content: bytes, media_type: str) -> Any:
        """Upload bytes once and return the JSON answer."""
        headers = {"Idempotency-Key": self.ids.new("key"), "Content-Type": media_type}
        return self._send("PUT", path, headers=headers, content=content).json()

    def wait(self, path: str, ready: Callable[[Any], bool], what: str) -> Any:
        """Read until ``ready``. Raises DemoFailed after two minutes."""
        waited = 0.0
        while waited < _PATIENCE:
            found = self.get(path)
            if ready(found):
                return found
            self.sleep(_PAUSE)
            waited += _PAUSE
        raise DemoFailed(f"等待超时 / waited too long for: {what}")

    def _send(self, method: str, path: str, **parts: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **parts.pop("headers", {})}
        answer: httpx.Response | None = None
        waited = 0.0
        while answer is None or waited < _PATIENCE:
            try:
                answer = self.http.request(method, path, headers=headers, **parts)
            except httpx.TransportError as exc:
                # The gateway may be restarting: the same key makes the repetition harmless.
                if waited >= _PATIENCE:
                    raise DemoFailed(f"网关无法访问 / the gateway is not reachable: {exc}") from exc
            else:
                if answer.status_code not in {409, 503} or "retry-after" not in answer.headers:
                    break
            self.sleep(_PAUSE)
            waited += _PAUSE
        if answer.is_error:
            problem = answer.json()
            raise DemoFailed(f"{method} {path}: {problem['title']} ({problem['code']})")
        return answer


def sign_in(url: str, return_to: str, account: str, ids: IdSource) -> tuple[str, str]:
    """Sign in as a browser would, over the province's login page; return token and masked name."""
    verifier, state = ids.secret("v"), ids.secret("s")
    challenge = hashlib.sha256(verifier.encode()).digest()
    params = {
        "client_id": CLIENT_ID,
        "idp": "sd_jis",
        "user_type": "NATURAL_PERSON",
        "return_to": return_to,
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
    }
    with httpx.Client(timeout=_SECONDS) as browser:
        page = _follow(browser, browser.get(f"{url}/v1/auth/login", params=params), return_to)
        form = {name: unescape(value) for name, value in _HIDDEN.findall(page.text)}
        answer = browser.post(page.url, data={**form, "account": account})
        last = _follow(browser, answer, return_to)
        back = parse_qs(urlsplit(last.headers["location"]).query)
        if back.get("state") != [state]:
            raise DemoFailed("登录返回的 state 不一致 / the login came back with another state")
        issued = browser.post(
            f"{url}/v1/auth/token",
            json={"client_id": CLIENT_ID, "code": back["code"][0], "code_verifier": verifier},
        )
    if issued.is_error:
        raise DemoFailed(f"登录失败 / sign-in failed: {issued.json()['code']}")
    body = issued.json()
    return str(body["access_token"]), str(body["me"]["name"])


def _follow(browser: httpx.Client, answer: httpx.Response, end: str) -> httpx.Response:
    """Follow redirects up to, and not into, the portal's own address."""
    while answer.status_code in _REDIRECTS:
        target = urljoin(str(answer.url), answer.headers["location"])
        if target.startswith(end):
            return answer
        answer = browser.get(target)
    if answer.is_error:
        raise DemoFailed(f"登录失败 / sign-in failed: HTTP {answer.status_code}")
    return answer


def pay_at_bank(pay_url: str) -> None:
    """Press the button on the simulated bank's pay page."""
    with httpx.Client(timeout=_SECONDS, follow_redirects=True) as browser:
        page = browser.get(pay_url)
        page.raise_for_status()
        action = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        target = urljoin(str(page.url), unescape(action[1])) if action else str(page.url)
        form = {name: unescape(value) for name, value in _HIDDEN.findall(page.text)}
        answer = browser.post(target, data=form)
        if answer.is_error:
            raise DemoFailed(f"支付失败 / the payment failed: HTTP {answer.status_code}")
