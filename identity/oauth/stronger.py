"""A login that is weaker than its client asked for goes on to a second factor by itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from identity import codec
from identity.errors import LoginStateInvalid, StepUpInProgress, StepUpNotPossible, TooManyStepUps
from identity.jose import JwtRefused
from identity.model import Principal, SessionState, is_secret
from identity.oauth.authorize import Authorization, Away
from identity.oauth.model import PushedRequest, SessionView
from identity.oauth.ports import OAuthRows
from identity.oauth.sessions import Sessions
from identity.stepup.model import StepUpState
from identity.stepup.service import StepUpService
from kernel.clock import Clock
from kernel.errors import Failure, UpstreamUnavailable
from kernel.ids import IdSource
from kernel.work import WorkSource

CONTINUE_PATH: Final = "/oauth2/continue"
_UNMET: Final = "unmet_authentication_requirements"


class StrongerLogin:
    """The last part of the authorization endpoint. ``step_up_life`` is how long a second factor may
    take, ``code_life`` how long the code that follows it works.

    Its browser is known by the login's one-time cookie, which lives until the code is handed out.
    """

    def __init__(
        self,
        rows: OAuthRows,
        works: WorkSource,
        clock: Clock,
        ids: IdSource,
        sessions: Sessions,
        authorization: Authorization,
        step_ups: StepUpService,
        *,
        issuer: str,
        step_up_life: timedelta,
        code_life: timedelta,
    ) -> None:
        self._rows = rows
        self._works = works
        self._clock = clock
        self._ids = ids
        self._sessions = sessions
        self._authorization = authorization
        self._step_ups = step_ups
        self._back = f"{issuer}{CONTINUE_PATH}"
        self._step_up_life = step_up_life
        self._code_life = code_life

    async def finish(
        self, idp: str, state: str, cookie: str, params: Iterable[tuple[str, str]]
    ) -> Away:
        """Do what ``Authorization.finish`` does; a login that is too weak goes to a second factor
        that reaches what was asked for. Where none does, the client is told so.
        """
        away = await self._authorization.finish(idp, state, cookie, params)
        weak = away.weak
        if weak is None:
            return away
        begun = await self._begun(weak.request, weak.session, state)
        return begun or await self._refused(weak.request, weak.session, _UNMET)

    async def go_on(self, state: str, step_up_id: str) -> Away:
        """Take the browser back from the second factor and send it on with a new code.

        ``state`` is the login cookie. Raises LoginStateInvalid, StepUpNotFound, and
        StepUpInProgress while the provider does not say how it ended: the page may be loaded again.
        """
        if not is_secret(state):
            raise LoginStateInvalid("no login cookie")
        async with self._works.read() as work:
            request = await self._rows.request_of_login(work, codec.hashed(state))
            session = (
                None
                if request is None or request.session_id is None
                else await self._rows.session(work, request.session_id)
            )
        if request is None or session is None or not self._waits(session):
            raise LoginStateInvalid("no login waits for a second factor")
        answer = await self._step_ups.result(self._principal(session), step_up_id, "")
        if answer.step_up.state in {StepUpState.STARTING, StepUpState.STARTED}:
            raise StepUpInProgress
        async with self._works.read() as work:
            raised = await self._rows.session(work, session.id)
        if raised is None or not self._authorization.strong_enough(request, raised):
            return await self._refused(request, session, _UNMET)
        code = self._ids.secret()
        await self._renew(session, code, self._code_life)
        return self._authorization.sent_back(request, {"code": code})

    def _waits(self, session: SessionView) -> bool:
        awaiting = session.status == SessionState.AWAITING_CODE
        return awaiting and self._clock.now() < session.code_expires_at

    def _principal(self, session: SessionView) -> Principal:
        try:
            return self._sessions.principal(session)
        except JwtRefused as refused:
            raise LoginStateInvalid(refused.reason) from refused

    async def _begun(self, request: PushedRequest, session: SessionView, state: str) -> Away | None:
        principal = self._principal(session)
        # The first code went nowhere; until the second factor passed there is none that anybody
        # could have.
        await self._renew(session, self._ids.secret(), self._step_up_life)
        for acr in request.acr_values.split():
            try:
                started = await self._step_ups.begin_in_login(principal, acr, self._back)
            except (StepUpNotPossible, TooManyStepUps):
                continue
            except Failure as failure:
                down = isinstance(failure, UpstreamUnavailable)
                error = "temporarily_unavailable" if down else "access_denied"
                return await self._refused(request, session, error)
            if started.url is not None:
                return Away(started.url, cookie_value=state)
        return None

    async def _renew(self, session: SessionView, code: str, life: timedelta) -> None:
        until = self._clock.now() + life
        async with self._works.begin() as work:
            if not await self._rows.renew_code(work, session.id, codec.hashed(code), until):
                raise LoginStateInvalid("the login is over")

    async def _refused(self, request: PushedRequest, session: SessionView, error: str) -> Away:
        async with self._works.begin() as work:
            await self._sessions.end(work, session)
        return self._authorization.sent_back(request, {"error": error})
