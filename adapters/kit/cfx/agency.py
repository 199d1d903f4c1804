"""Serves the payments port in CFX messages; a carrier takes them to the finance system and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol, TypeVar

from adapters.dialects.cfx import BadFrame, Head, Message, read_xml, write_voucher, write_xml
from adapters.kit.cfx import bills, einvoice, files, receipts, recon, refunds, results
from adapters.kit.cfx.options import AgencyOptions
from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.translate import protocol_breach
from kernel.clock import beijing, beijing_day
from kernel.crypto.errors import InvalidKey
from kernel.crypto.sm2 import PrivateKey
from kernel.errors import UpstreamError, UpstreamProtocolError, UpstreamRejected
from payments.errors import PushRefused
from payments.model import Bill, Terms, UpstreamBill, UpstreamState
from payments.ports import Capability, Issued, Pushed, PushedFact, ReconFile
from payments.receipt_model import (
    IssuedReceipt,
    ReceiptFile,
    ReceiptMode,
    ReceiptNumber,
    ReceiptOrder,
)
from payments.refund_model import RefundNews, RefundOrder, ReversalOrder

SIGN_KEY: Final = "sign_key"
"""Secret: the agency's SM2 key for receipts, 64 hexadecimal digits."""

_ANSWERS: Final[Mapping[str, str]] = {
    "8997": "5997",
    # By analogy; no source shows the numbers of these answers (OURS):
    "8981": "5981",
    "8982": "5982",
    "8802": "5802",
    "8805": "5805",
}
"""What answers a message besides 5001."""
_FIND: Final = "R"
"""Hold2 of an 8997 that asks for a receipt (OURS)."""

Fields = Sequence[tuple[str, str]]
T = TypeVar("T")


@dataclass(frozen=True)
class Carried:
    """An answer whose MAC or signature was verified."""

    msg_no: str
    """As the carrier's own framing names it; empty where it does not."""
    xml: bytes


Opened = Carried
"""A push whose MAC or signature was verified."""


class Carrier(Protocol):
    """How CFX documents travel and how they are protected on the way."""

    async def carry(self, operation: str, msg_no: str, xml: bytes) -> Carried:
        """Send a message and return its verified answer. Raises the five upstream errors."""
        ...

    def open(self, raw: bytes) -> Opened:
        """Verify a push. Raises BadFrame with the result code that answers it."""
        ...

    def close(self, msg_no: str, xml: bytes) -> bytes:
        """Return the protected answer to a push."""
        ...


