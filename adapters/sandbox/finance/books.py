"""The books: bills by pay code, the money that came for them, and where it went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from adapters.sandbox.finance.codes import (
    ALREADY_PAID,
    DIFFERS,
    FOREIGN_ITEM,
    NOT_ENTITLED,
    OK,
    PAID,
    RECONCILED,
    UNKNOWN_CODE,
    UNPAID,
    UNREADABLE,
    VOID,
    VOIDED,
    WRONG_AMOUNT,
    valid_pay_code,
)
from adapters.sandbox.finance.settings import Settings
from adapters.sandbox.store import Store
from kernel.clock import BEIJING, Clock, beijing
from kernel.money import InvalidAmount, fen, format_yuan, parse_yuan

Said = tuple[str, str]
"""Result and Information."""

DAY_ENDS: Final = "235000"
"""Money that comes later is booked on the next accounting day (OURS)."""
PUBLISHED_AT: Final = time(6, 30, tzinfo=BEIJING)
"""When the reconciliation file of the day before is published (OURS)."""
_MANDATORY: Final = (
    "AdmDivCode",
    "BillDate",
    "ChgAgenCode",
    "ChgAgenName",
    "PayerName",
    "Amt",
    "OriAmt",
    "DelayAmt",
    "RecAcct",
    "PayInfo",
    "MobilePhone",
)


@dataclass(frozen=True)
class Account:
    """The agency that is connected."""

    division: str
    agency: str


@dataclass(frozen=True)
class Money:
    """How somebody pays."""

    mode: str = "51"
    amount_fen: int | None = None
    """None pays what is due."""
    force: bool = False
    """What two tills at once, or a till without the latest news, would do."""
    book_on: str = ""
    """Accounting day yyyyMMdd; empty for the usual one."""


class Books:
    """All rules about bills; every method is one transaction of the store."""

    def __init__(
        self, store: Store, clock: Clock, account: Account, settings: Settings, pay_page: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._account = account
        self._settings = settings
        self._pay_page = pay_page

    def issue(self, fields: Mapping[str, str]) -> Said:
        """Keep a bill once per pay code."""
        code = fields["PayCode"]
        with self._store.transaction():
            refusal = self._refusal(fields)
            if refusal:
                return refusal
            bill = {"fields": dict(fields), "status": UNPAID, "payments": []}
            if self._store.add("bill", code, bill):
                return OK, self.page_of(code)
            known = self._store.get("bill", code)
            if known["status"] == PAID:
                return ALREADY_PAID, "该缴款识别码已缴款"
            if known["status"] == VOID:
                return VOIDED, "该缴款识别码已作废"
            if known["fields"] != dict(fields):
                return DIFFERS, "缴款识别码重复且内容不一致"
            return OK, self.page_of(code)

    def page_of(self, code: str) -> str:
        """Return the address where a bill is paid."""
        return f"{self._pay_page}?billId={code}"

    def _refusal(self, fields: Mapping[str, str]) -> Said | None:
        if any(not fields.get(name) for name in _MANDATORY):
            return UNREADABLE, "必填项缺失"
        if self._settings.strict and fields.get("Hold1") != "Y":
            return UNREADABLE, "未申请推送（Hold1）"
        if not valid_pay_code(fields["PayCode"], self._account.division):
            return UNKNOWN_CODE, "缴款识别码校验位或区划有误"
        items = [item.split("|") for item in fields["PayInfo"].split("#")[:-1]]
        if not items or any(len(item) != 7 for item in items):
            return UNREADABLE, "PayInfo 格式有误"
        if fields["ChgAgenCode"] != self._account.agency or FOREIGN_ITEM in {i[0] for i in items}:
            return NOT_ENTITLED, "执收单位无此收入项目权限"
        try:
            amounts = [parse_yuan(fields[name]) for name in ("Amt", "OriAmt", "DelayAmt")]
            total = sum(parse_yuan(item[2]) for item in items)
        except InvalidAmount:
            return UNREADABLE, "金额格式有误"
        if self._settings.strict and any(
            format_yuan(value) != fields[name]
            for name, value in zip(("Amt", "OriAmt", "DelayAmt"), amounts, strict=True)
        ):
            return UNREADABLE, "金额应为两位小数"
        if amounts[0] != amounts[1] + amounts[2] or amounts[1] != total or not amounts[0]:
            return WRONG_AMOUNT, "金额不一致"
        return None

    def void(self, pay_code: str) -> Said:
        """Void an unpaid bill."""
        with self._store.transaction():
            bill = self.bill(pay_code)
            if bill is None:
                return UNKNOWN_CODE, "缴款识别码不存在"
            if bill["status"] == PAID:
                return ALREADY_PAID, "该缴款识别码已缴款"
            bill["status"] = VOID
            self._store.put("bill", pay_code, bill)
            return OK, "作废成功"

    def bill(self, pay_code: str) -> dict[str, Any] | None:
        """Return a bill as it is kept, or None."""
        found: dict[str, Any] | None = self._store.get("bill", pay_code)
        return found

    def all(self) -> list[tuple[str, dict[str, Any]]]:
        """Return every pay code with its bill."""
        return self._store.items("bill")

    def add_late_fee(self, pay_code: str, amount_fen: int) -> bool:
        """Let a late fee accrue on an unpaid bill."""
        with self._store.transaction():
            bill = self.bill(pay_code)
            if bill is None or bill["status"] != UNPAID:
                return False
            delay = fen(parse_yuan(bill["fields"]["DelayAmt"]) + amount_fen)
            original = parse_yuan(bill["fields"]["OriAmt"])
            bill["fields"]["DelayAmt"] = format_yuan(delay)
            bill["fields"]["Amt"] = format_yuan(fen(original + delay))
            self._store.put("bill", pay_code, bill)
            return True

    def pay(self, pay_code: str, money: Money) -> tuple[str, dict[str, Any] | None]:
        """Take the money; return result and payment."""
        with self._store.transaction():
            bill = self.bill(pay_code)
            if bill is None:
                return UNKNOWN_CODE, None
            if bill["status"] != UNPAID and not money.force:
                return (ALREADY_PAID if bill["status"] == PAID else VOIDED), None
            due = parse_yuan(bill["fields"]["Amt"])
            if money.amount_fen not in {None, due} and not money.force:
                return WRONG_AMOUNT, None
            now = beijing(self._clock.now())
            number = self._store.next_number("payment")
            payment = {
                "tra_no": f"{now:%Y%m%d}{number:014d}",
                "amount_fen": int(due if money.amount_fen is None else money.amount_fen),
                "original_fen": int(parse_yuan(bill["fields"]["OriAmt"])),
                "delay_fen": int(parse_yuan(bill["fields"]["DelayAmt"])),
                "date": f"{now:%Y%m%d}",
                "time": f"{now:%H%M%S}",
                "acct_date": money.book_on or _booked_on(now),
                "mode": money.mode,
                "fund": "",
                "reversed": False,
            }
            bill["status"] = PAID
            bill["payments"].append(payment)
            self._store.put("bill", pay_code, bill)
            return OK, payment

    def payment(self, pay_code: str, tra_no: str) -> dict[str, Any] | None:
        """Return one payment of a bill; the first one when no number is given."""
        bill = self.bill(pay_code)
        found = [p for p in (bill or {"payments": []})["payments"] if tra_no in {"", p["tra_no"]}]
        return found[0] if found else None

    def update_payment(self, pay_code: str, payment: Mapping[str, Any]) -> None:
        """Write a payment over the one with its transaction number."""
        with self._store.transaction():
            bill = self.bill(pay_code)
            if bill is None:
                return
            bill["payments"] = [
                dict(payment) if p["tra_no"] == payment["tra_no"] else p for p in bill["payments"]
            ]
            if all(p["reversed"] for p in bill["payments"]):
                bill["status"] = VOID
            self._store.put("bill", pay_code, bill)

    def reverse(self, pay_code: str, tra_no: str) -> Said:
        """Undo a payment while its accounting day is not reconciled; twice is once."""
        with self._store.transaction():
            payment = self.payment(pay_code, tra_no)
            if payment is None:
                return UNKNOWN_CODE, "没有这笔缴款"
            if payment["reversed"]:
                return OK, "冲正成功"
            if self.published(payment["acct_date"]):
                return RECONCILED, "该日已对账，不能冲正"
            self.update_payment(pay_code, {**payment, "reversed": True})
            return OK, "冲正成功"

    def published(self, day: str) -> bool:
        """Return whether the file of an accounting day is out, so that the day is closed."""
        return beijing(self._clock.now()) >= published_at(day)


def published_at(day: str) -> datetime:
    """Return when the file of a day yyyyMMdd is published."""
    return datetime.combine(_day(day) + timedelta(days=1), PUBLISHED_AT)


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _booked_on(now: datetime) -> str:
    late = f"{now:%H%M%S}" >= DAY_ENDS
    return f"{now + timedelta(days=1 if late else 0):%Y%m%d}"
