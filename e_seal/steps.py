"""What the worker does for seals: plain functions that the gateway registers as task steps."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from e_seal.ledger import RESUME_TASK
from e_seal.service import SealService
from kernel.work import JsonMap

Step = Callable[[SealService, JsonMap], Awaitable[None]]
"""A step is repeated by the worker, with growing pauses, when it raises a kernel Failure."""


async def resume_step(service: SealService, payload: JsonMap) -> None:
    """Carry one act on to its end."""
    act_id = payload["act_id"]
    if not isinstance(act_id, str):
        raise TypeError("the task's act_id is not text")
    await service.resume(act_id)


async def sweep_step(service: SealService, _payload: JsonMap) -> None:
    """Carry on every act that is not final."""
    after: str | None = ""
    while after is not None:
        after = await service.sweep(after)


async def revocations_step(service: SealService, _payload: JsonMap) -> None:
    """Fetch what the list of dead seals has gained (印章失效列表)."""
    await service.status_book.sweep()


STEPS: Final[Mapping[str, Step]] = {
    RESUME_TASK: resume_step,
    "e_seal.sweep": sweep_step,
    "e_seal.revocations": revocations_step,
}
"""The step of each kind of task written here; ``e_seal.changed`` is the gateway's."""
