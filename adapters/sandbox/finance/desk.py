"""Answers the agency's messages, under whatever faults are set for them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from adapters.dialects.cfx import Message
from adapters.sandbox.finance.books import Money
from adapters.sandbox.finance.codes import (
    FAILED,
    NOT_PUBLISHED,
    OK,
    UNKNOWN_CODE,
    UNKNOWN_REFUND,
    UNPAID,
    UNREADABLE,
    VOID,
)
from adapters.sandbox.finance.faults import Act
from adapters.sandbox.finance.office import Office
from adapters.sandbox.finance.pushing import OVERSIZE, UNDAMAGED, Damage
from adapters.sandbox.finance.refunds import FAILED as REFUND_FAILED
from adapters.sandbox.finance.refunds import PAID_BACK, REJECTED
from kernel.money import fen, format_yuan, parse_yuan

Fields = list[tuple[str, str]]
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
class Reply:
    """An answer before it is sealed."""

    msg_no: str
    fields: Fields


@dataclass(frozen=True)
class Wire:
    """What goes onto the wire: a reply, a maintenance page, or nothing."""

    reply: Reply | None = None
    html: bool = False
    damage: Damage = UNDAMAGED


def result(msg_no: str, code: str, information: str) -> Reply:
    """Return a 5001."""
    fields = [("OriMsgNo", msg_no), ("Result", code), ("Information", information)]
    return Reply("5001", fields)


class Desk:
    """Every message of the agency; a rule of the house decides, a fault disturbs."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._acts: Mapping[str, Callable[[Mapping[str, str]], Reply]] = {
            "8997": self._query,
            "8999": self._number,
            "8981": self._receipt,
            "8982": self._file,
            "8801": self._refund,
            "8802": self._refund_state,
            "8803": self._reverse,
            "8805": self._recon,
        }

    @staticmethod
    def operation(message: Message) -> str:
        """Return what the gateway's manifest calls this message, for the general fault knobs."""
        msg_no = message.head.msg_no
        voucher = message.vouchers[0]
        match msg_no:
            case "8994":
                return "void" if voucher.get("PayStats") == VOID else "issue"
            case "8997":
                return "find_receipt" if voucher.get("Hold2") else "query"
            case "8982":
                return "verify_receipt" if voucher.get("Hold1") else "download_receipt"
        return {
            "8999": "take_number",
            "8981": "issue_receipt",
            "8801": "apply_refund",
            "8802": "query_refund",
            "8803": "reverse",
            "8805": "recon_notice",
        }.get(msg_no, "")

    async def plain(self, message: Message) -> Reply:
        """Do what is asked, undisturbed."""
        msg_no = message.head.msg_no
        if len(message.vouchers) != 1:
            return result(msg_no, UNREADABLE, "报文内容有误")
        if self._office.settings.strict and message.head.msg_ref != message.head.msg_id:
            return result(msg_no, UNREADABLE, "请求报文的 MsgRef 应与 MsgID 相同")
        if msg_no == "8994":
            return await self._bill(message.voucher)
        act = self._acts.get(msg_no)
        if act is None:
            return result(msg_no, UNREADABLE, "不支持的报文编号")
        reply = act(message.voucher)
        if msg_no == "8801" and self._take(Act.PUSH_BEFORE_RESPONSE, message):
            self._office.refunds.move(message.voucher.get("RefundNo", ""), PAID_BACK)
            await self._office.deliver()
        return reply

    async def treat(self, message: Message) -> Wire:
        """Do what is asked as the payment faults allow."""
        if self._take(Act.RST, message):
            return Wire(damage=Damage(reset=True))
        if milliseconds := self._take(Act.DELAY_MS, message):
            await asyncio.sleep(milliseconds / 1000)
        if self._take(Act.DROP_BEFORE_COMMIT, message):
            return Wire()
        if self._take(Act.HTML_200, message):
            return Wire(html=True)
        for _ in range(self._take(Act.DUPLICATE, message)):
            await self.plain(message)
        if self._take(Act.RECEIPT_FAIL, message):
            reply = result(message.head.msg_no, FAILED, "票据系统忙")
        else:
            reply = await self.plain(message)
        if self._take(Act.DROP_RESPONSE_AFTER_COMMIT, message):
            return Wire()
        if self._take(Act.EMPTY_INFORMATION, message):
            emptied = [(k, "" if k == "Information" else v) for k, v in reply.fields]
            reply = Reply(reply.msg_no, emptied)
        return Wire(reply, damage=self._damage(message))

    def _damage(self, message: Message) -> Damage:
        oversize = self._office.faults.take(Act.OVERSIZE, message.head.msg_no, _code(message))
        return Damage(
            wrong_mac=bool(self._take(Act.WRONG_MAC, message)),
            stranger=bool(self._take(Act.STRANGER, message)),
            split=bool(self._take(Act.SPLIT_TCP, message)),
            oversize=oversize.amount(OVERSIZE) if oversize else 0,
            skew=self._take(Act.CLOCK_SKEW, message),
        )

    def _take(self, act: Act, message: Message) -> int:
        rule = self._office.faults.take(act, message.head.msg_no, _code(message))
        return 0 if rule is None else rule.amount()

    def _fault(self, act: Act, msg_no: str, fields: Mapping[str, str]) -> int:
        rule = self._office.faults.take(act, msg_no, fields.get("PayCode", ""))
        return 0 if rule is None else rule.amount()

    async def _bill(self, fields: Mapping[str, str]) -> Reply:
        code, stats = fields.get("PayCode", ""), fields.get("PayStats")
        if not code or stats not in {UNPAID, VOID}:
            return result("8994", UNREADABLE, "PayCode 或 PayStats 有误")
        if stats == VOID:
            if self._fault(Act.VOID_RACE, "8994", fields):
                self._office.pay(code, Money())
            said = self._office.books.void(code)
            if said[0] == OK and self._fault(Act.LATE_PAY, "8994", fields):
                self._office.pay(code, Money(force=True))
            return result("8994", *said)
        said = self._office.books.issue(fields)
        if said[0] == OK and self._fault(Act.PUSH_BEFORE_RESPONSE, "8994", fields):
            self._office.pay(code, Money())
            await self._office.deliver()
        return result("8994", *said)

    def _query(self, fields: Mapping[str, str]) -> Reply:
        bill = self._office.books.bill(fields.get("PayCode", ""))
        if bill is None:
            return result("8997", UNKNOWN_CODE, "缴款识别码不存在")
        values = {**bill["fields"], "PayStats": bill["status"]}
        if self._fault(Act.STALE_STATUS, "8997", fields):
            values["PayStats"] = UNPAID
        # Without a message of its own, only a rule for 5997 disturbs this amount.
        rule = self._office.faults.take(Act.WRONG_AMOUNT, "5997", fields["PayCode"])
        if rule:
            off = rule.amount()
            for name in ("Amt", "OriAmt"):
                values[name] = format_yuan(fen(parse_yuan(values[name]) + off))
        wanted = fields.get("Hold2", "")
        found = self._office.receipts.find(fields["PayCode"], wanted) if wanted else ""
        answered = [(name, values.get(name, "")) for name in _ANSWERED]
        return Reply("5997", [*answered, ("Hold1", ""), ("Hold2", found)])

    def _number(self, fields: Mapping[str, str]) -> Reply:
        return result("8999", *self._office.receipts.number(fields))

    def _receipt(self, fields: Mapping[str, str]) -> Reply:
        code, text, receipt = self._office.receipts.issue(fields)
        return Reply(
            "5981",
            [
                ("Result", code),
                ("Msg", text),
                ("Svr_Code", ""),
                ("Svr_Msg", ""),
                ("Trade_Id", receipt.get("trade", "")),
                ("Issue_Date", receipt.get("at", "")),
                ("Invoice_Url", receipt.get("url", "")),
                ("Attach_Info", ""),
            ],
        )

    def _file(self, fields: Mapping[str, str]) -> Reply:
        key = f"{fields.get('BillVerCode', '')}{fields.get('BillNo', '')}"
        code, text, content = self._office.receipts.file(key, fields.get("Hold1", ""))
        return Reply(
            "5982",
            [
                ("Result", code),
                ("Msg", text),
                ("Svr_Code", ""),
                ("Svr_Msg", ""),
                ("Trade_Id", ""),
                ("Invoicefiledata", base64.b64encode(content).decode("ascii")),
            ],
        )

    def _refund(self, fields: Mapping[str, str]) -> Reply:
        rule = self._office.faults.take(Act.REFUND_FAIL, "8801", fields.get("PayCode", ""))
        end = PAID_BACK
        if rule:
            end = REJECTED if rule.value == int(REJECTED) else REFUND_FAILED
        return result("8801", *self._office.refunds.apply(fields, end=end))

    def _refund_state(self, fields: Mapping[str, str]) -> Reply:
        number = fields.get("RefundNo", "")
        refund = self._office.refunds.get(number)
        if refund is None:
            return result("8802", UNKNOWN_REFUND, "退付编号不存在")
        return Reply("5802", self._office.refunds.shown(number, refund))

    def _reverse(self, fields: Mapping[str, str]) -> Reply:
        said = self._office.books.reverse(fields.get("PayCode", ""), fields.get("TraNoBus", ""))
        return result("8803", *said)

    def _recon(self, fields: Mapping[str, str]) -> Reply:
        division, day = fields.get("AdmDivCode", ""), fields.get("FileDate", "")
        if division != self._office.account.division or len(day) != 8 or not day.isdigit():
            return result("8805", UNREADABLE, "区划或日期有误")
        try:
            found = self._office.recon.newest(division, day)
        except ValueError:
            return result("8805", UNREADABLE, "日期有误")
        if found is None:
            return result("8805", NOT_PUBLISHED, "对账文件尚未生成")
        return Reply("5805", self._office.notice(found))


def _code(message: Message) -> str:
    return message.vouchers[0].get("PayCode", "")
