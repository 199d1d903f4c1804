"""What is written together: an act's change, its history, its event, and the task that tells."""

from dataclasses import replace
from typing import Final

from e_seal.model import MAX_DETAIL, ActState, SealAct
from e_seal.ports import ActRepository
from e_seal.states import ACT, PUBLIC, RAISED
from kernel.clock import Clock
from kernel.work import Json, Move, Work

RESUME_TASK: Final = "e_seal.resume"
CHANGED_TASK: Final = "e_seal.changed"
"""Kind of the task that carries a change to whoever the reference belongs to."""

_TOLD: Final = frozenset({ActState.UNKNOWN, ActState.VERIFIED, ActState.FAILED})


class Ledger:
    """Writes changes of acts; every method runs inside the caller's unit of work."""

    def __init__(self, repository: ActRepository, clock: Clock) -> None:
        self._acts = repository
        self._clock = clock

    async def raised(self, work: Work, act: SealAct, actor: str) -> None:
        """Write the history of a new act."""
        await work.moved(_move(None, act, RAISED, actor))

    async def move(self, work: Work, act: SealAct, new: ActState, actor: str) -> SealAct:
        """Move an act that may carry other changes. Raises IllegalTransition, StaleVersion."""
        event = ACT.event(act.state, new)
        detail = act.failure_detail[:MAX_DETAIL]
        moved = replace(act, state=new, failure_detail=detail, updated_at=self._clock.now())
        stored = await self._acts.save(work, moved)
        await work.moved(_move(act.state, stored, event, actor))
        if new in _TOLD:
            payload: dict[str, Json] = {"reference": act.reference, "act_id": act.act_id}
            await work.enqueue(CHANGED_TASK, f"{act.act_id}:{stored.version}", payload)
        return stored


def _move(old: ActState | None, act: SealAct, event: str, actor: str) -> Move:
    return Move(
        machine=ACT.name,
        entity=act.act_id,
        old=old,
        new=act.state,
        event=event,
        reference=act.reference,
        actor=actor,
        data={
            "act_id": act.act_id,
            "document_id": act.document_id,
            "document_version": act.document_version,
            "seal_code": act.seal_code,
            "kind": str(act.kind),
            "request_id": act.request_id,
            "digest": None if act.digest is None else act.digest.hex(),
            "first_request_id": None if act.first_use is None else act.first_use.request_id,
            "status": str(PUBLIC[act.state]),
            "failure": None if act.failure is None else str(act.failure),
        },
        note=act.failure_detail,
    )
