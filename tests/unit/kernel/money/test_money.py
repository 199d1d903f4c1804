"""Money: reading yuan, writing yuan, capitals, and the one rounding."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.money import (
    MAX_FEN,
    MIN_FEN,
    Fen,
    InvalidAmount,
    fen,
    format_yuan,
    multiply,
    parse_yuan,
    to_capital,
    total,
)

amounts = st.integers(0, MAX_FEN).map(Fen)
writable = st.integers(0, 10**18 - 1).map(Fen) | st.integers(0, 10**7).map(Fen)

CAPITALS = [
    (0, "零元整"),
    (1, "壹分"),
    (10, "壹角整"),
    (101, "壹元零壹分"),
    (1010, "壹拾元零壹角整"),
    (60000, "陆佰元整"),
    (140950, "壹仟肆佰零玖元伍角整"),
    (1680032, "壹万陆仟捌佰元零叁角贰分"),
    (10700053, "壹拾万柒仟元零伍角叁分"),
    (640902, "陆仟肆佰零玖元零贰分"),
    (1010100, "壹万零壹佰零壹元整"),
    (1000010000, "壹仟万零壹佰元整"),
    (10001000000, "壹亿零壹万元整"),
    (123456789012, "壹拾贰亿叁仟肆佰伍拾陆万柒仟捌佰玖拾元零壹角贰分"),
    (100000000000000, "壹万亿元整"),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", 8000),
        ("80.0", 8000),
        ("80.00", 8000),
        ("80.000", 8000),
        ("1.0E7", 1_000_000_000),
        ("1e-2", 1),
        ("0", 0),
        ("0.00", 0),
        ("0e999", 0),
        ("19.99", 1999),
        ("92233720368547758.07", MAX_FEN),
    ],
)
def test_plain_yuan_is_read(text: str, expected: int) -> None:
    assert parse_yuan(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 80.00 ",
        "80.00\n",
        "８０.００",
        "-80",
        "-0",
        "+80",
        "NaN",
        "Infinity",
        "80.005",
        "80.000000000000000000000000000000000000001",
        "1e-3",
        "1,000.00",
        "1_000",
        "80.",
        ".5",
        "¥80",
        "0x10",
        "92233720368547758.08",
        "1e999",
        "9" * 65,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmount) as caught:
        parse_yuan(text)
    assert caught.value.code == "amount_invalid"


@given(amounts)
def test_yuan_text_round_trips(amount: Fen) -> None:
    assert parse_yuan(format_yuan(amount)) == amount


@given(st.text(max_size=20))
def test_any_text_is_read_exactly_or_refused(text: str) -> None:
    try:
        amount = parse_yuan(text)
    except InvalidAmount:
        return
    assert Decimal(text) * 100 == amount


def test_negative_differences_can_be_written() -> None:
    assert format_yuan(Fen(-5)) == "-0.05"
    assert format_yuan(Fen(-12345)) == "-123.45"


@pytest.mark.parametrize("number", [MAX_FEN + 1, MIN_FEN - 1])
def test_an_amount_beyond_64_bits_is_refused(number: int) -> None:
    with pytest.raises(InvalidAmount):
        fen(number)


def test_a_sum_beyond_64_bits_is_refused() -> None:
    assert total([Fen(1), Fen(2)]) == 3
    with pytest.raises(InvalidAmount):
        total([Fen(MAX_FEN), Fen(1)])


@pytest.mark.parametrize(
    ("unit", "quantity", "expected"),
    [
        (100, "1.005", 101),
        (100, "1.004", 100),
        (267, "0.5", 134),
        (1, "0.5", 1),
        (1, "0.49", 0),
        (8000, "0", 0),
        (333, "3", 999),
    ],
)
def test_a_fee_rounds_half_up(unit: int, quantity: str, expected: int) -> None:
    assert multiply(Fen(unit), Decimal(quantity)) == expected


@pytest.mark.parametrize("quantity", ["-1", "NaN", "Infinity", "1e60", "1e18", "1." + "1" * 45])
def test_an_unusable_quantity_is_refused(quantity: str) -> None:
    with pytest.raises(InvalidAmount):
        multiply(Fen(10_000), Decimal(quantity))


@given(st.integers(0, 10**12).map(Fen), st.decimals(0, 10**4, places=4))
def test_rounding_is_off_by_half_a_fen_at_most(unit: Fen, quantity: Decimal) -> None:
    assert abs(multiply(unit, quantity) - unit * quantity) <= Decimal("0.5")


@pytest.mark.parametrize(("amount", "text"), CAPITALS)
def test_capitals_follow_the_table(amount: int, text: str) -> None:
    assert to_capital(Fen(amount)) == text


@pytest.mark.parametrize("amount", [-1, 10**18])
def test_what_cannot_be_written_in_capitals_is_refused(amount: int) -> None:
    with pytest.raises(InvalidAmount):
        to_capital(Fen(amount))


@given(writable)
def test_capitals_read_back_to_the_amount(amount: Fen) -> None:
    assert _read_capital(to_capital(amount)) == amount


@given(writable)
def test_capitals_obey_the_rules_of_vouchers(amount: Fen) -> None:
    text = to_capital(amount)
    assert "零零" not in text
    assert text.endswith("分") != text.endswith("整")
    assert not text.startswith("零") or amount == 0
    assert "元零整" not in text


def _read_capital(text: str) -> int:
    digits = {char: value for value, char in enumerate("零壹贰叁肆伍陆柒捌玖")}
    small = {"拾": 10, "佰": 100, "仟": 1000}
    big = {"万": 10**4, "亿": 10**8}
    yuan = section = digit = cents = 0
    for char in text:
        if char in digits:
            digit = digits[char]
        elif char in small:
            section += digit * small[char]
            digit = 0
        elif char in big:
            section += digit
            yuan = (yuan + section) * big[char] if char == "亿" else yuan + section * big[char]
            section = digit = 0
        elif char == "元":
            yuan += section + digit
            digit = 0
        elif char in "角分":
            cents += digit * (10 if char == "角" else 1)
            digit = 0
    return yuan * 100 + cents
