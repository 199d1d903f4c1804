"""The event stream of another server on the same database: facts reach a listening client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta

import httpx
import pytest

from gateway.events.feed import Pace
from gateway.worker.steps import register
from identity import StaffRole
from kernel.clock import beijing
from kernel.db.task_kinds import TaskRegistry
from kernel.db.tasks import TaskEngine
from tests.api.outside import Stream, serving
from tests.api.test_payments import at_the_till, due
from tests.api.test_payments_desk import DIVISION, let_pass, publish, punctual
from tests.api.world import OTHER, Caller, World, ok, refused

__all__ = ["punctual"]

HOUR = 3600.0
"""Nobody who looks this rarely hears of anything within a test: he must be called."""
PATIENCE = 30.0
"""How long a machine under load may take; the bar is two seconds, and ``make bench`` measures."""


@asynccontextmanager
async def worker(world: World) -> AsyncIterator[None]:
    """Work on tasks while the block runs, called by commits and never by the clock."""
    registry, stop = TaskRegistry(), asyncio.Event()
    register(registry, world.container)
    poll = timedelta(seconds=HOUR)
    engine = TaskEngine(world.container.works, registry, chance=lambda: 0.0, poll=poll)
    working = asyncio.create_task(engine.run_forever(stop))
    try:
        yield
    finally:
        stop.set()
        await working


async def the_three_facts(world: World, pace: Pace) -> None:
    """Pay, let the money arrive, reconcile: the payer hears each fact once, strangers nothing."""
    citizen, other = await world.sign_in(), await world.sign_in(OTHER)
    ops = await world.staff(StaffRole.OPS)
    case_id, bill = await due(world, citizen)
    mine, strangers, everything = Stream(), Stream(), Stream()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(world, pace))
        for stream, path, caller in (
            (mine, "events", citizen),
            (strangers, "events", other),
            (everything, "staff/events", ops),
        ):
            listening = stream.listening(f"{url}/v1/{path}/stream", caller.token)
            await stack.enter_async_context(listening)
        await mine.wait_for("payments.payment_started", PATIENCE)
        async with worker(world):
            await at_the_till(world, bill["pay_code"])
            await mine.wait_for("payments.paid", PATIENCE)
            await mine.wait_for("case.payment_settled", PATIENCE)
            async with httpx.AsyncClient(base_url=world.town.url("cnnontax_tcp")) as simulator:
                stage = {"payCode": bill["pay_code"], "stage": "R"}
                await simulator.post("/sim/funds", json=stage)
            await mine.wait_for("payments.funds_received", PATIENCE)
        (paid,) = ok(await citizen.get(f"/v1/cases/{case_id}/payments"))
        day = beijing(datetime.fromisoformat(paid["paid_at"])).date()
        await let_pass(world, 86_400 * 2)
        await publish(world, day)
        finance = await world.staff(StaffRole.FINANCE)
        ok(await finance.post(f"/v1/staff/recon/{DIVISION}/{day.isoformat()}/fetch"))
        await mine.wait_for("payments.reconciled", PATIENCE)
        await everything.wait_for("payments.reconciled", PATIENCE)
    assert strangers.heard == []
    places = [place for place, _, _ in mine.heard]
    assert places == sorted(set(places))
    for topic in ("payments.paid", "payments.funds_received", "payments.reconciled"):
        assert mine.topics.count(topic) == everything.topics.count(topic) == 1


async def test_three_facts_reach_the_listener_who_looks_at_a_file(world: World):
    await the_three_facts(world, Pace(file=0.1, heartbeat=HOUR))


async def test_three_facts_reach_the_listener_through_notifications_alone(
    postgres_world: World,
):
    await the_three_facts(postgres_world, Pace(net=HOUR, heartbeat=HOUR))


async def test_a_lost_stream_goes_on_without_a_gap(world: World, citizen: Caller):
    _, bill = await due(world, citizen)
    first, second, whole = Stream(), Stream(), Stream()
    async with serving(world) as url:
        path = f"{url}/v1/events/stream"
        async with first.listening(path, citizen.token):
            await first.wait_for("payments.payment_started", PATIENCE)
        await world.pay(bill["pay_url"])
        last = str(first.heard[-1][0])
        async with second.listening(path, citizen.token, last):
            await second.wait_for("case.payment_settled", PATIENCE)
        async with whole.listening(path, citizen.token):
            await whole.wait_for("case.payment_settled", PATIENCE)
    # Either side may have heard more of what went on afterwards; what both heard is the same.
    parted = first.heard + second.heard
    common = min(len(parted), len(whole.heard))
    assert parted[:common] == whole.heard[:common]
    assert "case.payment_settled" in {topic for _, topic, _ in parted[:common]}


@pytest.mark.parametrize("last", ["-1", "x", "1.5", "9" * 30])
async def test_ids_that_no_stream_gave(world: World, citizen: Caller, last: str):
    answer = await citizen.send("GET", "/v1/events/stream", headers={"Last-Event-ID": last})
    refused(answer, 422, "fields_invalid")


async def test_a_stream_needs_a_token(world: World, citizen: Caller):
    refused(await world.http.get("/v1/events/stream"), 401, "unauthenticated")
    refused(await citizen.get("/v1/staff/events/stream"), 401, "unauthenticated")
    clerk = await world.staff(StaffRole.CLERK)
    refused(await clerk.get("/v1/staff/events/stream"), 403, "forbidden")


async def test_idle_streams_hold_no_connection_and_end_with_the_server(
    world: World, citizen: Caller
):
    async with serving(world) as url:
        streams = [Stream() for _ in range(20)]
        path = f"{url}/v1/events/stream"
        listening = [asyncio.create_task(s.listen(path, citizen.token)) for s in streams]
        await asyncio.sleep(0.3)
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{url}/health/ready")).status_code == 200
            assert (await client.get(f"{url}/v1/items")).status_code == 200
        assert not [task for task in listening if task.done()]
    # The server went, and every stream had ended properly before.
    async with asyncio.timeout(5):
        await asyncio.gather(*listening)
