"""What a fee comes to: quantity × standard, exemption, equal codes merged, late fee by the day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from kernel.money import Fen, fen, multiply
from payments.errors import InvalidBill
from payments.model import BillItem

_MILLION: Final = 1_000_000


@dataclass(frozen=True)
class FeeLine:
    """One line of a tariff applied to a matter: quantity × standard."""

    item_code: str
    name: str
    price_fen: Fen
    """收费标准 per unit in 分."""
    quantity: Decimal = Decimal(1)
    unit: str = "次"
    exempt_percent: int = 0
    """减免比例, 0 to 100; 100 is a full exemption (免征)."""
    exemption: str = ""
    """The reason of the exemption; required with one."""


def charge(line: FeeLine) -> BillItem:
    """Return the charged item: each line rounded half up to the 分, then reduced.

    Raises InvalidBill, and InvalidAmount for a quantity that is no quantity.
    """
    if not 0 <= line.exempt_percent <= 100 or bool(line.exempt_percent) != bool(line.exemption):
        raise InvalidBill("an exemption has 1 to 100 per cent and a reason", field="items")
    full = multiply(line.price_fen, line.quantity)
    # The payer gets the benefit of the rounding: what is let off is rounded half up.
    let_off = multiply(full, Decimal(line.exempt_percent) / 100)
    return BillItem(
        item_code=line.item_code,
        name=line.name,
        amount_fen=fen(full - let_off),
        quantity=line.quantity,
        unit=line.unit,
        exempted_fen=let_off,
        exemption=line.exemption,
    )


def merge(items: Iterable[BillItem]) -> tuple[BillItem, ...]:
    """Return the items with equal codes added up, in the order of their first appearance.

    Raises InvalidBill when one code has two names, units or reasons of exemption.
    """
    merged: dict[str, BillItem] = {}
    for item in items:
        known = merged.get(item.item_code)
        if known is None:
            merged[item.item_code] = item
            continue
        if (known.name, known.unit) != (item.name, item.unit):
            raise InvalidBill("one item code has two names or units", field="items")
        if known.exemption != item.exemption:
            raise InvalidBill("one item code has two reasons of exemption", field="items")
        merged[item.item_code] = replace(
            known,
            amount_fen=fen(known.amount_fen + item.amount_fen),
            quantity=known.quantity + item.quantity,
            exempted_fen=fen(known.exempted_fen + item.exempted_fen),
        )
    return tuple(merged.values())


def late_fee(original_fen: Fen, overdue_since: date, today: date, per_million: int) -> Fen:
    """Return the late fee (滞纳金) in 分: daily rate × days, rounded half up once per bill.

    ``per_million`` is the daily rate in millionths (500 is 0.05 %). Never more than the original
    amount (OURS, after the general rule of 行政强制法 art. 45).
    """
    days = max(0, (today - overdue_since).days)
    grown = multiply(original_fen, Decimal(per_million * days) / _MILLION)
    return min(grown, original_fen)
