"""Raises a session by a second factor: lock, call, record; what is not known is asked again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from identity import codec, errors
from identity.factor_ports import (
    FactorNotStarted,
    FactorResult,
    FactorStarted,
    FactorState,
    FactorSubject,
    SecondFactor,
)
from identity.model import Principal, Session, SessionState
from identity.policy.acr import Levels, levels_of
from identity.policy.methods import Methods, UnknownMethod
from identity.proofing.model import ProofingSource
from identity.proofing.service import ProofingService
from identity.stepup.model import StepUp, StepUpAnswer, StepUpStarted, StepUpState
from identity.stepup.ports import StepUpRepository
from identity.stepup.states import STEP_UP
from identity.vault import SessionVault
from kernel.clock import Clock
from kernel.errors import Failure, UpstreamOutcomeUnknown, UpstreamUnavailable
from kernel.ids import IdSource
from kernel.work import Move, Work, WorkSource

_SKEW: Final = timedelta(seconds=60)
"""By how much a provider's clock may be behind ours (OURS)."""
_OPEN: Final = frozenset({StepUpState.STARTING, StepUpState.STARTED})
_ENDS: Final[Mapping[FactorState, StepUpState]] = {
    FactorState.PASSED: StepUpState.PASSED,
    FactorState.FAILED: StepUpState.FAILED,
    FactorState.EXPIRED: StepUpState.EXPIRED,
}


@dataclass(frozen=True)
class Limits:
    """How long one step-up may take, and how many one subject may begin within ``window``."""

    life: timedelta
    window: timedelta
    most: int


