"""Everything that may wait: which task is carried out by which service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

import e_seal
import payments
from gateway.cases.desk import BILL_TASK
from gateway.cases.licences import ID_PREFIX
from gateway.cases.orders import DOCUMENT_TASK, LICENCE_TASK
from gateway.cases.service import VOID_TASK
from gateway.container import Container
from gateway.worker.keys import register_keys
from gateway.worker.licensing import licence_steps
from gateway.worker.sign_in import register_sign_in
from gateway.worker.webhooks import register_webhooks
from kernel.db import inbox, task_store
from kernel.db.task_kinds import Backoff, TaskRegistry
from kernel.db.task_run import Abandon, Run, Together
from kernel.db.work import SqlWork
from kernel.errors import UpstreamUnavailable
from kernel.work import JsonMap

PUSH_TASK: Final = "payments.push"
SWEEP_TASK: Final = "payments.sweep"
RECON_TASK: Final = "payments.reconcile"
SEAL_SWEEP_TASK: Final = "e_seal.sweep"
_DAILY: Final = timedelta(days=1)
_HOURLY: Final = timedelta(hours=1)
_SEAL_CRONS: Final = {
    SEAL_SWEEP_TASK: (_HOURLY, timedelta()),
    "e_seal.revocations": (_DAILY, timedelta(hours=5, minutes=20)),
}
"""What seals have the clock start, with period and offset: carry on, fetch the list of the dead."""
_KEEP_DONE: Final = timedelta(days=30)
_SWEEP_AT: Final = timedelta(hours=6, minutes=40)
_RECON_AT: Final = timedelta(hours=6, minutes=40)
"""Ten minutes after finance publishes its files."""
_PATIENT: Final = Backoff(base=timedelta(seconds=2), cap=timedelta(minutes=10))
_MANY: Final = 60
"""Ten minutes apart at the most: upstreams may be down for half a day."""
_PUSHES_AT_ONCE: Final = 200
"""How many pushes are booked in one transaction (OURS): beyond that it gets no cheaper."""

Act = Callable[[Run], Awaitable[None]]
SealStep = Callable[[e_seal.SealService, JsonMap], Awaitable[None]]
PaymentStep = Callable[[payments.PaymentService, JsonMap], Awaitable[None]]


def text(run: Run, name: str) -> str:
    """Return a text of the payload. Raises Abandon, since no repetition would add it."""
    value = run.payload.get(name)
    if not isinstance(value, str):
        raise Abandon("payload_invalid", f"{name} is missing")
    return value


def register(registry: TaskRegistry, services: Container) -> None:
    """Register every kind of task that this system writes."""
    for kind, step in payments.STEPS.items():
        if kind not in {SWEEP_TASK, RECON_TASK}:
            registry.register(
                kind, [_payment_step(services, step)], max_attempts=_MANY, backoff=_PATIENT
            )
    registry.register(payments.CHANGED_TASK, [_changed(services)], max_attempts=_MANY)
    registry.register(
        PUSH_TASK,
        [_push(services)],
        max_attempts=_MANY,
        backoff=_PATIENT,
        together=_pushes(services),
        most=_PUSHES_AT_ONCE,
    )
    registry.register(BILL_TASK, [_bill(services)], max_attempts=_MANY, backoff=_PATIENT)
    registry.register(VOID_TASK, [_void_bills(services)], max_attempts=_MANY, backoff=_PATIENT)
    registry.register(
        DOCUMENT_TASK,
        [_compose(services), _seal(services)],
        max_attempts=_MANY,
        backoff=_PATIENT,
    )
    registry.register(LICENCE_TASK, licence_steps(services), max_attempts=_MANY, backoff=_PATIENT)
    for kind, seal_step in e_seal.STEPS.items():
        if kind not in _SEAL_CRONS:
            registry.register(
                kind, [_seal_step(services, seal_step)], max_attempts=_MANY, backoff=_PATIENT
            )
    registry.register(e_seal.CHANGED_TASK, [_sealed(services)], max_attempts=_MANY)
    for kind, (period, offset) in _SEAL_CRONS.items():
        step_of_kind = _seal_step(services, e_seal.STEPS[kind])
        registry.every(kind, period, [step_of_kind], offset=offset)
    sweep = payments.STEPS[SWEEP_TASK]
    registry.every(SWEEP_TASK, _DAILY, [_payment_step(services, sweep)], offset=_SWEEP_AT)
    reconcile = payments.STEPS[RECON_TASK]
    registry.every(
        RECON_TASK,
        _DAILY,
        [_payment_step(services, reconcile)],
        offset=_RECON_AT,
        max_attempts=_MANY,
        backoff=_PATIENT,
    )
    register_keys(registry, services)
    register_sign_in(registry, services)
    register_webhooks(registry, services)
    registry.every("identity.sweep", _HOURLY, [_forget_logins(services)])
    registry.every("idempotency.purge", _HOURLY, [_purge_keys(services)])
    registry.every("tasks.purge", _DAILY, [_purge_tasks(services)])


def _payment_step(services: Container, step: PaymentStep) -> Act:
    async def act(run: Run) -> None:
        await step(services.payments, run.payload)

    return act


def _seal_step(services: Container, step: SealStep) -> Act:
    async def act(run: Run) -> None:
        await step(services.seals, run.payload)

    return act


def _sealed(services: Container) -> Act:
    async def act(run: Run) -> None:
        found = await services.seals.get(text(run, "act_id"))
        if not found.is_sealed:
            return
        if found.document_id.startswith(ID_PREFIX):
            await services.results.seal(found.document_id)
        else:
            await services.papers.seal(found.document_id)

    return act


def _changed(services: Container) -> Act:
    async def act(run: Run) -> None:
        await services.fees.settle(text(run, "reference"), text(run, "bill_id"))

    return act


def _push(services: Container) -> Act:
    async def act(run: Run) -> None:
        number = run.payload.get("inbox_id")
        if not isinstance(number, int):
            raise Abandon("payload_invalid", "inbox_id is missing")
        async with services.works.read() as work:
            message = await inbox.get(work, number)
        if message is None:
            raise Abandon("inbox_row_missing")
        if message.handled_at is not None:
            return
        await payments.push_step(services.payments, message.body, message.decoded)
        async with run.checkpoint() as work:
            await inbox.mark(work, number, "handled")

    return act


def _pushes(services: Container) -> Together:
    """Book what is plain among many pushes in one unit; the rest is left to ``_push``."""

    async def act(work: SqlWork, runs: Sequence[Run]) -> Sequence[Run]:
        numbers = {n: run for run in runs if isinstance(n := run.payload.get("inbox_id"), int)}
        waiting = await inbox.decoded_many(work, numbers.keys())
        # In the order of their arrival: the first payment of a bill pays it.
        facts = {n: payments.load_push(data) for n, data in sorted(waiting.items()) if data}
        booked = await services.payments.book(work, list(facts.values()))
        done = [number for number, is_done in zip(facts, booked, strict=True) if is_done]
        if done:
            await inbox.mark_many(work, done, "handled")
        return [numbers[number] for number in done]

    return act


def _bill(services: Container) -> Act:
    async def act(run: Run) -> None:
        # A bill that stays unissued is the payment domain's own task from here on.
        await services.fees.bill(text(run, "case_id"))

    return act


def _void_bills(services: Container) -> Act:
    async def act(run: Run) -> None:
        await services.fees.void_bills(text(run, "case_id"))

    return act


def _compose(services: Container) -> Act:
    async def act(run: Run) -> None:
        await services.papers.compose(text(run, "document_id"))

    return act


def _seal(services: Container) -> Act:
    async def act(run: Run) -> None:
        if not await services.papers.seal(text(run, "document_id")):
            raise UpstreamUnavailable("the seal system has not answered yet")

    return act


def _forget_logins(services: Container) -> Act:
    async def act(_run: Run) -> None:
        while await services.identity.sweep():
            pass
        keep = timedelta(days=services.settings.identity.keep_days)
        while await services.staff.accounts.sweep(keep):
            pass
        while await services.mandates.sweep():
            pass

    return act


def _purge_tasks(services: Container) -> Act:
    async def act(_run: Run) -> None:
        purged = 1
        while purged:
            async with services.works.begin() as work:
                purged = await task_store.purge(work, services.clock.now() - _KEEP_DONE)

    return act


def _purge_keys(services: Container) -> Act:
    async def act(_run: Run) -> None:
        purged = 1
        while purged:
            async with services.works.begin() as work:
                purged = await services.idempotency.purge(work)

    return act
