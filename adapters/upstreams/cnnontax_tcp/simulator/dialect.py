"""The finance system's side of the wire: its MAC, its answers to 8994 and 8997, its 5996."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.upstreams.cnnontax_tcp.simulator.finance import (
    OK,
    UNKNOWN_CODE,
    UNPAID,
    UNREADABLE,
    VOID,
    Finance,
)
from adapters.upstreams.cnnontax_tcp.simulator.knobs import Action, Knobs
from adapters.upstreams.cnnontax_tcp.wire import (
    BadFrame,
    Head,
    Message,
    join_frame,
    read_xml,
    split_frame,
    write_voucher,
    write_xml,
)
from kernel.clock import Clock, beijing
from kernel.money import fen, format_yuan

BAD_MAC: Final = "90001"
UNKNOWN_NODE: Final = "90004"
_ANSWERED: Final = (
    "AdmDivCode",
    "PayCode",
    "BillDate",
    "ChgAgenCode",
    "ChgAgenName",
    "PayerName",
    "PayerAcct",
    "PayerOpBk",
    "Amt",
    "OriAmt",
    "DelayAmt",
    "PayStats",
    "RecAcctType",
    "RecName",
    "RecAcct",
    "RecOpBk",
    "IsInterBank",
    "PayInfo",
    "Memo",
)
"""Fields of 5997, in its order."""


@dataclass(frozen=True)
class Nodes:
    """Who speaks with whom, and the token between them."""

    finance: str
    agency: str
    token: str


class Dialect:
    """Reads requests and writes answers."""

    def __init__(self, finance: Finance, nodes: Nodes, clock: Clock, knobs: Knobs) -> None:
        self._finance = finance
        self._nodes = nodes
        self._clock = clock
        self._knobs = knobs

    def seal(self, xml: bytes) -> str:
        """Return the MAC of an XML text."""
        digest = hashlib.sha256()
        digest.update(self._nodes.token.encode())
        digest.update(xml)
        return digest.hexdigest()

    def frame(
        self, msg_no: str, msg_ref: str, fields: Sequence[tuple[str, str]], src: str = ""
    ) -> bytes:
        """Return a complete frame of ours; without ``msg_ref`` it opens a conversation."""
        msg_id = self._finance.next_message()
        day = f"{beijing(self._clock.now()):%Y%m%d}"
        sender = src or self._nodes.finance
        head = Head(sender, self._nodes.agency, msg_no, msg_id, msg_ref or msg_id, day)
        xml = write_xml(head, [write_voucher(fields)])
        return join_frame(msg_no, xml, self.seal(xml).upper())

    def read(self, raw: bytes) -> Message | tuple[str, str]:
        """Return a verified message, or the result code and MsgRef of the refusal."""
        try:
            frame = split_frame(raw)
            if not hmac.compare_digest(self.seal(frame.xml), frame.mac.lower()):
                return BAD_MAC, ""
            message = read_xml(frame.xml)
        except BadFrame as exc:
            return exc.code, ""
        head = message.head
        if (head.src, head.des) != (self._nodes.agency, self._nodes.finance):
            return UNKNOWN_NODE, head.msg_id
        if head.msg_no != frame.msg_no:
            return UNREADABLE, head.msg_id
        return message

    @staticmethod
    def operation(request: Message | tuple[str, str]) -> str:
        """Return what the gateway's manifest calls this request, for the fault knobs."""
        if isinstance(request, tuple) or len(request.vouchers) != 1:
            return ""
        if request.head.msg_no == "8994":
            return "void" if request.voucher.get("PayStats") == VOID else "issue"
        return "query" if request.head.msg_no == "8997" else ""

    def answer(self, request: Message | tuple[str, str]) -> bytes:
        """Do what is asked and return the answer frame."""
        if isinstance(request, tuple):
            code, ref = request
            return self._result("0000", ref, code, "报文未被受理")
        msg_no, ref = request.head.msg_no, request.head.msg_id
        if len(request.vouchers) != 1 or not request.voucher.get("PayCode"):
            return self._result(msg_no, ref, UNREADABLE, "报文内容有误")
        match self.operation(request):
            case "issue":
                if request.voucher.get("PayStats") != UNPAID:
                    return self._result(msg_no, ref, UNREADABLE, "PayStats 有误")
                return self._result(msg_no, ref, *self._finance.issue(request.voucher))
            case "void":
                return self._result(msg_no, ref, *self._finance.void(request.voucher))
            case "query":
                return self._bill(msg_no, ref, request.voucher["PayCode"])
            case _:
                return self._result(msg_no, ref, UNREADABLE, "不支持的报文编号")

    def _bill(self, msg_no: str, ref: str, pay_code: str) -> bytes:
        bill = self._finance.bill(pay_code)
        if bill is None:
            return self._result(msg_no, ref, UNKNOWN_CODE, "缴款识别码不存在")
        stale = self._knobs.take(Action.STALE_STATUS) is not None
        values = {**bill["fields"], "PayStats": UNPAID if stale else bill["status"]}
        fields = [(name, values.get(name, "")) for name in _ANSWERED]
        return self.frame("5997", ref, [*fields, ("Hold1", ""), ("Hold2", "")])

    def _result(self, msg_no: str, ref: str, code: str, information: str) -> bytes:
        fields = [("OriMsgNo", msg_no), ("Result", code), ("Information", information)]
        return self.frame("5001", ref, fields)

    def push(self, push: Mapping[str, Any]) -> bytes:
        """Return the 5996 of a payment, with whatever the knobs make wrong in it."""
        bill = self._finance.bill(push["pay_code"]) or {"fields": {}}
        wrong = self._knobs.take(Action.WRONG_AMOUNT)
        amount = push["amount_fen"] + (wrong.value if wrong else 0)
        account = bill["fields"].get("RecAcct", "")
        if self._knobs.take(Action.WRONG_ACCOUNT):
            account = "6222000000000000"
        fields = [
            ("PayCode", push["pay_code"]),
            ("CfmDate", push["date"]),
            ("CfmTime", push["time"]),
            ("Amt", format_yuan(fen(amount))),
            ("BankOutlet", "00000"),
            ("Operator", "G000001"),
            ("PayMode", push["mode"]),
            ("TraNoBus", push["tra_no"]),
            ("PayerName", bill["fields"].get("PayerName", "")),
            ("PayerAcct", ""),
            ("PayerOpBk", ""),
            ("PayerOpBkNo", ""),
            ("RecAcctType", bill["fields"].get("RecAcctType", "1")),
            ("RecAcct", account),
            ("Hold1", ""),
            ("Hold2", ""),
        ]
        stranger = "F110000" if self._knobs.take(Action.STRANGER) else ""
        raw = self.frame("5996", "", fields, stranger)
        if self._knobs.take(Action.WRONG_MAC):
            last = b"1" if raw.endswith(b"0") else b"0"
            raw = raw[:-1] + last
        return raw

    def acknowledged(self, raw: bytes) -> bool:
        """Return whether a frame is the agency's 8001 that says ok to a 5996."""
        message = self.read(raw)
        if isinstance(message, tuple) or message.head.msg_no != "8001":
            return False
        voucher = message.vouchers[0]
        return (voucher.get("OriMsgNo"), voucher.get("Result")) == ("5996", OK)