class StepUpService:
    """加强认证. ``factors`` are by what they add to ``amr``; ``token_prefix`` begins new tokens;
    ``forget`` is told which session was raised, and the hash of its own token; ``require_return``
    refuses an address that the calling client (its id) did not register.
    """

    def __init__(
        self,
        factors: Mapping[str, SecondFactor],
        repository: StepUpRepository,
        works: WorkSource,
        clock: Clock,
        ids: IdSource,
        vault: SessionVault,
        methods: Methods,
        limits: Limits,
        *,
        token_prefix: str,
        forget: Callable[[str, str | None], None],
        require_return: Callable[[str, str], Awaitable[None]],
        proofings: ProofingService,
    ) -> None:
        self._factors = factors
        self._rows = repository
        self._works = works
        self._clock = clock
        self._ids = ids
        self._vault = vault
        self._methods = methods
        self._limits = limits
        self._prefix = token_prefix
        self._forget = forget
        self._require_return = require_return
        self._proofings = proofings

    async def begin(
        self, principal: Principal, acr: str, return_url: str, factor: str | None = None
    ) -> StepUpStarted:
        """Start a second factor that reaches ``acr``; the browser comes back to ``return_url``.

        Raises AcrUnknown, StepUpNotPossible when no connected factor reaches it, TooManyStepUps,
        ReturnAddressNotRegistered, and the provider's upstream errors.
        """
        step_up = self._new(principal, acr, factor)
        await self._require_return(principal.client_id, return_url)
        async with self._works.begin() as work:
            session = await self._rows.session(work, step_up.session_id, lock=True)
            if session is None or session.status is not SessionState.ACTIVE:
                raise errors.StepUpNotPossible("there is no session that could be raised")
            await self._admit(work, step_up)
        return await self._started(step_up, principal, return_url)

    async def begin_in_login(
        self, principal: Principal, acr: str, return_url: str
    ) -> StepUpStarted:
        """Do the same within a login whose code nobody has yet; ``return_url`` is our own.

        Raises as ``begin`` does.
        """
        step_up = self._new(principal, acr, None)
        async with self._works.begin() as work:
            session = await self._rows.session(work, step_up.session_id, lock=True)
            if session is None or session.status is not SessionState.AWAITING_CODE:
                raise errors.StepUpNotPossible("there is no login that could be raised")
            await self._admit(work, step_up)
        return await self._started(step_up, principal, return_url)

    def _new(self, principal: Principal, acr: str, factor: str | None) -> StepUp:
        if not principal.person.id_number:
            raise errors.StepUpNotPossible("nobody knows yet who holds this account")
        now = self._clock.now()
        return StepUp(
            id=self._ids.new("stu"),
            session_id=principal.session_id,
            sub=principal.sub,
            factor=self._choose(principal, levels_of(acr), factor),
            reference=codec.hashed(self._ids.secret())[:32],
            acr=acr,
            state=STEP_UP.initial,
            created_at=now,
            expires_at=now + self._limits.life,
        )

    async def _admit(self, work: Work, step_up: StepUp) -> None:
        since = step_up.created_at - self._limits.window
        if await self._rows.begun_since(work, step_up.sub, since) >= self._limits.most:
            wait = int(self._limits.window.total_seconds())
            raise errors.TooManyStepUps(retry_after=wait)
        await self._rows.add(work, step_up)

    async def _started(
        self, step_up: StepUp, principal: Principal, return_url: str
    ) -> StepUpStarted:
        started = await self._start(step_up, principal, f"{return_url}{_joint(return_url)}")
        async with self._works.begin() as work:
            step_up = await self._move(work, step_up, StepUpState.STARTED)
        return StepUpStarted(step_up, started.url, started.qr_text)

    async def result(self, principal: Principal, step_up_id: str, held: str) -> StepUpAnswer:
        """Return how a step-up of the caller's session stands, after asking its provider.

        A pass raises the session once; when ``held``, the token that the caller showed, is the
        session's own, it is replaced. A client's token never becomes the session's. Where the
        provider does not answer, the step-up stays open. Raises StepUpNotFound.
        """
        async with self._works.read() as work:
            step_up = await self._rows.get(work, step_up_id)
        if step_up is None or step_up.session_id != principal.session_id:
            raise errors.StepUpNotFound
        if step_up.state not in _OPEN:
            return StepUpAnswer(step_up)
        try:
            found = await self._factor(step_up.factor).result(
                step_up.reference, FactorSubject.of(principal)
            )
        except (UpstreamUnavailable, UpstreamOutcomeUnknown):
            return StepUpAnswer(step_up)
        except FactorNotStarted:
            return await self._close(step_up, StepUpState.FAILED, "not_started")
        return await self._conclude(step_up, found, codec.hashed(held))

    async def _start(self, step_up: StepUp, principal: Principal, back: str) -> FactorStarted:
        subject = FactorSubject.of(principal)
        try:
            return await self._factor(step_up.factor).start(
                subject, return_url=f"{back}{step_up.id}", reference=step_up.reference
            )
        except UpstreamOutcomeUnknown:
            raise
        except Failure as failure:
            await self._close(step_up, StepUpState.FAILED, failure.code)
            raise

    async def _conclude(self, step_up: StepUp, found: FactorResult, held: str) -> StepUpAnswer:
        if found.state is FactorState.PENDING:
            if self._clock.now() < step_up.expires_at:
                return StepUpAnswer(step_up)
            return await self._close(step_up, StepUpState.EXPIRED, "too_late")
        if found.state is not FactorState.PASSED:
            return await self._close(step_up, _ENDS[found.state], found.reason[:64])
        if found.at is None or found.at < step_up.created_at - _SKEW:
            return await self._close(step_up, StepUpState.FAILED, "older_than_its_start")
        if found.at > step_up.expires_at + _SKEW:
            return await self._close(step_up, StepUpState.EXPIRED, "too_late")
        try:
            self._methods.aal_of(found.amr)
        except UnknownMethod:
            return await self._close(step_up, StepUpState.FAILED, "amr_unknown")
        return await self._raise(step_up, found, held)

    async def _raise(self, step_up: StepUp, found: FactorResult, held: str) -> StepUpAnswer:
        token = self._ids.secret(self._prefix)
        async with self._works.begin() as work:
            session = await self._rows.session(work, step_up.session_id, lock=True)
            if session is None or session.status is SessionState.ENDED:
                raise errors.StepUpNotPossible("the session is over")
            passed = await self._move(
                work, step_up, StepUpState.PASSED, evidence=str(found.evidence)[:200]
            )
            before = self._before(session)
            raised = self._raised(before, found)
            if raised.ial > before.ial:
                evidence = {"factor": step_up.factor, "reference": passed.evidence or ""}
                await self._proofings.keep(
                    work, raised, raised.ial, ProofingSource.SECOND_FACTOR, evidence
                )
            sealed = self._vault.seal(session.id, "principal", codec.principal_as_json(raised))
            own = session.token_hash == held
            new_hash = codec.hashed(token) if own else None
            await self._rows.raise_session(work, session.id, sealed, new_hash)
        self._forget(session.id, session.token_hash)
        return StepUpAnswer(passed, token if own else None, session.expires_at)

    def _before(self, session: Session) -> Principal:
        if session.principal is None:
            raise errors.StepUpNotPossible("the session holds nobody any more")
        return self._vault.principal(session.id, session.principal)

    def _raised(self, before: Principal, found: FactorResult) -> Principal:
        """Return who the session stands for after a pass. Strength is that of all methods; proofing
        rises only by a method that compares the person with the official record.
        """
        amr = tuple(dict.fromkeys((*before.amr, *found.amr)))
        return replace(
            before,
            amr=amr,
            aal=max(before.aal, self._methods.aal_of(amr)),
            ial=max(before.ial, self._methods.ial_of(found.amr)),
            auth_time=min(found.at or before.auth_time, self._clock.now()),
        )

    async def _close(self, step_up: StepUp, new: StepUpState, reason: str) -> StepUpAnswer:
        async with self._works.begin() as work:
            return StepUpAnswer(await self._move(work, step_up, new, reason=reason))

    async def _move(
        self,
        work: Work,
        step_up: StepUp,
        new: StepUpState,
        *,
        evidence: str | None = None,
        reason: str = "",
    ) -> StepUp:
        event = STEP_UP.event(step_up.state, new)
        ended = None if new in _OPEN else self._clock.now()
        moved = replace(step_up, state=new, finished_at=ended, evidence=evidence, reason=reason)
        if not await self._rows.change(work, moved, step_up.state):
            raise errors.StepUpInProgress
        await work.moved(
            Move(
                STEP_UP.name,
                step_up.id,
                step_up.state,
                new,
                event,
                step_up.session_id,
                f"citizen:{step_up.sub}",
                data={"factor": step_up.factor, "acr": step_up.acr, "reason": reason},
                note=reason,
            )
        )
        return moved

    def _choose(self, principal: Principal, wanted: Levels, factor: str | None) -> str:
        names = sorted(self._factors) if factor is None else [factor]
        for name in names:
            if name not in self._factors:
                continue
            aal = max(principal.aal, self._methods.aal_of((*principal.amr, name)))
            ial = max(principal.ial, self._methods.ial_of((name,)))
            if aal >= wanted.aal and ial >= wanted.ial:
                return name
        raise errors.StepUpNotPossible("no connected second factor reaches this")

    def _factor(self, name: str) -> SecondFactor:
        found = self._factors.get(name)
        if found is None:
            raise errors.StepUpNotPossible("the second factor is not connected any more")
        return found


def _joint(return_url: str) -> str:
    return "&step_up=" if "?" in return_url else "?step_up="
