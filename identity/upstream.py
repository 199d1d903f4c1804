"""What the gateway and an identity provider hand each other besides sessions and profiles."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from identity.model import Aal, ActingRole, Ial, Org, UserType


class Capability(StrEnum):
    """What not every provider can do; a manifest lists what its provider can."""

    LEGAL_PERSON = "legal_person"
    """法人登录."""
    APP_LOGIN = "app_login"
    """Tickets that the province's app (爱山东, 浙里办) gives to a page inside it."""
    LOGOUT = "logout"
    ORG_LIST = "org_list"
    """法人列表."""
    ORG_SWITCH = "org_switch"
    """法人账号切换."""
    HANDOFF = "handoff"
    """代理票据: a ticket with which the browser is signed in at another application."""
    PASSWORD = "password"
    """用户认证 by name and password, for a terminal without a browser."""


@dataclass(frozen=True, kw_only=True)
class Assurance:
    """How sure a login has to be; a provider that cannot be asked for it logs in as it does."""

    ial: Ial = Ial.SELF_ASSERTED
    aal: Aal = Aal.SINGLE_FACTOR


@dataclass(frozen=True, kw_only=True)
class LoginAttempt:
    """One login, as the provider sees it before the browser leaves and after it came back.

    ``return_url`` ends with the one-time state as its last path segment; None when the login was
    started inside the province's app, where the gateway sent nobody anywhere. ``seed`` is 43
    characters of base64url that the gateway alone can make, the same before and after: a provider
    derives from it what must not be guessed (a code verifier, a nonce) instead of storing it.
    """

    user_type: UserType
    return_url: str | None = None
    seed: str | None = field(default=None, repr=False)
    want: Assurance = field(default_factory=Assurance)

    @property
    def from_app(self) -> bool:
        """Return whether it was started inside the province's app."""
        return self.return_url is None


@dataclass(frozen=True)
class OrgAccount:
    """法人账号: an organisation that a person may act for, and as what.

    ``id`` is the upstream's own of at most 128 characters.
    """

    id: str
    org: Org
    acting_role: ActingRole


@dataclass(frozen=True)
class OrgPage:
    """One page of a person's organisations; pages count from 1."""

    rows: tuple[OrgAccount, ...]
    page: int
    more: bool
    """Whether there is a next page."""
