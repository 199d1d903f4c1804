"""The finance system's rooms in one hand: books, refunds, receipts, files, pushes, and time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.sandbox.faults import Faults
from adapters.sandbox.finance.books import Account, Books, Money
from adapters.sandbox.finance.clock import SimClock
from adapters.sandbox.finance.codes import OK
from adapters.sandbox.finance.faults import Act, PaymentFaults
from adapters.sandbox.finance.pushing import Carrier, Pusher
from adapters.sandbox.finance.receipts import Receipts
from adapters.sandbox.finance.recon import Published, Recon
from adapters.sandbox.finance.refunds import Refunds
from adapters.sandbox.finance.settings import Settings
from adapters.sandbox.place import Place
from adapters.sandbox.store import Store
from kernel.clock import beijing
from kernel.money import fen, format_yuan

RECEIVED: Final = "R"
TREASURY: Final = "T"


@dataclass(frozen=True)
class AgencyAccount:
    """The agency that is connected, and the node names of both sides."""

    division: str = "370000"
    agency: str = "0370001"
    node: str = "K3700000001"
    finance_node: str = "F370000"
    account: str = "3700001"


AGENCY: Final = AgencyAccount()


class Office:
    """Everything that the finance system has and does, whoever asks."""

    def __init__(self, place: Place, *, pushes: bool = True) -> None:
        self.place = place
        self.pushes = pushes
        self.store = Store(place.folder)
        self.clock = SimClock(self.store, place.clock)
        self.settings = Settings(self.store)
        self.faults = PaymentFaults()
        self.general = Faults()
        self.account = Account(AGENCY.division, AGENCY.agency)
        page = f"{place.url}/qr"
        self.books = Books(self.store, self.clock, self.account, self.settings, page)
        self.pusher = Pusher(self.store, self.faults)
        self.refunds = Refunds(self.store, self.clock, self.books, self.settings, self._queue)
        key: Mapping[str, str] = self.store.get("setting", "agency_key")
        self.receipts = Receipts(
            self.store, self.clock, self.books, f"{place.url}/receipts", key["point"]
        )
        self.recon = Recon(self.store, self.books, self.refunds, self.faults, AGENCY.node)
        self.carrier: Carrier | None = None

    async def close_books(self) -> None:
        """Close the store."""
        self.store.close()

    def token(self) -> str:
        """Return the shared secret of the legacy MAC."""
        found: str = self.store.get("setting", "token")
        return found

    def _queue(self, msg_no: str, pay_code: str, fields: list[tuple[str, str]]) -> None:
        if self.pushes:
            self.pusher.queue(msg_no, pay_code, fields)

    async def deliver(self) -> int:
        """Try every waiting push now; return how many still wait."""
        if self.carrier is None:
            return 0
        return await self.pusher.deliver(self.carrier, only_due=False)

    def pay(self, pay_code: str, money: Money) -> tuple[str, str]:
        """Take money, once or twice as the faults say; return result and transaction number."""
        code, payment = self.books.pay(pay_code, money)
        if payment is None:
            return code, ""
        self._confirm(pay_code, payment)
        if self.faults.take(Act.DOUBLE_PAY, "5996", pay_code):
            _, second = self.books.pay(pay_code, Money(mode="01", force=True))
            if second is not None:
                self._confirm(pay_code, second)
        return OK, str(payment["tra_no"])

    def _confirm(self, pay_code: str, payment: Mapping[str, Any]) -> None:
        bill = self.books.bill(pay_code) or {"fields": {}}
        fields = bill["fields"]
        if fields.get("Hold1") != "Y" or self.faults.take(Act.NO_PUSH, "5996", pay_code):
            return
        told = [
            ("PayCode", pay_code),
            ("CfmDate", payment["date"]),
            ("CfmTime", payment["time"]),
            ("Amt", format_yuan(fen(payment["amount_fen"]))),
            ("BankOutlet", "00000"),
            ("Operator", "G000001"),
            ("PayMode", payment["mode"]),
            ("TraNoBus", payment["tra_no"]),
            ("PayerName", fields.get("PayerName", "")),
            ("PayerAcct", ""),
            ("PayerOpBk", ""),
            ("PayerOpBkNo", ""),
            ("RecAcctType", fields.get("RecAcctType", "1")),
            ("RecAcct", fields.get("RecAcct", "")),
            ("Hold1", ""),
            ("Hold2", ""),
        ]
        self._queue("5996", pay_code, told)

    def receive_funds(self, pay_code: str, tra_no: str, stage: str) -> bool:
        """Let a payment reach the account (R) or the treasury (T), and push it as 5804."""
        with self.store.transaction():
            payment = self.books.payment(pay_code, tra_no)
            if payment is None or payment["reversed"] or payment["fund"] in {stage, TREASURY}:
                return False
            self.books.update_payment(pay_code, {**payment, "fund": stage})
            told = [
                ("PayCode", pay_code),
                ("TraNoBus", payment["tra_no"]),
                ("RecvDate", f"{beijing(self.clock.now()):%Y%m%d}"),
                ("Amt", format_yuan(fen(payment["amount_fen"]))),
                ("Stage", stage),
            ]
            self._queue("5804", pay_code, told)
            return True

    def tick(self) -> None:
        """Let time do what it does: refunds and funds move on."""
        self.refunds.tick()
        pace = self.settings.funds_seconds
        if not pace:
            return
        now = beijing(self.clock.now())
        for code, bill in self.books.all():
            for payment in bill["payments"]:
                at = datetime.strptime(
                    payment["date"] + payment["time"] + "+0800", "%Y%m%d%H%M%S%z"
                )
                for stage, times in ((RECEIVED, 1), (TREASURY, 2)):
                    if now >= at + timedelta(seconds=times * pace):
                        self.receive_funds(code, payment["tra_no"], stage)

    def notice(self, found: Published) -> list[tuple[str, str]]:
        """Return the voucher of 5805."""
        return [
            ("FileName", found.name),
            ("Rev", str(found.revision)),
            ("TotalCount", str(found.count)),
            ("TotalAmt", format_yuan(fen(found.total_fen))),
            ("Sha256", hashlib.sha256(found.content).hexdigest()),
            ("Url", f"{self.place.url}/recon/{found.name}"),
        ]
