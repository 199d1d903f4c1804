"""法人账号切换: a legal person's session lists the person's organisations and goes over to
another one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from identity import codec, errors
from identity.model import (
    IssuedToken,
    Principal,
    Profile,
    Session,
    SessionState,
    UpstreamSession,
    UserType,
)
from identity.opening import IdentityKeys, Opened, add_session
from identity.ports import IdentityProvider, Repository
from identity.service import TOKEN_PREFIX
from identity.states import SESSION
from identity.upstream import OrgPage
from kernel.clock import Clock
from kernel.errors import Unauthenticated, UpstreamOutcomeUnknown
from kernel.ids import IdSource
from kernel.work import Move, WorkSource

_ORG_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(frozen=True)
class _Held:
    """An active session with what it keeps encrypted."""

    session: Session
    principal: Principal
    upstream: UpstreamSession
    ends: datetime


class Organisations:
    """Lists and switches for sessions whose token was let pass just now.

    ``forget`` drops a token from the memory of verified ones.
    """

    def __init__(
        self,
        providers: Mapping[str, IdentityProvider],
        repository: Repository,
        works: WorkSource,
        clock: Clock,
        ids: IdSource,
        keys: IdentityKeys,
        forget: Callable[[str], None],
    ) -> None:
        self._providers = providers
        self._rows = repository
        self._works = works
        self._clock = clock
        self._ids = ids
        self._keys = keys
        self._forget = forget

    async def listed(self, session_id: str, page: int) -> OrgPage:
        """Return one page, from 1, of the organisations that the person may act for.

        Raises Unauthenticated, LegalPersonNeeded, UnknownProvider, NotOffered, TicketExpired when
        the province ended its session, or an UpstreamError.
        """
        async with self._works.read() as work:
            session = await self._rows.session(work, session_id)
        held = self._opened(session)
        return await self._provider(held).list_orgs(held.upstream, page)

    async def switch(self, token: str, org_id: str) -> IssuedToken:
        """Return the token of a new session for another organisation; the old session is over.

        The new one ends when the old one would have, and the moment and strength of the login stay
        those of the old one, since nobody signed in anew. Raises like ``listed``, and OrgNotYours,
        ProfileIncomplete, LoginRefused when another person came back, LoginInterrupted when the
        province's answer was lost.
        """
        held = await self._held(token)
        if _ORG_ID.fullmatch(org_id) is None:
            raise errors.OrgNotYours
        provider = self._provider(held)
        try:
            upstream = await provider.switch_org(held.upstream, org_id)
            profile = await provider.fetch_principal(upstream)
        except UpstreamOutcomeUnknown as exc:
            raise errors.LoginInterrupted from exc
        _require_same_person(held.principal, profile)
        return await self._reopen(token, held, upstream, profile)

    async def _reopen(
        self, token: str, held: _Held, upstream: UpstreamSession, profile: Profile
    ) -> IssuedToken:
        now, old = self._clock.now(), held.session
        fresh, session_id = self._ids.secret(TOKEN_PREFIX), self._ids.new("lgn")
        was = held.principal
        profile = replace(profile, aal=was.aal, amr=was.amr, auth_time=was.auth_time)
        made = Opened(
            session_id=session_id,
            client_id=old.client_id,
            idp=old.idp,
            # Nobody holds this code: the session opens here and now.
            code_hash=codec.hashed(self._ids.secret()),
            code_challenge=self._ids.secret(),
            code_life=timedelta(0),
            upstream=upstream,
            profile=profile,
        )
        async with self._works.begin() as work:
            if not await self._rows.end_session(work, old.id):
                raise Unauthenticated("the session ended meanwhile")
            await work.moved(_move(old, SessionState.ACTIVE, SessionState.ENDED))
            principal = await add_session(work, self._rows, self._ids, self._keys, made, now)
            await self._rows.open_session(work, session_id, codec.hashed(fresh), now, held.ends)
            begun = replace(old, id=session_id, sub=principal.sub)
            await work.moved(_move(begun, SESSION.initial, SessionState.ACTIVE))
        self._forget(token)
        return IssuedToken(fresh, held.ends, principal)

    async def _held(self, token: str) -> _Held:
        token_hash = codec.token_hash(token, TOKEN_PREFIX)
        async with self._works.read() as work:
            session = await self._rows.session_by_token(work, token_hash)
        return self._opened(session)

    def _opened(self, session: Session | None) -> _Held:
        if session is None or session.status is not SessionState.ACTIVE:
            raise Unauthenticated("unknown token or ended session")
        sealed, kept, ends = session.principal, session.upstream, session.expires_at
        if sealed is None or kept is None or ends is None or self._clock.now() >= ends:
            raise Unauthenticated("the session is over")
        principal = codec.principal_of_json(self._keys.open(session.id, "principal", sealed))
        if principal.user_type is not UserType.LEGAL_PERSON:
            raise errors.LegalPersonNeeded
        told = self._keys.open(session.id, "upstream", kept)
        upstream = UpstreamSession(UserType(str(told["user_type"])), str(told["token"]))
        return _Held(session, principal, upstream, ends)

    def _provider(self, held: _Held) -> IdentityProvider:
        provider = self._providers.get(held.session.idp)
        if provider is None:
            raise errors.UnknownProvider
        return provider


def _require_same_person(was: Principal, now: Profile) -> None:
    before, after = was.person, now.person
    same = (before.id_type, before.id_number) == (after.id_type, after.id_number)
    if not same or now.user_type is not UserType.LEGAL_PERSON:
        raise errors.LoginRefused("the upstream switched to another person")


def _move(session: Session, old: SessionState, new: SessionState) -> Move:
    event, actor = SESSION.event(old, new), f"citizen:{session.sub}"
    about = {"idp": session.idp, "client_id": session.client_id}
    return Move(SESSION.name, session.id, old, new, event, session.id, actor, data={**about})
