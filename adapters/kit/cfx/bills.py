"""Pure translation between CFX fields and bills, payments and funds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from adapters.dialects.cfx import CHARSET, BadFrame, writable
from adapters.kit.cfx.options import AgencyOptions
from kernel.clock import beijing_day
from kernel.money import Fen, InvalidAmount, fen, format_yuan, parse_yuan
from payments.errors import InvalidBill
from payments.model import (
    Bill,
    BillItem,
    Channel,
    FactSource,
    FundsFact,
    FundState,
    PaymentFact,
    UpstreamBill,
    UpstreamState,
)
from payments.moments import read_day, read_moment

Unknown = Callable[[str, str], None]
"""Counts an upstream code that is in no table here."""

_STATES: Final = {
    "0": UpstreamState.UNPAID,
    "1": UpstreamState.PAID,
    "2": UpstreamState.VOIDED,
}
_STAGES: Final = {"R": FundState.RECEIVED, "T": FundState.TREASURY}
_LIMITS: Final[Mapping[str, tuple[int, int]]] = {
    "PayCode": (20, 20),
    "ChgAgenName": (1, 100),
    "PayerName": (1, 100),
    "PayInfo": (1, 500),
    "MobilePhone": (1, 20),
    "PayerCreditCode": (0, 30),
    "RecName": (0, 100),
    "RecOpBk": (0, 100),
}
"""Shortest and longest value in GB18030 bytes, which is how strict peers count."""
_SEPARATORS: Final = frozenset("|#")
_TRA_NO: Final = re.compile(r"[\x21-\x7e]{1,64}")
_ACCOUNT: Final = re.compile(r"[\x21-\x7e]{0,50}")


def mint(options: AgencyOptions, division: str, year: int, serial: int) -> str:
    """Return the pay code of a serial. Raises ValueError when it does not fit the layout."""
    if not 0 <= serial < 10**10:
        raise ValueError("the serial does not fit ten digits")
    if options.mint_layout == "agency_serial":
        code = f"{division}{year % 100:02d}30{serial:010d}"
    else:
        body = f"{division}{year % 100:02d}1{serial:010d}"
        code = f"{body}{check_digit(body)}"
    if not is_pay_code(code, options.pay_code_pattern):
        raise ValueError("the pay code does not match the configured pattern")
    return code


def is_pay_code(text: str, pattern: str) -> bool:
    """Return whether text has a pay code's form; full-width digits are no digits here."""
    return len(text) <= 20 and re.fullmatch(pattern, text, re.ASCII) is not None


def check_digit(body: str) -> str:
    """Return the ISO 7064 MOD 11,10 check digit of decimal digits (the sandbox's rule, OURS)."""
    product = 10
    for digit in body:
        total = (product + int(digit)) % 10 or 10
        product = total * 2 % 11
    return str((11 - product) % 10)


def pay_info(items: Sequence[BillItem]) -> str:
    """Return the PayInfo text: seven fields per item, no escaping. Raises InvalidBill."""
    parts = []
    for item in merged_items(items):
        quantity = _quantity(item.quantity)
        fields = (
            item.item_code,
            item.name,
            format_yuan(item.amount_fen),
            item.unit,
            quantity,
            "不限制",
            "0.00-0.00",
        )
        if any(_SEPARATORS & set(field) for field in fields):
            raise InvalidBill("an item holds | or #, which PayInfo cannot carry", field="items")
        if not all(writable(field) for field in fields) or not item.item_code or not item.name:
            raise InvalidBill(
                "an item lacks a text or holds one that cannot be sent", field="items"
            )
        parts.append("|".join(fields) + "#")
    return "".join(parts)


def merged_items(items: Sequence[BillItem]) -> list[BillItem]:
    """Return the items, those of one code merged as the finance side wants. Raises InvalidBill."""
    merged: dict[str, BillItem] = {}
    for item in items:
        known = merged.get(item.item_code)
        if known is None:
            merged[item.item_code] = item
            continue
        if (known.name, known.unit) != (item.name, item.unit):
            raise InvalidBill("one item code has two names or units", field="items")
        merged[item.item_code] = BillItem(
            item_code=item.item_code,
            name=item.name,
            amount_fen=fen(known.amount_fen + item.amount_fen),
            quantity=known.quantity + item.quantity,
            unit=item.unit,
        )
    return list(merged.values())


