"""What items depend on, and what follows for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.availability.health import Health, Verdict
from gateway.availability.model import Interval, Need, Override, Source, StandIn, Status, Window
from gateway.availability.rules import derive, open_share, serves, standing
from gateway.catalog import seed
from gateway.catalog.model import OnlineDepth

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
ITEMS = seed.bundled()
PAID = next(item for item in ITEMS if item.fees)
FREE = next(item for item in ITEMS if not item.fees)
ADAPTERS = {
    "identity": ("jis", "oidc"),
    "e_license": ("cert",),
    "e_seal": ("seal",),
    "payments": ("pay",),
}
SOURCES = [Source(name, system, "370000") for system, all_ in ADAPTERS.items() for name in all_]


def judged(item, health, *, windows=(), sources=SOURCES, overrides=()):
    verdicts = {name: Verdict(found, NOW) for name, found in health.items()}
    return standing(
        derive(item, overrides),
        lambda dependency: [one for one in sources if serves(one, dependency)],
        lambda adapter, _operation: verdicts.get(adapter),
        windows,
        NOW,
    )


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.name)
def test_dependencies_follow_from_the_item(item):
    found = {one.system: one.need for one in derive(item).dependencies}
    assert found["identity"] is Need.HARD
    assert ("payments" in found) is bool(item.fees)
    assert ("e_license" in found) is any(one.licence_types for one in item.materials)
    assert ("e_seal" in found) is bool(item.department.seal_code)


@pytest.mark.parametrize("health", [Health.UP, Health.SLOW, Health.UNKNOWN])
def test_slow_and_unknown_close_nothing(health):
    assert judged(PAID, dict.fromkeys(("jis", "oidc", "pay"), health)).status is Status.AVAILABLE


def test_only_items_with_a_hard_edge_fall():
    assert judged(PAID, {"pay": Health.DOWN}).status is Status.TEMPORARILY_UNAVAILABLE
    assert judged(FREE, {"pay": Health.DOWN}).status is Status.AVAILABLE
    fallen = judged(PAID, {"pay": Health.DOWN}).reasons
    assert [(one.system, one.health, one.since) for one in fallen] == [
        ("payments", Health.DOWN, NOW)
    ]


def test_a_stand_in_keeps_the_item_open():
    assert judged(PAID, {"cert": Health.DOWN, "seal": Health.DOWN}).status is Status.DEGRADED


def test_the_best_of_several_providers_counts():
    assert judged(FREE, {"jis": Health.DOWN, "oidc": Health.UP}).status is Status.AVAILABLE
    both = judged(FREE, {"jis": Health.DOWN, "oidc": Health.DOWN})
    assert both.status is Status.TEMPORARILY_UNAVAILABLE


def test_an_override_lets_the_fee_wait():
    override = Override(PAID.basic_code, "payments", Need.STAND_IN_ALLOWED, StandIn.DEFER, "依据")
    assert judged(PAID, {"pay": Health.DOWN}, overrides=[override]).status is Status.DEGRADED
    own = replace(override, item_code=PAID.code, need=Need.HARD, stand_in=StandIn.REFUSE)
    found = judged(PAID, {"pay": Health.DOWN}, overrides=[own, override])
    assert found.status is Status.TEMPORARILY_UNAVAILABLE


def test_maintenance_closes_while_it_lasts_and_names_its_end():
    hour = timedelta(hours=1)
    window = Window("w", "payments", NOW, NOW + hour, "升级", "ops", NOW - hour)
    found = judged(PAID, {"pay": Health.UP}, windows=[window])
    assert found.status is Status.TEMPORARILY_UNAVAILABLE
    assert found.reasons[0].health is Health.MAINTENANCE
    assert found.reasons[0].expected_end == NOW + hour
    over = replace(window, starts_at=NOW - hour, ends_at=NOW)
    assert judged(PAID, {"pay": Health.UP}, windows=[over]).status is Status.AVAILABLE


def test_an_item_without_provider_is_not_onboarded():
    without = [one for one in SOURCES if one.system != "payments"]
    assert judged(PAID, {}, sources=without).status is Status.NOT_ONBOARDED
    assert judged(FREE, {}, sources=without).status is Status.AVAILABLE


def test_an_item_that_is_only_advised_about_online_is_for_the_window():
    advised = replace(FREE, online_depth=(OnlineDepth.CONSULT,))
    assert judged(advised, {}).status is Status.OFFLINE_ONLY


def test_adapters_serve_their_region_only():
    (dependency, *_) = derive(FREE).dependencies
    for region, expected in {"100000": True, "370000": True, "330000": False}.items():
        assert serves(Source("x", dependency.system, region), dependency) is expected
    assert serves(Source("x", dependency.system, "370200"), dependency) is (
        dependency.region.startswith("3702")
    )


def test_open_share_adds_up_to_the_second():
    day = timedelta(days=1)
    fell, returned = NOW + timedelta(hours=3), NOW + timedelta(hours=3, minutes=30)
    spans = [
        Interval("p", Status.AVAILABLE, NOW - day, fell, []),
        Interval("p", Status.TEMPORARILY_UNAVAILABLE, fell, returned, []),
        Interval("p", Status.DEGRADED, returned, None, []),
    ]
    assert open_share(spans, NOW, NOW + day) == day - timedelta(minutes=30)
