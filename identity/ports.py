"""What identity needs from others: an identity provider of the province, and a place to keep its
rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from identity.errors import NotOffered
from identity.model import (
    Ial,
    Login,
    LoginState,
    Profile,
    Session,
    UpstreamSession,
    UserType,
)
from identity.upstream import Capability, LoginAttempt, OrgPage
from kernel.work import Work

PORT_VERSION: Final = 2
"""Raised whenever IdentityProvider changes."""


class IdentityProvider(Protocol):
    """统一身份认证系统: a login page, a one-time ticket back, an exchange behind the scenes.

    Calls upstream raise the five upstream errors of ``kernel.errors`` or, where the meaning is
    certain, TicketExpired, TicketReplayed, LoginRefused and ProfileIncomplete of
    ``identity.errors``. A provider inherits from this class and writes what its system has; what
    it leaves out raises NotOffered. Its manifest's ``capabilities`` say which of
    ``identity.upstream.Capability`` it has.
    """

    ticket_parameter: str
    """Name of the query parameter in which the upstream hands back its ticket."""

    async def start_login(self, attempt: LoginAttempt) -> str:
        """Return the address of the login page, which sends the browser back to
        ``attempt.return_url``; most providers need no call upstream for it.
        """
        ...

    async def exchange(self, params: Mapping[str, str], attempt: LoginAttempt) -> UpstreamSession:
        """Swap the ticket in ``params`` for an upstream session; a ticket works once.

        ``params`` came back to ``attempt.return_url``, or from the province's app when
        ``attempt.from_app``, where a provider without APP_LOGIN raises NotOffered. Raises
        LoginCallbackInvalid when there is no ticket in them.
        """
        ...

    async def fetch_principal(self, session: UpstreamSession) -> Profile:
        """Return who logged in."""
        ...

    async def list_orgs(self, session: UpstreamSession, page: int) -> OrgPage:
        """Return one page of the organisations that the person may act for (ORG_LIST)."""
        raise NotOffered(Capability.ORG_LIST)

    async def switch_org(self, session: UpstreamSession, org_id: str) -> UpstreamSession:
        """Return a session of the same person for another organisation of the list (ORG_SWITCH).

        Raises OrgNotYours where the upstream says that the person may not act for it.
        """
        raise NotOffered(Capability.ORG_SWITCH)

    async def handoff_ticket(self, session: UpstreamSession, target_app: str) -> str:
        """Return a one-time ticket (代理票据) for another application of the province (HANDOFF)."""
        raise NotOffered(Capability.HANDOFF)

    async def password_ticket(self, login_name: str, password: str) -> str:
        """Return a one-time ticket for an account's name and password (PASSWORD); for terminals
        that have no browser. Neither is stored or logged.
        """
        raise NotOffered(Capability.PASSWORD)

    def logout_url(self, session: UpstreamSession, return_url: str) -> str | None:
        """Return where to send the browser to log out upstream too; None when the upstream has no
        such page (LOGOUT).
        """
        return None

    def checks(self) -> Sequence[Any]:
        """Return the steps of the self-check, which the adapter kit runs in this order."""
        ...


class Repository(Protocol):
    """The rows of identity. Every method works inside the unit of work that it is given."""

    async def add_login(self, work: Work, login: Login) -> None:
        """Store a login that has just started."""
        ...

    async def login(self, work: Work, state_hash: str) -> Login | None:
        """Return the login with this hashed state."""
        ...

    async def move_login(self, work: Work, login_id: str, old: LoginState, new: LoginState) -> bool:
        """Change the state of a login that still has the old one; False when it has not."""
        ...

    async def burn_ticket(self, work: Work, idp: str, ticket_mac: str, at: datetime) -> bool:
        """Note a ticket as used; False when it was noted before, by whomever."""
        ...

    async def subject(
        self,
        work: Work,
        *,
        new_sub: str,
        idp: str,
        upstream_sub: str,
        user_type: UserType,
        id_number_index: str,
        at: datetime,
    ) -> str:
        """Return the subject id of an account, giving it ``new_sub`` when it comes for the first
        time.
        """
        ...

    async def proven(self, work: Work, sub: str, person_index: str, now: datetime) -> Ial:
        """Return the highest stored proofing of this person at this account that counts now; 0 for
        none.
        """
        ...

    async def add_session(self, work: Work, session: Session) -> None:
        """Store a session that waits for its code."""
        ...

    async def session_by_code(self, work: Work, code_hash: str) -> Session | None:
        """Return the session behind a hashed one-time code."""
        ...

    async def session(self, work: Work, session_id: str) -> Session | None:
        """Return a session."""
        ...

    async def session_by_token(self, work: Work, token_hash: str) -> Session | None:
        """Return the session behind a hashed token."""
        ...

    async def open_session(
        self, work: Work, session_id: str, token_hash: str, at: datetime, expires_at: datetime
    ) -> bool:
        """Give a waiting session its token; False when it does not wait any more."""
        ...

    async def touch_session(self, work: Work, session_id: str, at: datetime) -> None:
        """Note that an active session was used."""
        ...

    async def end_session(self, work: Work, session_id: str) -> bool:
        """End an active session and forget its secrets; False when it was not active."""
        ...

    async def forget(
        self, work: Work, *, now: datetime, idle_since: datetime, old_before: datetime, limit: int
    ) -> int:
        """Empty sessions that are over, delete what is older than ``old_before``; return the rows
        touched.
        """
        ...
