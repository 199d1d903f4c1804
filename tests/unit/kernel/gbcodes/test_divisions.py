"""The table of divisions: complete, consistent, and what lies within what."""

from __future__ import annotations

import pytest

from kernel.divisions import (
    PROVINCE,
    Kind,
    Level,
    Source,
    UnknownDivision,
    code6,
    code12,
    divisions,
    find,
    full_name,
    lineage,
    within,
)


def test_the_province_has_16_cities_and_136_counties() -> None:
    standard = [division for division in divisions() if division.standard]
    assert sum(division.level is Level.CITY for division in standard) == 16
    assert sum(division.level is Level.COUNTY for division in standard) == 136
    assert all(division.kind is Kind.ADMIN for division in standard)


def test_counties_are_58_districts_26_cities_and_52_counties() -> None:
    names = [
        division.name
        for division in divisions(level=Level.COUNTY)
        if division.source is Source.GB2260
    ]
    assert [sum(name.endswith(end) for name in names) for end in "区市县"] == [58, 26, 52]


def test_every_division_has_the_parent_that_its_code_says() -> None:
    for division in divisions():
        expected = {
            Level.PROVINCE: None,
            Level.CITY: PROVINCE,
            Level.COUNTY: f"{division.code6[:4]}00",
        }
        assert division.parent == expected[division.level]
        assert lineage(division.code6)[-1].code6 == PROVINCE


def test_superseded_codes_name_codes_in_force() -> None:
    for code in ("371200", "371202", "371203", "370125", "370181", "370684", "370171"):
        division = find(code)
        assert not division.in_force
        assert all(find(successor).in_force for successor in division.superseded_by)


def test_zones_are_marked() -> None:
    zone = find("370190000000")
    assert (zone.name, zone.kind, zone.standard) == ("济南高新技术产业开发区", Kind.ZONE, False)
    assert zone.code12 == "370190000000"
    zones = [division for division in divisions() if division.kind is Kind.ZONE]
    assert len(zones) == 16
    assert not any(division.standard for division in zones)


def test_codes_have_two_lengths() -> None:
    assert code6("370102001002") == "370102"
    assert code12("370102") == "370102000000"
    assert code12("370102001002") == "370102001002"
    assert find("370102001002").name == "历下区"


@pytest.mark.parametrize(
    "code", ["", "3701", "37010a", "３７０１０２", "370102 ", "110101", "370199"]
)
def test_unknown_codes_are_refused(code: str) -> None:
    with pytest.raises(UnknownDivision) as caught:
        find(code)
    assert caught.value.code == "division_unknown"


@pytest.mark.parametrize(
    ("code", "ancestor", "expected"),
    [
        ("370102", "370100", True),
        ("370102", "370000", True),
        ("370102", "370102", True),
        ("370102001002", "370100000000", True),
        ("370190", "370100", True),
        ("370100", "370102", False),
        ("370202", "370100", False),
        ("371202", "370100", True),
        ("371200", "370100", True),
        ("371200", "370116", True),
        ("371202", "370200", False),
        ("370181", "370114", True),
        ("370114", "370181", False),
    ],
)
def test_within(code: str, ancestor: str, *, expected: bool) -> None:
    assert within(code, ancestor) is expected


def test_names_and_children() -> None:
    assert full_name("370102") == "山东省济南市历下区"
    assert [division.code6 for division in divisions(parent="371000")] == [
        "371002",
        "371003",
        "371071",
        "371072",
        "371073",
        "371082",
        "371083",
    ]
