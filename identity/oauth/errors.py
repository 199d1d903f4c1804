"""Refusals of the authorization server: one uniform answer outside, the precise reason inside."""

from __future__ import annotations

from typing import Final

from kernel.errors import InvalidInput, Text

_STATUS: Final = {"invalid_client": 401, "invalid_token": 401, "insufficient_scope": 403}


class OAuthRefused(InvalidInput):
    """A request to an endpoint of OAuth is refused.

    ``error`` is the code of RFC 6749 (5.2), 9126, 9449 or 8693; ``reason`` is for our log only:
    whoever probes learns nothing from it.
    """

    code = "oauth_refused"
    status = 400
    title = Text("授权请求被拒绝", "The authorization request was refused")
    citizen = Text(
        "登录没有完成，请从官方入口重新登录。", "Please start again from an official entry."
    )
    clerk = Text(
        "接入应用的授权请求不合规，请联系其开发单位。", "The client sent a wrong OAuth request."
    )

    def __init__(self, error: str, reason: str, *, nonce: str | None = None) -> None:
        super().__init__(f"the request was refused: {error}", error=error)
        self.error = error
        self.reason = reason
        self.nonce = nonce
        """A fresh nonce for DPoP, where one is demanded (RFC 9449, 8)."""
        self.http_status = _STATUS.get(error, 400)


class AuthorizeRefused(InvalidInput):
    """A browser was sent here with a request that cannot be gone on with, nor sent back safely."""

    code = "authorize_refused"
    status = 400
    title = Text("授权链接无效", "The authorization link is invalid")
    citizen = Text(
        "此登录链接无效、已使用或已过期，请返回网站重新登录。",
        "This sign-in link is invalid, used or too old; go back and sign in again.",
    )
    clerk = Text(
        "授权链接无效、已使用或已过期，请重新发起登录。",
        "The authorization link is invalid, used or too old; start again.",
    )


class TokenRefused(Exception):
    """An access token is not accepted. ``reason`` is for our log only: outside, every refusal of a
    token reads the same.
    """

    def __init__(self, reason: str, *, nonce: str | None = None, dpop: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.nonce = nonce
        self.dpop = dpop
        """Whether the token wants a proof of possession."""
