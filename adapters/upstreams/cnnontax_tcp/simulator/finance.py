"""The finance system's books: bills by pay code, payments, and pushes still unacknowledged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.sandbox.store import Store
from kernel.clock import Clock, beijing
from kernel.money import InvalidAmount, fen, format_yuan, parse_yuan

OK: Final = "00000"
NOT_ENTITLED: Final = "18012"
ALREADY_PAID: Final = "20001"
VOIDED: Final = "20002"
UNKNOWN_CODE: Final = "20004"
WRONG_AMOUNT: Final = "20005"
DIFFERS: Final = "20006"
UNREADABLE: Final = "90002"

FOREIGN_ITEM: Final = "103999999"
"""An item that the sandbox's agency may not charge."""
UNPAID: Final = "0"
PAID: Final = "1"
VOID: Final = "2"

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


class Finance:
    """All rules and all memory; every method is one transaction of the store."""

    def __init__(self, store: Store, clock: Clock, account: Account, pay_page: str) -> None:
        self._store = store
        self._clock = clock
        self._account = account
        self._pay_page = pay_page

    def issue(self, fields: Mapping[str, str]) -> tuple[str, str]:
        """Keep a bill once per pay code; return result and Information."""
        code = fields["PayCode"]
        with self._store.transaction():
            refusal = self._refusal(fields)
            if refusal:
                return refusal
            bill = {"fields": dict(fields), "status": UNPAID, "payments": []}
            if self._store.add("bill", code, bill):
                return OK, f"{self._pay_page}?billId={code}"
            known = self._store.get("bill", code)
            if known["status"] == PAID:
                return ALREADY_PAID, "该缴款识别码已缴款"
            if known["status"] == VOID:
                return VOIDED, "该缴款识别码已作废"
            if known["fields"] != dict(fields):
                return DIFFERS, "缴款识别码重复且内容不一致"
            return OK, f"{self._pay_page}?billId={code}"

    def _refusal(self, fields: Mapping[str, str]) -> tuple[str, str] | None:
        if any(not fields.get(name) for name in _MANDATORY):
            return UNREADABLE, "必填项缺失"
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
        if amounts[0] != amounts[1] + amounts[2] or amounts[1] != total or not amounts[0]:
            return WRONG_AMOUNT, "金额不一致"
        return None

    def void(self, fields: Mapping[str, str]) -> tuple[str, str]:
        """Void an unpaid bill."""
        with self._store.transaction():
            bill = self._store.get("bill", fields["PayCode"])
            if bill is None:
                return UNKNOWN_CODE, "缴款识别码不存在"
            if bill["status"] == PAID:
                return ALREADY_PAID, "该缴款识别码已缴款"
            bill["status"] = VOID
            self._store.put("bill", fields["PayCode"], bill)
            return OK, "作废成功"

    def bill(self, pay_code: str) -> dict[str, Any] | None:
        """Return a bill as it is kept, or None."""
        found: dict[str, Any] | None = self._store.get("bill", pay_code)
        return found

    def count(self) -> int:
        """Return how many bills there are."""
        return len(self._store.items("bill"))

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

    def pay(
        self,
        pay_code: str,
        pay_mode: str,
        *,
        amount_fen: int | None = None,
        push: bool = True,
        force: bool = False,
    ) -> tuple[str, str]:
        """Take the money; return result and transaction number.

        ``force`` is what two tills at once, or a till without the latest news, would do.
        """
        with self._store.transaction():
            bill = self.bill(pay_code)
            if bill is None:
                return UNKNOWN_CODE, ""
            if bill["status"] != UNPAID and not force:
                return (ALREADY_PAID if bill["status"] == PAID else VOIDED), ""
            due = parse_yuan(bill["fields"]["Amt"])
            if amount_fen not in {None, due}:
                return WRONG_AMOUNT, ""
            now = beijing(self._clock.now())
            number = self._store.next_number("payment")
            payment = {
                "tra_no": f"{now:%Y%m%d}{number:014d}",
                "amount_fen": int(due),
                "date": f"{now:%Y%m%d}",
                "time": f"{now:%H%M%S}",
                "mode": pay_mode,
            }
            bill["status"] = PAID
            bill["payments"].append(payment)
            self._store.put("bill", pay_code, bill)
            if push and bill["fields"].get("Hold1") == "Y":
                self._store.put("push", f"{number:012d}", {"pay_code": pay_code, **payment})
            return OK, str(payment["tra_no"])

    def pushes(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the pushes that were not acknowledged yet, the oldest first."""
        return self._store.items("push")

    def pushed(self, key: str) -> None:
        """Forget a push that was acknowledged."""
        self._store.delete("push", key)

    def next_message(self) -> str:
        """Return a new MsgID."""
        day = beijing(self._clock.now())
        return f"F{day:%Y%m%d}{self._store.next_number('message'):08d}"


def valid_pay_code(code: str, division: str) -> bool:
    """Check the sandbox's rule (OURS): division, and ISO 7064 MOD 11,10 over all twenty digits."""
    if len(code) != 20 or not (code.isascii() and code.isdigit()) or code[:6] != division:
        return False
    p = 10
    for character in code[:19]:
        s = (p + int(character)) % 10
        p = 2 * (s or 10) % 11
    return (p + int(code[19])) % 10 == 1
