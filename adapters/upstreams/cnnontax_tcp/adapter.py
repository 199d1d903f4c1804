"""Serves the payments port over CNNONTAX 1.0: one message, one answer, one connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import ByteReader, Kit
from adapters.kit.translate import protocol_breach
from adapters.upstreams.cnnontax_tcp import mac, mapping, wire
from adapters.upstreams.cnnontax_tcp.options import Options
from adapters.upstreams.cnnontax_tcp.wire import BadFrame, Frame, Head, Message
from kernel.clock import beijing_day
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)
from payments.errors import PushRefused
from payments.model import Bill, Terms, UpstreamBill, UpstreamState
from payments.ports import Capability, Issued, PushedFact

TOKEN = "token"


def create(options: Options, kit: Kit) -> CnNontax:
    """Return the provider of this connection."""
    return CnNontax(options, kit)


class CnNontax:
    """The agency side of CNNONTAX 1.0 (payments.ports.NontaxProvider)."""

    def __init__(self, options: Options, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._token = kit.secrets[TOKEN]

    def capabilities(self) -> frozenset[Capability]:
        return frozenset()

    def terms(self) -> Terms:
        chosen = self._options
        return Terms(chosen.division, chosen.agency_code, chosen.agency_name, chosen.account)

    def mint(self, division: str, year: int, serial: int) -> str:
        return mapping.mint(self._options, division, year, serial)

    def examine(self, bill: Bill) -> None:
        mapping.bill_fields(bill, self._options, "0")

    async def issue(self, bill: Bill) -> Issued:
        answer = await self._ask("issue", "8994", mapping.bill_fields(bill, self._options, "0"))
        information = self._result("issue", "8994", answer)
        if not information.startswith(("http://", "https://")) or len(information) > 500:
            raise self._breach("issue", "accepted, but without the address of a pay page")
        return Issued(information)

    async def void(self, bill: Bill) -> None:
        answer = await self._ask("void", "8994", mapping.bill_fields(bill, self._options, "2"))
        self._result("void", "8994", answer)

    async def query(self, pay_code: str) -> UpstreamBill:
        fields = [("PayCode", pay_code), ("PayMode", ""), ("Hold1", ""), ("Hold2", "")]
        answer = await self._ask("query", "8997", fields)
        if answer.head.msg_no != "5997":
            try:
                self._result("query", "8997", answer)
            except UpstreamRejected as refusal:
                if refusal.upstream_code == mapping.UNKNOWN_CODE:
                    return UpstreamBill(pay_code, UpstreamState.NOT_FOUND)
                raise
            raise self._breach("query", "a query was acknowledged without the bill")
        try:
            return mapping.read_bill(answer.voucher, pay_code, self._kit.unknown)
        except BadFrame as exc:
            raise self._breach("query", str(exc)) from None

    def decode_push(self, raw: bytes) -> PushedFact:
        try:
            frame = wire.split_frame(raw)
        except BadFrame as exc:
            raise self._refused(str(exc), exc.code, "") from None
        if not mac.matches(self._token, frame.xml, frame.mac):
            raise self._refused("the MAC is not made with our token", mapping.BAD_MAC, "")
        try:
            message = wire.read_xml(frame.xml)
        except BadFrame as exc:
            raise self._refused(str(exc), exc.code, "") from None
        return self._read_push(frame, message)

    def _read_push(self, frame: Frame, message: Message) -> PushedFact:
        head = message.head
        if (head.src, head.des) != (self._options.des, self._options.src):
            raise self._refused("SRC or DES is not ours", mapping.STRANGER, head.msg_id)
        if not frame.msg_no == head.msg_no == "5996":
            raise self._refused("not a payment confirmation", BadFrame.PARSE, head.msg_id)
        try:
            fact = mapping.read_push(
                message.voucher, self._options.pay_code_pattern, self._kit.unknown
            )
        except BadFrame as exc:
            raise self._refused(str(exc), exc.code, head.msg_id) from None
        return PushedFact(fact, head.msg_no, head.msg_id)

    def acknowledge(self, push: PushedFact, ok: bool, reason: str = "") -> bytes:  # noqa: FBT001
        code = mapping.OK if ok else mapping.UNKNOWN_CODE
        return self._acknowledgement(code, reason, push.msg_id)

    def checks(self) -> Sequence[Check]:
        """Return the self-check: settings, then a query for a code that was never issued."""
        return (
            Check("settings", Layer.SETTINGS, self._check_settings),
            Check("query", Layer.PROTOCOL, self._check_query, operation="query"),
        )

    async def _check_settings(self) -> None:
        try:
            self._probe_code()
        except ValueError as exc:
            raise UpstreamProtocolError(f"pay codes: {exc}") from None

    async def _check_query(self) -> None:
        await self.query(self._probe_code())

    def _probe_code(self) -> str:
        # Serials begin with 1: nobody was ever billed under 0.
        year = beijing_day(self._kit.clock.now()).year
        return self.mint(self._options.division, year, 0)

    async def _ask(self, operation: str, msg_no: str, fields: Sequence[tuple[str, str]]) -> Message:
        msg_id = self._new_id()
        frame = self._frame(msg_no, msg_id, msg_id, fields)
        raw = await self._kit.client.exchange(operation, frame, _read_frame)
        try:
            answer = wire.split_frame(raw)
            if not mac.matches(self._token, answer.xml, answer.mac):
                if self._kit.manifest.operation(operation).safe:
                    raise UpstreamAuthFailed("the answer's MAC is not made with our token")
                raise UpstreamOutcomeUnknown("the answer's MAC is not made with our token")
            message = wire.read_xml(answer.xml)
        except BadFrame as exc:
            raise self._breach(operation, str(exc)) from None
        head = message.head
        if (head.src, head.des, head.msg_ref, head.msg_no) != (
            self._options.des,
            self._options.src,
            msg_id,
            answer.msg_no,
        ):
            raise self._breach(operation, "the answer belongs to another message")
        return message

    def _result(self, operation: str, msg_no: str, answer: Message) -> str:
        """Return Information of a 5001 that says ok; raise what any other result means."""
        try:
            voucher: Mapping[str, str] = answer.voucher
        except BadFrame as exc:
            raise self._breach(operation, str(exc)) from None
        if answer.head.msg_no != "5001" or voucher.get("OriMsgNo") != msg_no:
            raise self._breach(operation, "not the answer to this message")
        code = voucher.get("Result", "")
        if code == mapping.OK:
            return voucher.get("Information", "")
        if code in mapping.REFUSALS:
            raise UpstreamRejected(f"result {code}", upstream_code=code)
        if code in mapping.CREDENTIALS:
            raise UpstreamAuthFailed(f"result {code}")
        if not (code.isascii() and code.isdigit() and len(code) == 5):
            raise self._breach(operation, "the result code is malformed")
        self._kit.unknown("Result", code)
        if self._kit.manifest.operation(operation).safe:
            raise UpstreamUnavailable(f"result {code}")
        raise UpstreamOutcomeUnknown(f"result {code}")

    def _breach(self, operation: str, detail: str) -> UpstreamError:
        return protocol_breach(self._kit.manifest, operation, detail)

    def _refused(self, detail: str, code: str, msg_ref: str) -> PushRefused:
        answer = self._acknowledgement(code, "报文未被受理", msg_ref)
        return PushRefused(detail, upstream_code=code, answer=answer)

    def _acknowledgement(self, code: str, reason: str, msg_ref: str) -> bytes:
        msg_id = self._new_id()
        fields = [("OriMsgNo", "5996"), ("Result", code), ("Information", reason)]
        return self._frame("8001", msg_id, msg_ref or msg_id, fields)

    def _frame(
        self, msg_no: str, msg_id: str, msg_ref: str, fields: Sequence[tuple[str, str]]
    ) -> bytes:
        day = f"{beijing_day(self._kit.clock.now()):%Y%m%d}"
        head = Head(self._options.src, self._options.des, msg_no, msg_id, msg_ref, day)
        xml = wire.write_xml(head, [wire.write_voucher(fields)])
        return wire.join_frame(msg_no, xml, mac.sign(self._token, xml))

    def _new_id(self) -> str:
        # Twenty characters, as live samples have; the tail is the random part of the id.
        return "NT" + self._kit.ids.new("nt").rpartition("_")[2][-18:].upper()


async def _read_frame(reader: ByteReader) -> bytes:
    prefix = await reader.exactly(wire.PREFIX)
    try:
        total = wire.frame_length(prefix)
    except BadFrame as exc:
        raise UpstreamProtocolError(str(exc)) from None
    return prefix + await reader.exactly(total - wire.PREFIX)
