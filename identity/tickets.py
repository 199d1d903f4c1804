"""Signing in without a browser: a ticket or token of the province's app, shown by its back end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from identity import codec
from identity.arrival import fetch
from identity.errors import LoginInterrupted, LoginRefused, TicketReplayed, UnknownProvider
from identity.model import Principal, Profile, SessionState, UpstreamSession, UserType
from identity.opening import IdentityKeys, Opened, add_session
from identity.options import Options
from identity.ports import IdentityProvider, Repository
from identity.states import SESSION
from identity.upstream import LoginAttempt
from kernel.clock import Clock
from kernel.errors import UpstreamOutcomeUnknown
from kernel.ids import IdSource
from kernel.work import Move, WorkSource


@dataclass(frozen=True)
class SignedIn:
    """A citizen who came by the back end of an app; ``ends`` is the session's absolute end."""

    principal: Principal
    session_id: str
    ends: datetime


class TicketSignIn:
    """Makes sessions out of what the province's app gave to a page inside it (OURS, §1.5)."""

    def __init__(
        self,
        providers: Mapping[str, IdentityProvider],
        repository: Repository,
        works: WorkSource,
        clock: Clock,
        ids: IdSource,
        keys: IdentityKeys,
        options: Options,
    ) -> None:
        self._providers = providers
        self._rows = repository
        self._works = works
        self._clock = clock
        self._ids = ids
        self._keys = keys
        self._options = options

    async def by_ticket(
        self, client_id: str, idp: str, user_type: UserType, ticket: str
    ) -> SignedIn:
        """Swap a one-time ticket for a session of this client. Raises UnknownProvider,
        TicketReplayed, NotOffered, and what the provider raises.
        """
        name, provider = self._provider(idp)
        mark = self._keys.ticket_mark(name, ticket)
        async with self._works.begin() as work:
            # Marked before the exchange: of two racing calls only one reaches the upstream.
            if not await self._rows.burn_ticket(work, name, mark, self._clock.now()):
                raise TicketReplayed
        attempt = LoginAttempt(user_type=user_type)
        upstream, profile = await fetch(provider, {provider.ticket_parameter: ticket}, attempt)
        return await self._store(client_id, name, upstream, profile)

    async def by_token(self, client_id: str, idp: str, user_type: UserType, token: str) -> SignedIn:
        """Ask the province whose token this is, and make a session. Raises UnknownProvider and what
        the provider raises.
        """
        name, provider = self._provider(idp)
        upstream = UpstreamSession(user_type, token)
        try:
            profile = await provider.fetch_principal(upstream)
        except UpstreamOutcomeUnknown as exc:
            # Only a question: asking again harms nothing.
            raise LoginInterrupted from exc
        if profile.user_type is not user_type:
            raise LoginRefused("the token is of another type of user")
        return await self._store(client_id, name, upstream, profile)

    def _provider(self, idp: str) -> tuple[str, IdentityProvider]:
        name = idp or (next(iter(self._providers)) if len(self._providers) == 1 else "")
        provider = self._providers.get(name)
        if provider is None:
            raise UnknownProvider
        return name, provider

    async def _store(
        self, client_id: str, idp: str, upstream: UpstreamSession, profile: Profile
    ) -> SignedIn:
        now = self._clock.now()
        ends = now + timedelta(seconds=self._options.absolute_seconds)
        made = Opened(
            session_id=self._ids.new("lgn"),
            client_id=client_id,
            idp=idp,
            # Nobody knows this code: the session begins at once.
            code_hash=codec.hashed(self._ids.secret()),
            code_challenge="",
            code_life=timedelta(0),
            upstream=upstream,
            profile=profile,
        )
        session_id = made.session_id
        async with self._works.begin() as work:
            principal = await add_session(work, self._rows, self._ids, self._keys, made, now)
            token_hash = codec.hashed(self._ids.secret())
            await self._rows.open_session(work, session_id, token_hash, now, ends)
            old, new = SessionState.AWAITING_CODE, SessionState.ACTIVE
            event, about = SESSION.event(old, new), {"idp": idp, "client_id": client_id}
            actor = f"client:{client_id}"
            await work.moved(
                Move(SESSION.name, session_id, old, new, event, session_id, actor, data={**about})
            )
        return SignedIn(principal, session_id, ends)
