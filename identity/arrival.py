"""How a ticket becomes a person: what the provider is told of a login, and the two questions to
it.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

from identity.errors import LoginInterrupted, LoginRefused
from identity.model import Profile, UpstreamSession, UserType
from identity.ports import IdentityProvider
from identity.upstream import LoginAttempt
from kernel.errors import UpstreamOutcomeUnknown


class Attempts:
    """Makes what a provider is told of a login, the same before and after the browser's way."""

    def __init__(self, callback_base: str, key: bytes) -> None:
        self._base = callback_base.rstrip("/")
        self._key = key

    def by_browser(self, idp: str, user_type: UserType, state: str) -> LoginAttempt:
        """Return the attempt of the login with this one-time state."""
        # The browser sees the state; what a provider derives its own secrets from, it must not.
        seed = hmac.digest(self._key, f"login seed\0{idp}\0{state}".encode(), "sha256")
        return LoginAttempt(
            user_type=user_type,
            return_url=f"{self._base}/{idp}/{state}",
            seed=base64.urlsafe_b64encode(seed).rstrip(b"=").decode("ascii"),
        )


async def fetch(
    provider: IdentityProvider, params: Mapping[str, str], attempt: LoginAttempt
) -> tuple[UpstreamSession, Profile]:
    """Exchange a ticket and ask who came; raise LoginInterrupted when the answer was lost and
    LoginRefused when another type of user came.
    """
    try:
        upstream = await provider.exchange(params, attempt)
        profile = await provider.fetch_principal(upstream)
    except UpstreamOutcomeUnknown as exc:
        # Unknown means "ask before repeating" elsewhere; here the next login brings a new ticket.
        raise LoginInterrupted from exc
    if profile.user_type is not attempt.user_type:
        raise LoginRefused("the upstream logged in another type of user")
    return upstream, profile
