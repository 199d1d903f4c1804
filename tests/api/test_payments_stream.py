"""The event stream of a real server process: facts reach a listening client."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from identity import StaffRole
from tests.api.outside import Stream, serving
from tests.api.test_payments import at_the_till, due
from tests.api.world import OTHER, Caller, World, refused

SECONDS = 20.0


async def stop(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_payment_reaches_the_listener(any_world: World, tmp_path: Path):
    world = any_world
    citizen, other = await world.sign_in(), await world.sign_in(OTHER)
    ops = await world.staff(StaffRole.OPS)
    _, bill = await due(world, citizen)
    async with serving(world.container.settings, tmp_path) as url:
        mine, strangers, everything = Stream(), Stream(), Stream()
        listening = [
            asyncio.create_task(mine.listen(f"{url}/v1/events/stream", citizen.token)),
            asyncio.create_task(strangers.listen(f"{url}/v1/events/stream", other.token)),
            asyncio.create_task(everything.listen(f"{url}/v1/staff/events/stream", ops.token)),
        ]
        await mine.wait_for("payments.payment_started", 10)
        halt = asyncio.Event()
        worker = asyncio.create_task(world.engine.run_forever(halt))
        await at_the_till(world, bill["pay_code"])
        await mine.wait_for("payments.paid", SECONDS)
        await mine.wait_for("case.payment_settled", SECONDS)
        await everything.wait_for("payments.paid", SECONDS)
        assert await mine.wait_for("payments.paid", SECONDS) < SECONDS
        assert await mine.wait_for("case.payment_settled", SECONDS) < SECONDS
        # 已到账, then 已对账: each within two seconds of the news that tells it.
        async with httpx.AsyncClient(base_url=world.town.url("cnnontax_tcp")) as finance:
            await finance.post("/sim/funds", json={"payCode": bill["pay_code"], "stage": "R"})
        assert await mine.wait_for("payments.funds_received", SECONDS) < SECONDS
        assert await everything.wait_for("payments.paid", SECONDS) < SECONDS
        halt.set()
        await worker
        await stop(*listening)
    assert strangers.heard == []
    places = [place for place, _, _ in mine.heard]
    assert places == sorted(set(places))
    assert mine.topics.count("payments.paid") == 1


async def test_a_lost_stream_goes_on_without_a_gap(world: World, citizen: Caller, tmp_path: Path):
    _, bill = await due(world, citizen)
    async with serving(world.container.settings, tmp_path) as url:
        path = f"{url}/v1/events/stream"
        first, second, whole = Stream(), Stream(), Stream()
        listening = asyncio.create_task(first.listen(path, citizen.token))
        await first.wait_for("payments.payment_started", 10)
        await stop(listening)
        await world.pay(bill["pay_url"])
        last = str(first.heard[-1][0])
        listening = asyncio.create_task(second.listen(path, citizen.token, last))
        await second.wait_for("case.payment_settled", 10)
        await stop(listening)
        listening = asyncio.create_task(whole.listen(path, citizen.token))
        await whole.wait_for("case.payment_settled", 10)
        await stop(listening)
    # Either side may have heard more of what went on afterwards; what both heard is the same.
    parted = first.heard + second.heard
    common = min(len(parted), len(whole.heard))
    assert parted[:common] == whole.heard[:common]
    assert "case.payment_settled" in {topic for _, topic, _ in parted[:common]}
    both = first.heard + second.heard
    shorter = min(len(both), len(whole.heard))
    assert both[:shorter] == whole.heard[:shorter]
    assert "case.payment_settled" in [topic for _, topic, _ in both[:shorter]]


@pytest.mark.parametrize("last", ["-1", "x", "1.5", "9" * 30])
async def test_ids_that_no_stream_gave(world: World, citizen: Caller, last: str):
    answer = await citizen.send("GET", "/v1/events/stream", headers={"Last-Event-ID": last})
    refused(answer, 422, "fields_invalid")


async def test_a_stream_needs_a_token(world: World, citizen: Caller):
    refused(await world.http.get("/v1/events/stream"), 401, "unauthenticated")
    refused(await citizen.get("/v1/staff/events/stream"), 401, "unauthenticated")
    clerk = await world.staff(StaffRole.CLERK)
    refused(await clerk.get("/v1/staff/events/stream"), 403, "forbidden")


async def test_an_idle_stream_holds_no_connection_of_the_database(
    world: World, citizen: Caller, tmp_path: Path
):
    async with serving(world.container.settings, tmp_path) as url:
        streams = [Stream() for _ in range(20)]
        path = f"{url}/v1/events/stream"
        listening = [asyncio.create_task(s.listen(path, citizen.token)) for s in streams]
        await asyncio.sleep(1)
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{url}/health/ready")).status_code == 200
            assert (await client.get(f"{url}/v1/items")).status_code == 200
        await stop(*listening)
