"""Money as whole 分: reading yuan text, writing yuan text and 大写金额, and the one place that
rounds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Final, NewType

from kernel.errors import InvalidInput, Text

Fen = NewType("Fen", int)
"""An amount in 分, one hundredth of a yuan; always within a signed 64-bit integer."""

MAX_FEN: Final = 2**63 - 1
MIN_FEN: Final = -(2**63)

_YUAN: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_LONGEST_YUAN_TEXT: Final = 64
_DIGITS: Final = "零壹贰叁肆伍陆柒捌玖"
_CAPITAL_LIMIT: Final = 10**18
_PRECISION: Final = 80


class InvalidAmount(InvalidInput):
    """Text or a number that is not an amount of money this system can hold."""

    code = "amount_invalid"
    title = Text("金额有误", "The amount is invalid")
    citizen = Text(
        "金额填写有误，最多保留两位小数。", "The amount is wrong; use at most two decimals."
    )
    clerk = Text(
        "金额格式或范围有误，应为不带分隔符的元。",
        "Amount must be plain yuan, at most two decimals.",
    )


def fen(amount: int) -> Fen:
    """Return ``amount`` 分 as money; raise InvalidAmount outside a signed 64-bit integer."""
    if not MIN_FEN <= amount <= MAX_FEN:
        raise InvalidAmount("amount does not fit a signed 64-bit integer of fen")
    return Fen(amount)


def total(amounts: Iterable[Fen]) -> Fen:
    """Return the sum in 分; raise InvalidAmount when it leaves the range."""
    return fen(sum(amounts))


def parse_yuan(text: str) -> Fen:
    """Return the 分 of a decimal yuan text such as ``80``, ``80.00`` or ``1.0E7``.

    Nothing is stripped or guessed: blanks, signs, thousands separators, full-width digits and a
    third decimal that is not zero raise InvalidAmount.
    """
    if len(text) > _LONGEST_YUAN_TEXT or _YUAN.fullmatch(text) is None:
        raise InvalidAmount("not a plain decimal number of yuan")
    with localcontext() as context:
        # Wide enough that no accepted text is rounded before its third decimal can be seen.
        context.prec = _PRECISION
        value = Decimal(text)
        if value.is_zero():
            return Fen(0)
        if value.adjusted() > _PRECISION // 2:
            raise InvalidAmount("amount does not fit a signed 64-bit integer of fen")
        scaled = value.scaleb(2)
        if scaled != scaled.to_integral_value():
            raise InvalidAmount("more than two decimals of yuan")
        return fen(int(scaled))


def format_yuan(amount: Fen) -> str:
    """Return the yuan text with exactly two decimals: ``8000`` 分 becomes ``80.00``."""
    yuan, rest = divmod(abs(amount), 100)
    return f"{'-' if amount < 0 else ''}{yuan}.{rest:02d}"


def multiply(unit: Fen, quantity: Decimal) -> Fen:
    """Return quantity × unit price rounded half up to the 分, the rule for one line of a fee.

    Raise InvalidAmount for a quantity that is negative or not finite, or a product out of range.
    """
    if not quantity.is_finite() or quantity < 0:
        raise InvalidAmount("a quantity must be finite and not negative")
    if quantity.adjusted() > _PRECISION // 2 or len(quantity.as_tuple().digits) > _PRECISION // 2:
        raise InvalidAmount("a quantity must have at most 40 digits")
    with localcontext() as context:
        context.prec = _PRECISION
        product = (Decimal(unit) * quantity).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    return fen(int(product))


def to_capital(amount: Fen) -> str:
    """Return the 大写金额 that receipts and vouchers carry, without the prefix 人民币.

    Source: PBOC 支付结算办法, annex 正确填写票据和结算凭证的基本规定. Where it leaves a choice,
    ours is: 整 after 元 and after 角, none after 分; 零 before 角 when the last yuan digit is zero.
    Raise InvalidAmount for a negative amount or one of more than 16 yuan digits.
    """
    if not 0 <= amount < _CAPITAL_LIMIT:
        raise InvalidAmount("only amounts from 0 up to 16 yuan digits can be written in capitals")
    if amount == 0:
        return "零元整"
    yuan, cents = divmod(amount, 100)
    jiao, cent = divmod(cents, 10)
    text = f"{_capital_integer(yuan)}元" if yuan else ""
    if cents == 0:
        return f"{text}整"
    if yuan and (jiao == 0 or yuan % 10 == 0):
        text += "零"
    if jiao:
        text += f"{_DIGITS[jiao]}角"
    return text + (f"{_DIGITS[cent]}分" if cent else "整")


def _capital_integer(number: int) -> str:
    sections = [number // 10**power % 10_000 for power in (12, 8, 4, 0)]
    text = ""
    gap = False
    for section, unit in zip(sections, ("万", "亿", "万", ""), strict=True):
        if section:
            # One 零 stands for any run of zeros between two digits that are written.
            if text and (gap or section < 1000):
                text += "零"
            text += _capital_section(section) + unit
            gap = False
        else:
            gap = bool(text)
        if unit == "亿" and not section and text:
            text += unit
    return text


def _capital_section(section: int) -> str:
    text = ""
    for power, unit in ((1000, "仟"), (100, "佰"), (10, "拾"), (1, "")):
        digit = section // power % 10
        if digit:
            if text and section // (power * 10) % 10 == 0:
                text += "零"
            text += _DIGITS[digit] + unit
    return text
