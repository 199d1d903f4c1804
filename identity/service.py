"""Signing in: a ticket of the province becomes an opaque token of the gateway, and back
to nobody.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from identity import codec, errors, model
from identity.arrival import Attempts, fetch
from identity.cache import VerifiedTokens
from identity.model import Login, LoginState, Principal, Profile, Session, SessionState, UserType
from identity.opening import IdentityKeys, Opened, add_session
from identity.options import Options, PortalClient
from identity.ports import IdentityProvider, Repository
from identity.states import LOGIN, SESSION
from kernel.clock import Clock
from kernel.errors import Failure, Unauthenticated
from kernel.ids import IdSource
from kernel.work import Move, Work, WorkSource

TOKEN_PREFIX: Final = "sdat_"
_SWEEP_ROWS: Final = 500


class IdentityService:
    """统一身份认证 behind one door. ``providers`` are by name of the upstream folder."""

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
        self._attempts = Attempts(options.callback_base, keys.index_key)
        self._portals = {portal.client_id: portal for portal in options.portals}
        self._verified: VerifiedTokens[Principal] = VerifiedTokens(
            clock, seconds=options.cache_seconds, size=options.cache_size
        )

    async def begin_login(
        self,
        client_id: str,
        idp: str,
        user_type: UserType,
        return_to: str,
        state: str,
        code_challenge: str,
    ) -> model.LoginStarted:
        """Return where to send the browser, and the value of the one-time login cookie.

        ``state`` is the portal's own and comes back to it untouched; ``code_challenge`` is S256.
        Raises UnknownPortal, ReturnAddressNotRegistered, LoginRequestInvalid, UnknownProvider.
        """
        self.require_return(client_id, return_to)
        if not model.is_portal_state(state) or not model.is_challenge(code_challenge):
            raise errors.LoginRequestInvalid
        return await self.start_login(client_id, idp, user_type, return_to, state, code_challenge)

    async def start_login(
        self,
        client_id: str,
        idp: str,
        user_type: UserType,
        return_to: str,
        state: str,
        code_challenge: str,
    ) -> model.LoginStarted:
        """Do the same for a request that the authorization server has checked already."""
        provider = self._provider(idp)
        now = self._clock.now()
        secret = self._ids.secret()
        login = Login(
            id=self._ids.new("lgn"),
            state_hash=codec.hashed(secret),
            client_id=client_id,
            idp=idp,
            user_type=user_type,
            return_to=return_to,
            portal_state=state,
            code_challenge=code_challenge,
            status=LOGIN.initial,
            created_at=now,
            expires_at=now + timedelta(seconds=self._options.login_seconds),
        )
        redirect = await provider.start_login(self._attempts.by_browser(idp, user_type, secret))
        async with self._works.begin() as work:
            await self._rows.add_login(work, login)
        return model.LoginStarted(redirect, secret)

    async def finish_login(
        self, idp: str, state: str, cookie_value: str, params: Iterable[tuple[str, str]]
    ) -> model.LoginFinished:
        """Exchange the ticket that came back and return the portal's address with a one-time code.

        ``state`` is the last part of the callback's path, ``params`` every query parameter in its
        order, repeated ones too. Raises LoginStateInvalid, LoginCallbackInvalid, TicketReplayed,
        what the provider raises (TicketExpired, LoginRefused, ProfileIncomplete, an UpstreamError);
        after a failure the login is over.
        """
        provider = self._provider(idp)
        if not model.is_secret(state) or not hmac.compare_digest(
            state.encode(), cookie_value.encode()
        ):
            raise errors.LoginStateInvalid("path and cookie differ")
        given = list(params)
        ticket = codec.only_ticket(given, provider.ticket_parameter)
        login = await self._claim(idp, state, ticket)
        try:
            attempt = self._attempts.by_browser(idp, login.user_type, state)
            upstream, profile = await fetch(provider, dict(given), attempt)
        except Failure as failure:
            async with self._works.begin() as work:
                await self._move(work, login, LoginState.REFUSED, note=failure.code)
            raise
        code = await self._complete(login, upstream, profile)
        return model.LoginFinished(codec.with_query(login.return_to, code, login.portal_state))

    async def _claim(self, idp: str, state: str, ticket: str) -> Login:
        now = self._clock.now()
        mac = self._keys.ticket_mark(idp, ticket)
        async with self._works.begin() as work:
            login = await self._rows.login(work, codec.hashed(state))
            if login is None or login.idp != idp:
                raise errors.LoginStateInvalid("no such login")
            # Marked before the exchange: of two racing browsers only one reaches the upstream.
            if not await self._rows.burn_ticket(work, idp, mac, now):
                raise errors.TicketReplayed
            if now >= login.expires_at:
                raise errors.LoginStateInvalid("the login is too old")
            if login.status is not LoginState.STARTED:
                raise errors.LoginStateInvalid("the login was used already")
            await self._move(work, login, LoginState.EXCHANGING)
        return login

    async def _complete(
        self, login: Login, upstream: model.UpstreamSession, profile: Profile
    ) -> str:
        code = self._ids.secret()
        made = Opened(
            session_id=login.id,
            client_id=login.client_id,
            idp=login.idp,
            code_hash=codec.hashed(code),
            code_challenge=login.code_challenge,
            code_life=timedelta(seconds=self._options.code_seconds),
            upstream=upstream,
            profile=profile,
        )
        now = self._clock.now()
        async with self._works.begin() as work:
            who = await add_session(work, self._rows, self._ids, self._keys, made, now)
            await self._move(work, login, LoginState.COMPLETED, actor=f"citizen:{who.sub}")
        return code

    async def redeem(self, client_id: str, code: str, code_verifier: str) -> model.IssuedToken:
        """Return an access token for a one-time code (RFC 7636, S256). Raises UnknownPortal,
        CodeInvalid.
        """
        self._portal(client_id)
        now = self._clock.now()
        ends = now + timedelta(seconds=self._options.absolute_seconds)
        token = self._ids.secret(TOKEN_PREFIX)
        async with self._works.begin() as work:
            session = await self._rows.session_by_code(work, codec.hashed(code))
            if (
                session is None
                or session.client_id != client_id
                or session.principal is None
                or now >= session.code_expires_at
                or not model.proves(code_verifier, session.code_challenge)
                or not await self._rows.open_session(
                    work, session.id, codec.hashed(token), now, ends
                )
            ):
                raise errors.CodeInvalid
            await work.moved(_session_move(session, SessionState.ACTIVE))
        return model.IssuedToken(token, ends, self._principal(session, session.principal))

    async def authenticate(self, token: str) -> Principal:
        """Return who holds this token; raise Unauthenticated when it is unknown, idle too long, or
        over.
        """
        token_hash = codec.token_hash(token, TOKEN_PREFIX)
        known = self._verified.get(token_hash)
        if known is not None:
            return known
        generation = self._verified.generation
        now = self._clock.now()
        async with self._works.read() as work:
            session = await self._rows.session_by_token(work, token_hash)
        if session is None or session.status is not SessionState.ACTIVE:
            raise Unauthenticated("unknown token or ended session")
        seen, ends, sealed = session.last_seen_at, session.expires_at, session.principal
        if seen is None or ends is None or sealed is None:
            raise Unauthenticated("the session is over")
        idle = timedelta(seconds=self._options.idle_seconds)
        if now >= min(ends, seen + idle):
            raise Unauthenticated("the session is over")
        principal = self._principal(session, sealed)
        if now - seen >= timedelta(seconds=self._options.cache_seconds):
            async with self._works.begin() as work:
                await self._rows.touch_session(work, session.id, now)
            seen = now
        until = min(ends, seen + idle)
        self._verified.put(token_hash, principal, until, generation=generation)
        return principal

    def forget(self, token: str) -> None:
        """Drop a token of an ended session from the memory of verified ones."""
        self._verified.drop(codec.token_hash(token, TOKEN_PREFIX))

    async def logout(self, token: str) -> str | None:
        """End the session and return where to send the browser to log out upstream, if anywhere.

        A token that is not valid any more is not an error: there is nothing left to end.
        """
        try:
            token_hash = codec.token_hash(token, TOKEN_PREFIX)
        except Unauthenticated:
            return None
        self._verified.drop(token_hash)
        async with self._works.begin() as work:
            session = await self._rows.session_by_token(work, token_hash)
            if session is None or not await self._rows.end_session(work, session.id):
                return None
            await work.moved(_session_move(session, SessionState.ENDED))
        # Once more: a request that read the row before this commit must not be remembered after it.
        self._verified.drop(token_hash)
        return self._upstream_logout(session)

    def _upstream_logout(self, session: Session) -> str | None:
        provider = self._providers.get(session.idp)
        portal = self._portals.get(session.client_id)
        if provider is None or portal is None or session.upstream is None:
            return None
        stored = self._keys.open(session.id, "upstream", session.upstream)
        upstream = model.UpstreamSession(UserType(str(stored["user_type"])), str(stored["token"]))
        return provider.logout_url(upstream, portal.after_logout or portal.return_to[0])

    def forget_hash(self, token_hash: str) -> None:
        """Forget a verified token, by its hash, whose session has just been raised."""
        self._verified.drop(token_hash)

    def require_return(self, client_id: str, return_to: str) -> None:
        """Raise UnknownPortal, or ReturnAddressNotRegistered unless the portal registered it."""
        if return_to not in self._portal(client_id).return_to:
            raise errors.ReturnAddressNotRegistered

    async def sweep(self) -> int:
        """Empty sessions that are over and delete rows past their keeping; return how many were
        touched.

        Works in batches: call again until it returns 0.
        """
        now = self._clock.now()
        async with self._works.begin() as work:
            return await self._rows.forget(
                work,
                now=now,
                idle_since=now - timedelta(seconds=self._options.idle_seconds),
                old_before=now - timedelta(days=self._options.keep_days),
                limit=_SWEEP_ROWS,
            )

    def _portal(self, client_id: str) -> PortalClient:
        portal = self._portals.get(client_id)
        if portal is None:
            raise errors.UnknownPortal
        return portal

    def _provider(self, idp: str) -> IdentityProvider:
        provider = self._providers.get(idp)
        if provider is None:
            raise errors.UnknownProvider
        return provider

    async def _move(
        self, work: Work, login: Login, new: LoginState, *, actor: str = "system", note: str = ""
    ) -> None:
        old = LoginState.STARTED if new is LoginState.EXCHANGING else LoginState.EXCHANGING
        event = LOGIN.event(old, new)
        if not await self._rows.move_login(work, login.id, old, new):
            raise errors.LoginStateInvalid("the login was used already")
        about = {"idp": login.idp, "client_id": login.client_id, "user_type": login.user_type}
        move = Move(
            LOGIN.name, login.id, old, new, event, login.id, actor, data={**about}, note=note
        )
        await work.moved(move)

    def _principal(self, session: Session, sealed: bytes) -> Principal:
        stored = codec.principal_of_json(self._keys.open(session.id, "principal", sealed))
        return replace(stored, client_id=session.client_id)


def _session_move(session: Session, new: SessionState) -> Move:
    return Move(
        SESSION.name,
        session.id,
        session.status,
        new,
        SESSION.event(session.status, new),
        session.id,
        f"citizen:{session.sub}",
        data={"idp": session.idp, "client_id": session.client_id},
    )