class Agency:
    """The agency side of CNNONTAX 1.0: NontaxProvider and every optional protocol of the port."""

    def __init__(
        self,
        options: AgencyOptions,
        kit: Kit,
        carrier: Carrier,
        *,
        unknown: Callable[[str, str], None],
        files_url: str | None,
    ) -> None:
        """``files_url`` is the base address of reconciliation files; None: there are none."""
        self._chosen = options
        self._kit = kit
        self._carrier = carrier
        self._unknown = unknown
        self._files_url = files_url

    def capabilities(self) -> frozenset[Capability]:
        found = {Capability.RECEIPT} if self._chosen.receipt_series else set()
        if self._chosen.extensions:
            found |= {Capability.REFUND, Capability.REVERSAL, Capability.FUNDS_PUSH}
            found |= {Capability.RECON} if self._files_url else set()
        return frozenset(found)

    def terms(self) -> Terms:
        chosen = self._chosen
        return Terms(chosen.division, chosen.agency_code, chosen.agency_name, chosen.account)

    def mint(self, division: str, year: int, serial: int) -> str:
        return bills.mint(self._chosen, division, year, serial)

    def examine(self, bill: Bill) -> None:
        bills.bill_fields(bill, self._chosen, "0")

    async def issue(self, bill: Bill) -> Issued:
        fields = bills.bill_fields(bill, self._chosen, "0")
        information = await self._acknowledged("issue", "8994", fields)
        if not information.startswith(("http://", "https://")) or len(information) > 500:
            raise self._breach("issue", "accepted, but without the address of a pay page")
        return Issued(information)

    async def void(self, bill: Bill) -> None:
        fields = bills.bill_fields(bill, self._chosen, "2")
        await self._acknowledged("void", "8994", fields)

    async def query(self, pay_code: str) -> UpstreamBill:
        try:
            voucher = await self._ask("query", "8997", _query_fields(pay_code))
        except UpstreamRejected as refusal:
            if refusal.upstream_code == results.UNKNOWN_CODE:
                return UpstreamBill(pay_code, UpstreamState.NOT_FOUND)
            raise
        return self._read("query", lambda: bills.read_bill(voucher, pay_code, self._unknown))

    @property
    def receipt_mode(self) -> ReceiptMode:
        """Return SEPARATE: number, issue and download are calls of their own."""
        return ReceiptMode.SEPARATE

    async def take_number(self, bill: Bill) -> ReceiptNumber:
        year = beijing(self._kit.clock.now()).year
        code = f"{self._chosen.receipt_series}{year % 100:02d}"
        fields = receipts.number_fields(self._chosen, code, bill.pay_code)
        said = await self._acknowledged("take_number", "8999", fields)
        return self._read("take_number", lambda: receipts.read_number(said, code))

    async def issue_receipt(self, order: ReceiptOrder) -> IssuedReceipt:
        now = self._kit.clock.now()
        check_code = einvoice.check_code_from(self._kit.ids.secret())
        data = einvoice.invoice_data(self._chosen, order, check_code, now)
        signature = einvoice.sign(self._key(), data)
        fields = receipts.issue_fields(self._chosen, order, data, signature, now)
        voucher = await self._ask("issue_receipt", "8981", fields)
        return self._read("issue_receipt", lambda: receipts.read_issued(voucher, order, check_code))

    async def find_receipt(self, bill: Bill, number: ReceiptNumber | None) -> IssuedReceipt | None:
        if not self._chosen.extensions:
            return await self._find_by_file(number)
        wanted = _FIND if number is None else f"{_FIND}|{number.code}|{number.number}"
        fields = _query_fields(bill.pay_code, wanted)
        voucher = await self._ask("find_receipt", "8997", fields)
        return self._read("find_receipt", lambda: receipts.read_found(voucher.get("Hold2", "")))

    async def _find_by_file(self, number: ReceiptNumber | None) -> IssuedReceipt | None:
        """Without the extension only the file of a known number shows that it was issued."""
        if number is None:
            return None
        fields = receipts.file_fields(self._chosen, number, "")
        try:
            await self._ask("download_receipt", "8982", fields)
        except UpstreamRejected:
            return None
        return IssuedReceipt(number, check_code="", amount_fen=None, issued_at=None)

    async def download_receipt(self, receipt: IssuedReceipt) -> ReceiptFile:
        fields = receipts.file_fields(self._chosen, receipt.number, "")
        voucher = await self._ask("download_receipt", "8982", fields)
        text = self._chosen.receipt_file_check == "text"
        return self._read(
            "download_receipt",
            lambda: files.read_file(receipts.read_content(voucher), receipt.number, text=text),
        )

    async def verify_receipt(self, receipt: IssuedReceipt) -> bool:
        fields = receipts.file_fields(self._chosen, receipt.number, receipt.check_code)
        try:
            await self._ask("verify_receipt", "8982", fields)
        except UpstreamRejected as refusal:
            if refusal.upstream_code == results.UNKNOWN_RECEIPT:
                return False
            raise
        return True

    async def apply_refund(self, order: RefundOrder) -> None:
        await self._acknowledged("apply_refund", "8801", refunds.refund_fields(order))

    async def query_refund(self, refund_no: str) -> RefundNews:
        try:
            voucher = await self._ask("query_refund", "8802", [("RefundNo", refund_no)])
        except UpstreamRejected as refusal:
            if refusal.upstream_code == results.UNKNOWN_REFUND:
                return refunds.not_found(refund_no)
            raise
        news = self._read("query_refund", lambda: refunds.read_news(voucher, self._unknown))
        if news.refund_no != refund_no:
            raise self._breach("query_refund", "the answer is about another refund")
        return news

    async def reverse(self, order: ReversalOrder) -> None:
        await self._acknowledged("reverse", "8803", refunds.reversal_fields(order))

    async def fetch_file(self, division: str, day: date) -> ReconFile | None:
        fields = [("AdmDivCode", division), ("FileDate", f"{day:%Y%m%d}")]
        try:
            voucher = await self._ask("recon_notice", "8805", fields)
        except UpstreamRejected as refusal:
            if refusal.upstream_code == results.NOT_PUBLISHED:
                return None
            raise
        notice = self._read("recon_notice", lambda: recon.read_notice(voucher, self._files_url))
        answer = await self._kit.client.request("recon_file", "GET", notice.path)
        return recon.with_content(notice, answer.body)

    def decode_push(self, raw: bytes) -> PushedFact:
        msg_ref = ""
        try:
            opened = self._carrier.open(raw)
            message = read_xml(opened.xml)
            head, msg_ref = message.head, message.head.msg_id
            if (head.src, head.des) != (self._chosen.des, self._chosen.src):
                raise BadFrame("SRC or DES is not ours", results.STRANGER)
            if opened.msg_no not in {"", head.msg_no}:
                raise BadFrame("the message has two numbers")
            return PushedFact(self._fact(head.msg_no, message.voucher), head.msg_no, head.msg_id)
        except BadFrame as exc:
            answer = self._acknowledgement("5996", exc.code, "报文未被受理", msg_ref)
            raise PushRefused(str(exc), upstream_code=exc.code, answer=answer) from None

    def _fact(self, msg_no: str, voucher: Mapping[str, str]) -> Pushed:
        match msg_no:
            case "5996":
                return bills.read_push(voucher, self._chosen, self._unknown)
            case "5804" if self._chosen.extensions:
                return bills.read_funds(voucher, self._chosen)
            case "5803" if self._chosen.extensions:
                return refunds.read_news(voucher, self._unknown)
            case _:
                raise BadFrame("not a message that is pushed")

    def acknowledge(self, push: PushedFact, ok: bool, reason: str = "") -> bytes:  # noqa: FBT001
        code = results.OK if ok else results.UNKNOWN_CODE
        return self._acknowledgement(push.msg_no, code, reason, push.msg_id)

    def checks(self) -> Sequence[Check]:
        """Return the self-check: settings, then a query for a code that was never issued."""
        return (
            Check("settings", Layer.SETTINGS, self._check_settings),
            Check("query", Layer.PROTOCOL, self._check_query, operation="query"),
        )

    async def _check_settings(self) -> None:
        try:
            self._probe_code()
            if self._chosen.receipt_series:
                self._key()
        except (ValueError, InvalidKey) as exc:
            raise UpstreamProtocolError(f"options or secrets: {type(exc).__name__}") from None

    async def _check_query(self) -> None:
        await self.query(self._probe_code())

    def _probe_code(self) -> str:
        # Serials begin with 1: nobody was ever billed under 0.
        return self.mint(self._chosen.division, beijing_day(self._kit.clock.now()).year, 0)

    def _key(self) -> PrivateKey:
        return PrivateKey.from_hex(self._kit.secrets[SIGN_KEY])

    async def _acknowledged(self, operation: str, msg_no: str, fields: Fields) -> str:
        """Send a message that only 5001 answers; return its Information."""
        return (await self._ask(operation, msg_no, fields)).get("Information", "")

    async def _ask(self, operation: str, msg_no: str, fields: Fields) -> Mapping[str, str]:
        """Return the voucher of an answer that is no refusal. Raises what its Result means."""
        msg_id = self._new_id()
        xml = self._document(msg_no, msg_id, msg_id, fields)
        carried = await self._carrier.carry(operation, msg_no, xml)
        try:
            message = read_xml(carried.xml)
            voucher = message.voucher
        except BadFrame as exc:
            raise self._breach(operation, str(exc)) from None
        self._require_answer(operation, carried, message, msg_id)
        number = message.head.msg_no
        if number == "5001" and voucher.get("OriMsgNo") != msg_no:
            raise self._breach(operation, "not the answer to this message")
        if number not in {"5001", _ANSWERS.get(msg_no, "5001")}:
            raise self._breach(operation, "not the answer to this message")
        # 5997 and 5802 carry no Result: they are what was asked for.
        code = voucher.get("Result", results.OK if number not in {"5001", "5981", "5982"} else "")
        if code != results.OK:
            raise results.error_of(self._kit, operation, code)
        if number == "5001" and msg_no in _ANSWERS:
            raise self._breach(operation, "acknowledged without what was asked for")
        return voucher

    def _require_answer(
        self, operation: str, carried: Carried, message: Message, msg_id: str
    ) -> None:
        head, chosen = message.head, self._chosen
        seen = (head.src, head.des, head.msg_ref)
        same = carried.msg_no in {"", head.msg_no}
        if not same or seen != (chosen.des, chosen.src, msg_id):
            raise self._breach(operation, "the answer belongs to another message")

    def _read(self, operation: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except BadFrame as exc:
            raise self._breach(operation, str(exc)) from None

    def _breach(self, operation: str, detail: str) -> UpstreamError:
        return protocol_breach(self._kit.manifest, operation, detail)

    def _acknowledgement(self, about: str, code: str, reason: str, msg_ref: str) -> bytes:
        msg_id = self._new_id()
        fields = [("OriMsgNo", about), ("Result", code), ("Information", reason)]
        return self._carrier.close(
            "8001", self._document("8001", msg_id, msg_ref or msg_id, fields)
        )

    def _document(self, msg_no: str, msg_id: str, msg_ref: str, fields: Fields) -> bytes:
        day = f"{beijing_day(self._kit.clock.now()):%Y%m%d}"
        head = Head(self._chosen.src, self._chosen.des, msg_no, msg_id, msg_ref, day)
        return write_xml(head, [write_voucher(fields)])

    def _new_id(self) -> str:
        # Twenty characters, as live samples have; the tail is the random part of the id.
        return "NT" + self._kit.ids.new("nt").rpartition("_")[2][-18:].upper()


def _query_fields(pay_code: str, hold2: str = "") -> Fields:
    return [("PayCode", pay_code), ("PayMode", ""), ("Hold1", ""), ("Hold2", hold2)]
