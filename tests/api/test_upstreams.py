"""Upstreams that misbehave, seen from the interface: advice instead of errors, never a 500."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.api.world import OTHER, ROAD, ROAD_FORM, Caller, Login, World, ok, refused

FAULTS = ["html", "malformed", "truncated", "error", "refuse"]


@pytest.mark.parametrize("action", FAULTS)
async def test_licence_platform_that_is_broken(world: World, citizen: Caller, action: str):
    case_id = await citizen.declare()
    world.town.fault("sd_certshare", action, times=0)
    path = f"/v1/cases/{case_id}/materials/M01/licence"
    problem = refused(await citizen.post(path, {"consent": True}), 409, "licence_not_usable")
    assert problem["licence_status"] == "UNAVAILABLE"
    assert problem["advice"]
    # The file is the way that is always open.
    assert ok(await citizen.upload(case_id, "M01"))["source"] == "UPLOAD"


async def test_precheck_goes_on_without_the_licence_platform(world: World, citizen: Caller):
    world.town.fault("sd_certshare", "error", times=0)
    body = {"item_code": ROAD, "form": ROAD_FORM, "licence_consent": True}
    outlook = ok(await citizen.post("/v1/prechecks", body))
    assert outlook["to_bring"] == 3
    statuses = [material["licence_status"] for material in outlook["materials"]]
    assert statuses == ["UNAVAILABLE", "UNAVAILABLE", None]
    assert all(material["advice"]["zh"] for material in outlook["materials"])
    assert outlook["can_submit_now"] is False
    assert outlook["materials_remaining"] == ["M01", "M02", "M03"]
    missing = outlook["degraded"][0]
    assert (missing["dependency"], missing["user_action"]) == ("sd_certshare", "UPLOAD")
    assert missing["reason_code"] == "upstream_unavailable"
    assert missing["since"]
    ledger = ok(await citizen.get("/v1/me/licence-uses?limit=2"))
    row = ledger["rows"][0]
    assert (row["reference"], row["outcome"]) == (outlook["precheck_id"], "upstream_unavailable")
    assert row["item_name"]["zh"] == "城镇道路占用、挖掘许可"
    assert row["auth_basis"] == "HOLDER_ONLINE_CONSENT"
    assert ledger["next"] is None


async def test_licence_that_the_applicant_does_not_have(world: World):
    other = await world.sign_in(OTHER)
    case_id = await other.declare()
    path = f"/v1/cases/{case_id}/materials/M02/licence"
    problem = refused(await other.post(path, {"consent": True}), 409, "licence_not_usable")
    assert problem["licence_status"] == "NOT_FOUND"


async def test_precheck_without_consent_asks_nobody(world: World, citizen: Caller):
    body = {"item_code": ROAD, "form": ROAD_FORM, "licence_consent": False}
    refused(await citizen.post("/v1/prechecks", body), 403, "consent_missing")


async def test_precheck_of_an_incomplete_form_has_no_fee_yet(world: World, citizen: Caller):
    for area in ("", "0", "four", "9" * 300):
        body = {"item_code": ROAD, "form": {"area_m2": area}, "licence_consent": True}
        assert ok(await citizen.post("/v1/prechecks", body))["fee_fen"] is None


async def test_code_of_an_upstream_that_is_in_no_table(world: World):
    """An unknown level is counted and refused: nobody gets a default."""
    world.town.change_account(OTHER, authlevel="7")
    try:
        async with world.browser() as browser:
            login = Login(world, browser)
            callback = await login.choose(await login.begin(), OTHER)
            refused(await browser.get(callback), 502, "upstream_protocol_error")
    finally:
        world.town.change_account(OTHER, authlevel="3")
    shown = (await world.http.get("/metrics")).text
    assert re.search(r'unknown[^\n]*upstream="sd_jis"[^\n]* [1-9]', shown), shown


async def test_breaker_opens_and_closes_again(world: World, citizen: Caller):
    case_id = await citizen.declare()
    path = f"/v1/cases/{case_id}/materials/M01/licence"
    world.town.fault("sd_certshare", "error", times=0)
    for _ in range(8):
        refused(await citizen.post(path, {"consent": True}), 409, "licence_not_usable")
    found = ok(await world.http.get("/health/dependencies"))
    (platform,) = [one for one in found["dependencies"] if one["name"] == "sd_certshare"]
    assert platform["status"] == "down"
    assert set(platform["breakers"].values()) != {"closed"}
    world.town.calm()
    world.clock.shift += timedelta(minutes=2)
    assert ok(await citizen.post(path, {"consent": True}))["source"] == "LICENCE"
