"""Availability through the interface: one item, many, a region, a picture, maintenance, refusal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from gateway.availability.health import Health
from identity import StaffRole
from tests.api.world import ROAD, Caller, World, ok, refused, submitted


async def at(world: World, code: str = ROAD) -> Any:
    return ok(await world.http.get(f"/v1/items/{code}/availability"))


async def fall(world: World, adapter: str = "cnnontax_tcp") -> None:
    """Let the engine hear what a telemetry record of an outage says."""
    for _ in range(3):
        world.container.availability.watch.heard(
            adapter, "query", "unavailable", 5, world.clock.now()
        )
    await world.container.availability.settle()


async def test_the_prepared_answer_is_the_twins(world: World):
    path = f"/v1/items/{ROAD}/availability"
    first = await world.http.get(path)  # nothing is loaded yet: the route answers
    second = await world.http.get(path)
    assert ok(first) == ok(second)
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]
    for name in ("content-type", "cache-control", "x-content-type-options"):
        assert first.headers[name] == second.headers[name]
    unchanged = await world.http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert ok(first)["status"] == "AVAILABLE"
    assert ok(first)["window"]["address"]
    assert ok(first)["window"]["phone"]
    await fall(world)
    news = await world.http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert ok(news)["status"] == "TEMPORARILY_UNAVAILABLE"


async def test_an_unknown_item(world: World):
    refused(await world.http.get("/v1/items/NOSUCH/availability"), 404, "item_not_found")
    refused(await world.http.get("/badge/NOSUCH.svg"), 404, "item_not_found")


async def test_items_that_need_the_fallen_system_refuse_with_reason_and_window(
    world: World, citizen: Caller
):
    case_id = await citizen.declare()
    for material in (await world.container.catalog.get(ROAD)).materials:
        ok(await citizen.upload(case_id, material.code))
    await fall(world)
    problem = refused(await citizen.post(f"/v1/cases/{case_id}/submit"), 503, "item_not_online")
    assert problem["reasons"][0]["system"] == "payments"
    assert problem["reasons"][0]["health"] == "DOWN"
    assert problem["window"][0]["phone"]
    body = {"item_code": ROAD, "form": {}, "licence_consent": True}
    outlook = ok(await citizen.post("/v1/prechecks", body))
    assert outlook["online"]["status"] == "TEMPORARILY_UNAVAILABLE"
    assert "payments" in outlook["online"]["reasons"][0]["en"]
    assert (await citizen.case(case_id))["state"] == "DRAFT"


async def test_batch_region_and_badge(world: World):
    free = next(
        code
        for code, slot in (await world.container.availability.ready()).items.items()
        if all(one.system != "payments" for one in slot.entry.profile.dependencies)
    )
    await fall(world)
    asked = {"codes": [ROAD, free, "NOSUCH"]}
    found = ok(await world.http.post("/v1/availability:batch", json=asked))
    assert [row["status"] for row in found["rows"]] == ["TEMPORARILY_UNAVAILABLE", "AVAILABLE"]
    assert found["unknown"] == ["NOSUCH"]
    many = {"codes": ["A"] * 201}
    refused(await world.http.post("/v1/availability:batch", json=many), 422, "fields_invalid")
    province = ok(await world.http.get("/v1/regions/370000/availability"))
    assert province["items"] == 10
    items = [await item(world, code) for code in await codes(world)]
    with_fee = sum(bool(one.fees) for one in items)
    assert province["counts"]["TEMPORARILY_UNAVAILABLE"] == with_fee
    assert sum(one["items"] for one in province["affected"]) == with_fee
    picture = await world.http.get(f"/badge/{ROAD}.svg", params={"lang": "en"})
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert "Temporarily unavailable online" in picture.text
    assert "script" not in picture.text
    assert "可网上办理" in (await world.http.get(f"/badge/{free}.svg")).text


async def codes(world: World) -> list[str]:
    return list((await world.container.availability.ready()).items)


async def item(world: World, code: str) -> Any:
    return await world.container.catalog.get(code)


async def test_maintenance_is_announced_shown_ahead_and_closes(world: World):
    ops = await world.staff(StaffRole.OPS)
    clerk = await world.staff(StaffRole.CLERK)
    now = world.clock.now()
    body = {
        "system": "payments",
        "starts_at": (now + timedelta(hours=1)).isoformat(),
        "ends_at": (now + timedelta(hours=2)).isoformat(),
        "reason": "非税系统升级",
    }
    path = "/v1/staff/availability/maintenance"
    assert (await clerk.post(path, body)).status_code == 403
    wrong = {**body, "system": "nosuch"}
    refused(await ops.post(path, wrong), 422, "fields_invalid")
    window_id = ok(await ops.post(path, body), 201)["window_id"]
    engine = world.container.availability
    await engine.look()
    ahead = await at(world)
    assert ahead["status"] == "AVAILABLE"
    assert [one["reason"] for one in ahead["planned"]] == ["非税系统升级"]
    world.clock.shift += timedelta(minutes=61)
    await engine.look()
    during = await at(world)
    assert during["status"] == "TEMPORARILY_UNAVAILABLE"
    assert during["reasons"][0]["health"] == "MAINTENANCE"
    assert during["reasons"][0]["expected_end"]
    ops = await world.staff(StaffRole.OPS, region="370100")
    ok(await ops.post(f"{path}/{window_id}/cancel"))
    refused(await ops.post(f"{path}/{window_id}/cancel"), 404, "maintenance_not_found")
    await engine.look()
    assert (await at(world))["status"] == "AVAILABLE"
    assert ok(await ops.get(path)) == []


async def test_a_window_ends_by_itself(world: World):
    ops = await world.staff(StaffRole.OPS)
    now = world.clock.now()
    body = {
        "system": "cnnontax_tcp",
        "starts_at": now.isoformat(),
        "ends_at": (now + timedelta(minutes=10)).isoformat(),
        "reason": "非税系统升级",
    }
    ok(await ops.post("/v1/staff/availability/maintenance", body), 201)
    engine = world.container.availability
    await engine.look()
    assert (await at(world))["status"] == "TEMPORARILY_UNAVAILABLE"
    world.clock.shift += timedelta(minutes=11)
    await engine.look()
    assert (await at(world))["status"] == "AVAILABLE"


async def test_an_override_with_its_legal_basis_keeps_items_open(world: World):
    ops = await world.staff(StaffRole.OPS)
    await world.container.availability.ready()
    body = {
        "item_code": ROAD,
        "system": "payments",
        "need": "STAND_IN_ALLOWED",
        "stand_in": "DEFER",
        "legal_basis": "示例依据",
    }
    ok(await ops.put("/v1/staff/availability/overrides", body))
    await world.container.availability.load()
    await fall(world)
    assert (await at(world))["status"] == "DEGRADED"


async def test_history_and_events_keep_the_fall(any_world: World):
    world = any_world
    engine = world.container.availability
    await engine.ready()
    await fall(world)
    ops = await world.staff(StaffRole.OPS)
    rows = ok(await ops.get("/v1/staff/availability/health"))
    assert [(row["adapter"], row["health"]) for row in rows] == [("cnnontax_tcp", "DOWN")]
    world.clock.shift += timedelta(minutes=30)
    for _ in range(30):
        world.clock.shift += timedelta(seconds=1)
        engine.watch.heard("cnnontax_tcp", "query", "ok", 5, world.clock.now())
    await engine.settle()
    verdict = engine.watch.verdict("cnnontax_tcp", "*")
    assert verdict is not None
    assert verdict.health is Health.UP
    profile = (await at(world))["profile"]
    ops = await world.staff(StaffRole.OPS, region="370100")
    found = ok(await ops.get(f"/v1/staff/availability/profiles/{profile}/history"))
    assert [one["status"] for one in found["intervals"]] == [
        *("AVAILABLE", "TEMPORARILY_UNAVAILABLE", "AVAILABLE"),
    ]
    assert found["intervals"][1]["systems"] == ["payments"]
    events = await world.container.events.read_after(0, 1000, topic="availability.changed")
    assert {event.data["status"] for event in events} == {"TEMPORARILY_UNAVAILABLE", "AVAILABLE"}
    assert all(event.topic == "availability.changed" for event in events)


async def test_submission_goes_on_while_all_is_well(world: World, citizen: Caller):
    await submitted(world, citizen)
