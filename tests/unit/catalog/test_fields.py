"""Fields of application forms: what is wrong with a value, by kind."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.model import Field, FieldKind

TEXT = Field("t", "标题", "Title", FieldKind.TEXT, max_length=5)
DATE = Field("d", "日期", "Day", FieldKind.DATE)
AREA = Field("n", "面积", "Area", FieldKind.DECIMAL, minimum=Decimal(1), maximum=Decimal(10000))
FREE = Field("n", "数量", "Number", FieldKind.DECIMAL)


@pytest.mark.parametrize("field", [TEXT, DATE, AREA, FREE])
@pytest.mark.parametrize("value", ["", " ", "\t\n", "\u3000"])
def test_empty(field: Field, value: str):
    assert field.fault(value) == "empty"


@pytest.mark.parametrize(
    ("value", "fault"), [("五个字以内", None), ("超过五个字了", "too_long"), ("a" * 6, "too_long")]
)
def test_text(value: str, fault: str | None):
    assert TEXT.fault(value) == fault


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("2027-06-30", None),
        ("2028-02-29", None),
        ("2027-02-29", "not_a_date"),
        ("2027-6-30", "not_a_date"),
        ("20270630", "not_a_date"),
        ("2027-W26-3", "not_a_date"),
        ("2027-06-30T00:00", "not_a_date"),
        ("２０２７-06-30", "not_a_date"),
        ("tomorrow", "not_a_date"),
        (" 2027-06-30", "not_a_date"),
    ],
)
def test_date(value: str, fault: str | None):
    assert DATE.fault(value) == fault


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("1", None),
        ("10000", None),
        ("10000.00", None),
        ("4.25", None),
        ("0.99", "out_of_range"),
        ("10000.01", "out_of_range"),
        ("4.255", "too_many_decimals"),
        ("-4", "not_a_number"),
        ("+4", "not_a_number"),
        ("1e3", "not_a_number"),
        ("1_000", "not_a_number"),
        ("4,5", "not_a_number"),
        ("٤", "not_a_number"),
        ("４", "not_a_number"),
        ("NaN", "not_a_number"),
        ("Infinity", "not_a_number"),
        (".", "not_a_number"),
        ("1.2.3", "not_a_number"),
        ("9" * 400, "out_of_range"),
    ],
)
def test_decimal(value: str, fault: str | None):
    assert AREA.fault(value) == fault


def test_decimal_without_limits():
    assert FREE.fault("0") is None


@given(st.text(max_size=30))
def test_no_text_breaks_a_field(value: str):
    for field in (TEXT, DATE, AREA, FREE):
        fault = field.fault(value)
        if fault is None and field is DATE:
            assert date.fromisoformat(value).isoformat() == value
        if fault is None and field is AREA:
            assert 1 <= Decimal(value) <= 10000