def _quantity(value: Decimal) -> str:
    if not value.is_finite() or value <= 0 or value.adjusted() > 15:
        raise InvalidBill("a quantity must be positive", field="items")
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def bill_fields(bill: Bill, options: AgencyOptions, pay_stats: str) -> list[tuple[str, str]]:
    """Return the 8994 voucher: ``pay_stats`` 0 issues, 2 voids. Raises InvalidBill."""
    fields = [
        ("AdmDivCode", bill.division),
        ("PayCode", bill.pay_code),
        ("BillDate", f"{beijing_day(bill.created_at):%Y%m%d}"),
        ("ChgAgenCode", bill.agency),
        ("ChgAgenName", options.agency_name),
        ("PayerName", bill.payer.name),
        ("PayerAcct", ""),
        ("PayerOpBk", ""),
        ("Amt", format_yuan(bill.amount_fen)),
        ("OriAmt", format_yuan(bill.original_fen)),
        ("DelayAmt", format_yuan(bill.delay_fen)),
        ("PayStats", pay_stats),
        ("RecAcctType", options.account_type),
        ("RecName", options.account_name),
        ("RecAcct", bill.account),
        ("RecAcctReal", options.account_real),
        ("RecOpBk", options.account_bank),
        ("RecBankNo", options.account_bank_no),
        ("IsInterBank", "0"),
        ("PayInfo", pay_info(bill.items)),
        ("Memo", ""),
        ("CrcCode", ""),
        ("MobilePhone", bill.payer.mobile),
        ("PayerCreditCode", bill.payer.credit_code),
        ("RecCreditCode", ""),
        ("OperatorCode", ""),
        ("OperatorName", ""),
        # Without this letter the finance system pushes nothing, ever.
        ("Hold1", "Y"),
        ("Hold2", ""),
    ]
    for name, value in fields:
        if not writable(value):
            raise InvalidBill(f"{name} holds a character that cannot be sent", field=name)
        least, most = _LIMITS.get(name, (0, 500))
        if not least <= len(value.encode(CHARSET)) <= most:
            raise InvalidBill(f"{name} must have {least} to {most} bytes", field=name)
    return fields


def read_bill(voucher: Mapping[str, str], pay_code: str, unknown: Unknown) -> UpstreamBill:
    """Read a 5997 voucher. Raises BadFrame when it is not about ``pay_code`` or not readable."""
    if voucher.get("PayCode") != pay_code:
        raise BadFrame("the answer is about another pay code")
    raw = voucher.get("PayStats", "")
    state = _STATES.get(raw)
    if state is None:
        unknown("PayStats", raw)
        raise BadFrame("PayStats is not in the specification")
    due = amount(voucher, "Amt")
    original = amount(voucher, "OriAmt")
    delay = amount(voucher, "DelayAmt") if voucher.get("DelayAmt") else Fen(0)
    if due != original + delay:
        raise BadFrame("Amt is not OriAmt and DelayAmt")
    fact = None
    if state is UpstreamState.PAID:
        # 5997 tells neither the transaction nor the time of the payment.
        fact = PaymentFact(
            source=FactSource.QUERY,
            pay_code=pay_code,
            tra_no="",
            amount_fen=due,
            paid_at=None,
            account=voucher.get("RecAcct", ""),
            original_fen=original,
            delay_fen=delay,
        )
    return UpstreamBill(pay_code, state, original, delay, due, fact)


def read_funds(voucher: Mapping[str, str], options: AgencyOptions) -> FundsFact:
    """Read a 5804 voucher (OURS): R 到账, T 入库. Raises BadFrame."""
    pay_code, tra_no = voucher.get("PayCode", ""), voucher.get("TraNoBus", "")
    stage = _STAGES.get(voucher.get("Stage", ""))
    if not is_pay_code(pay_code, options.pay_code_pattern) or _TRA_NO.fullmatch(tra_no) is None:
        raise BadFrame("PayCode or TraNoBus is malformed")
    if stage is None:
        raise BadFrame("Stage is neither R nor T")
    return FundsFact(
        pay_code=pay_code,
        tra_no=tra_no,
        amount_fen=amount(voucher, "Amt"),
        stage=stage,
        received_on=day_of(voucher.get("RecvDate", "")),
    )


def read_push(voucher: Mapping[str, str], options: AgencyOptions, unknown: Unknown) -> PaymentFact:
    """Read a 5996 voucher; the payer's name and account are not taken. Raises BadFrame."""
    pay_code, tra_no = voucher.get("PayCode", ""), voucher.get("TraNoBus", "")
    account = voucher.get("RecAcct", "")
    if not is_pay_code(pay_code, options.pay_code_pattern):
        raise BadFrame("PayCode has another form than agreed")
    if _TRA_NO.fullmatch(tra_no) is None or _ACCOUNT.fullmatch(account) is None:
        raise BadFrame("TraNoBus or RecAcct is malformed")
    channel_raw = voucher.get("PayMode", "")
    channel = options.channels.get(channel_raw)
    if channel is None and channel_raw:
        unknown("PayMode", channel_raw)
    return PaymentFact(
        source=FactSource.PUSH,
        pay_code=pay_code,
        tra_no=tra_no,
        amount_fen=amount(voucher, "Amt"),
        paid_at=moment(voucher.get("CfmDate", ""), voucher.get("CfmTime", "")),
        channel=channel or Channel.OTHER,
        channel_raw=channel_raw[:16],
        account=account,
    )


def amount(voucher: Mapping[str, str], name: str) -> Fen:
    """Return an amount of a voucher. Raises BadFrame."""
    try:
        return parse_yuan(voucher.get(name, ""))
    except InvalidAmount:
        raise BadFrame(f"{name} is not an amount") from None


def day_of(text: str) -> date:
    """Return the day of ``yyyyMMdd``. Raises BadFrame."""
    try:
        return read_day(text)
    except ValueError:
        raise BadFrame("a date is no day") from None


def moment(day: str, clock: str) -> datetime:
    """Return the moment of ``yyyyMMdd`` and ``HHmmss`` in Beijing. Raises BadFrame.

    ``240000`` is the end of the day, as bank systems write it.
    """
    try:
        return read_moment(day, clock)
    except ValueError:
        raise BadFrame("a time is no moment") from None
