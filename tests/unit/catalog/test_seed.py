"""The catalogue's seed: what comes with the product is sound, and a contradiction is named."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.codec import from_json, to_json
from gateway.catalog.model import ApplicantType, CaseKind, Necessity
from gateway.catalog.seed import BadCatalogue, bundled, read_items
from kernel import divisions, gbcodes

TEXT = files("gateway.catalog").joinpath("data/items.toml").read_text("utf-8")
Spoil = Callable[[dict[str, Any]], object]


def with_fee(data: dict[str, Any]) -> dict[str, Any]:
    """The first item: a promise item with a fee by a quantity."""
    item: dict[str, Any] = data["item"][0]
    assert item["fee"]
    return item


def test_bundled_items_are_sound():
    items = bundled()
    assert len({item.code for item in items}) == len(items) >= 10
    for item in items:
        assert gbcodes.parse_uscc(item.department.uscc).code == item.department.uscc
        assert divisions.find(item.region).code6 == item.region
        assert item.code.endswith(item.basic_code)
        codes = [material.code for material in item.materials]
        assert len(set(codes)) == len(codes)
        assert all(material.name and material.name_en for material in item.materials)
        assert item.name_en.isascii()
        assert item.basis


def test_bundled_items_cover_what_the_product_can_do():
    items = bundled()
    assert {item.kind for item in items} == set(CaseKind)
    assert {kind for item in items for kind in item.applicants} == set(ApplicantType)
    assert {m.necessity for item in items for m in item.materials} >= {
        Necessity.REQUIRED,
        Necessity.DEFERRABLE,
    }
    assert any(item.fees for item in items)
    assert any(not item.department.seal_code for item in items)
    assert {str(item.level.value) for item in items} == {"PROVINCE", "CITY", "COUNTY"}


def test_one_basic_item_is_offered_at_several_places_under_one_basic_code():
    basic = [item.basic_code for item in bundled()]
    assert len(set(basic)) < len(basic)


def test_every_item_survives_the_database():
    for item in bundled():
        assert from_json(to_json(item)) == item


FAULTS: dict[str, Spoil] = {
    "31 characters": lambda data: data["item"][0].update(code=data["item"][0]["code"] + "0"),
    "begin with the department's credit code": lambda data: data["item"][0].update(
        code="11370190MB90001039" + data["item"][0]["code"][18:]
    ),
    "visits need a reason": lambda data: data["item"][0].update(visits=1),
    "no visits need none": lambda data: data["item"][0].update(visits_reason="须到现场"),
    "promised time is longer": lambda data: data["item"][0].update(promise_days=99),
    "instant item promises no days": lambda data: data["item"][0].update(promise_days=0),
    "fees need a charging agency": lambda data: next(
        one for one in data["department"] if one["uscc"] == data["item"][0]["department"]
    ).pop("charging_agency"),
    "required number of the form": lambda data: with_fee(data)["fee"][0].update(
        quantity_field="location"
    ),
    "unknown entries": lambda data: data["item"][0].update(colour="red"),
    "stands twice": lambda data: data["item"].append(copy.deepcopy(data["item"][0])),
}


@pytest.mark.parametrize("said", FAULTS)
def test_contradiction_is_named(said: str):
    data = tomllib.loads(TEXT)
    FAULTS[said](data)
    with pytest.raises(BadCatalogue, match=said):
        read_items(data)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data["department"][0].update(uscc="11370000MB9000015B"),
        lambda data: data["department"][0].update(region="999999"),
        lambda data: data["item"][0].update(department="11370000MB9999999X"),
        lambda data: data["item"][0].update(kind="SLOW"),
        lambda data: data["item"][0].update(online_depth=[9]),
        lambda data: data["item"][0].update(applicants=["ALIEN"]),
        lambda data: data["item"][0].pop("legal_days"),
        lambda data: data["item"][0]["material"][0].update(necessity="MAYBE"),
    ],
)
def test_catalogue_that_cannot_be_read(spoil: Spoil):
    data = tomllib.loads(TEXT)
    spoil(data)
    with pytest.raises(Exception) as raised:
        read_items(data)
    assert isinstance(raised.value, ValueError | KeyError) or hasattr(raised.value, "code")


@given(st.integers(1, 10_000), st.integers(0, 99))
def test_fee_is_quantity_times_standard_to_the_fen(whole: int, cents: int):
    item = next(item for item in bundled() if item.fees and item.fees[0].quantity_field)
    fee = item.fees[0]
    form = {fee.quantity_field: f"{whole}.{cents:02d}"}
    hundredths = (whole * 100 + cents) * fee.unit_price_fen
    assert fee.amount(form) == (hundredths + 50) // 100
