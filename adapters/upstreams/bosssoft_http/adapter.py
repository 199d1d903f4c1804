"""Serves the payments port through a method gateway: one address, one signed form, polling only."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from adapters.dialects.cfx import BadFrame
from adapters.kit.cfx import einvoice, files, results
from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.translate import protocol_breach
from adapters.upstreams.bosssoft_http import mapping, wire
from adapters.upstreams.bosssoft_http.options import Options
from adapters.upstreams.bosssoft_http.security import sign
from kernel.clock import beijing, beijing_day
from kernel.crypto.errors import InvalidKey
from kernel.crypto.sm2 import PrivateKey
from kernel.errors import UpstreamError, UpstreamProtocolError, UpstreamRejected
from payments.errors import PushRefused
from payments.model import Bill, MintSide, Terms, UpstreamBill, UpstreamState
from payments.ports import Capability, Issued, PushedFact
from payments.receipt_model import (
    IssuedReceipt,
    ReceiptFile,
    ReceiptMode,
    ReceiptNumber,
    ReceiptOrder,
)

APPKEY = "appkey"
SIGN_KEY = "sign_key"
T = TypeVar("T")


def create(options: Options, kit: Kit) -> Bosssoft:
    """Return the provider of this connection."""
    return Bosssoft(options, kit)


class Bosssoft:
    """NontaxProvider, OrderFinder and ReceiptProvider of the port."""

    def __init__(self, options: Options, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._appkey = kit.secrets[APPKEY]

    def capabilities(self) -> frozenset[Capability]:
        return frozenset({Capability.RECEIPT} if self._options.receipt_series else ())

    def terms(self) -> Terms:
        chosen = self._options
        return Terms(
            chosen.division,
            chosen.agency_code,
            chosen.agency_name,
            chosen.account,
            MintSide.PLATFORM,
        )

    def mint(self, division: str, year: int, serial: int) -> str:
        return mapping.order_number(division, year, serial)

    def examine(self, bill: Bill) -> None:
        mapping.bill_message(bill, self._options)

    async def issue(self, bill: Bill) -> Issued:
        message = mapping.bill_message(bill, self._options)
        answer = await self._ask("issue", wire.ISSUE, message)
        return self._read(
            "issue",
            lambda: Issued(mapping.url_of(answer, "pay_url"), mapping.pay_code_of(answer)),
        )

    async def void(self, bill: Bill) -> None:
        await self._ask("void", wire.INVALIDATE, {"pay_code": bill.pay_code})

    async def query(self, pay_code: str) -> UpstreamBill:
        found = await self._confirm("query", pay_code, {"pay_code": pay_code})
        if found.pay_code != pay_code:
            raise self._breach("query", "the answer is about another pay code")
        return found

    async def find_order(self, order_no: str) -> UpstreamBill:
        return await self._confirm("find_order", "", {"busi_no": order_no})

    async def _confirm(
        self, operation: str, pay_code: str, message: Mapping[str, str]
    ) -> UpstreamBill:
        try:
            answer = await self._ask(operation, wire.CONFIRM, message)
        except UpstreamRejected as refusal:
            if refusal.upstream_code == results.UNKNOWN_CODE:
                return UpstreamBill(pay_code, UpstreamState.NOT_FOUND)
            raise
        return self._read(
            operation, lambda: mapping.read_bill(answer, self._options, self._kit.unknown)
        )

    def decode_push(self, raw: bytes) -> PushedFact:
        """Refuse: this dialect pushes nothing."""
        raise PushRefused("this finance system pushes nothing", upstream_code="", answer=b"")

    def acknowledge(self, push: PushedFact, ok: bool, reason: str = "") -> bytes:  # noqa: FBT001
        return b""

    @property
    def receipt_mode(self) -> ReceiptMode:
        """Return SEPARATE: number, issue and download are calls of their own."""
        return ReceiptMode.SEPARATE

    async def take_number(self, bill: Bill) -> ReceiptNumber:
        year = beijing_day(self._kit.clock.now()).year
        code = f"{self._options.receipt_series}{year % 100:02d}"
        message = {
            "bill_batch_code": code,
            "place_code": self._options.place_code,
            "pay_code": bill.pay_code,
        }
        answer = await self._ask("take_number", wire.NUMBER, message)
        return self._read("take_number", lambda: mapping.read_number(answer, code))

    async def issue_receipt(self, order: ReceiptOrder) -> IssuedReceipt:
        now = self._kit.clock.now()
        check_code = einvoice.check_code_from(self._kit.ids.secret())
        data = einvoice.invoice_data(self._options, order, check_code, now)
        message = {
            "pay_code": order.bill.pay_code,
            "bill_batch_code": order.number.code,
            "bill_no": order.number.number,
            "place_code": self._options.place_code,
            "invoice_data": base64.b64encode(data).decode("ascii"),
            "sign_value": base64.b64encode(einvoice.sign(self._key(), data)).decode("ascii"),
            "sign_algorithm": "SM2",
        }
        answer = await self._ask("issue_receipt", wire.RECEIPT, message)
        day, _, clock = str(answer.get("issue_time", "")).partition(" ")
        return self._read(
            "issue_receipt",
            lambda: IssuedReceipt(
                number=order.number,
                check_code=check_code,
                amount_fen=order.amount_fen,
                issued_at=mapping.moment(day, clock),
                url=mapping.url_of(answer, "url"),
            ),
        )

    async def find_receipt(self, bill: Bill, number: ReceiptNumber | None) -> IssuedReceipt | None:
        message = {"pay_code": bill.pay_code}
        if number is not None:
            message |= {"bill_batch_code": number.code, "bill_no": number.number}
        answer = await self._ask("find_receipt", wire.FIND, message)
        return self._read("find_receipt", lambda: mapping.read_receipt(answer))

    async def download_receipt(self, receipt: IssuedReceipt) -> ReceiptFile:
        answer = await self._ask("download_receipt", wire.FILE, _named(receipt.number))
        text = self._options.receipt_file_check == "text"
        return self._read(
            "download_receipt",
            lambda: files.read_file(mapping.read_file(answer), receipt.number, text=text),
        )

    async def verify_receipt(self, receipt: IssuedReceipt) -> bool:
        message = {**_named(receipt.number), "check_code": receipt.check_code}
        try:
            await self._ask("verify_receipt", wire.FILE, message)
        except UpstreamRejected as refusal:
            if refusal.upstream_code == results.UNKNOWN_RECEIPT:
                return False
            raise
        return True

    def checks(self) -> Sequence[Check]:
        """Return the self-check: settings, then a query for an order that was never sent."""
        return (
            Check("settings", Layer.SETTINGS, self._check_settings),
            Check("order", Layer.PROTOCOL, self._check_order, operation="find_order"),
        )

    async def _check_settings(self) -> None:
        try:
            if self._options.receipt_series:
                self._key()
        except InvalidKey as exc:
            raise UpstreamProtocolError(f"secrets: {type(exc).__name__}") from None

    async def _check_order(self) -> None:
        year = beijing_day(self._kit.clock.now()).year
        await self.find_order(self.mint(self._options.division, year, 0))

    def _key(self) -> PrivateKey:
        return PrivateKey.from_hex(self._kit.secrets[SIGN_KEY])

    async def _ask(
        self, operation: str, method: str, message: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the message of an answer. Raises what its error message means."""
        answer = await self._kit.client.request(
            operation, "POST", wire.SERVICE_PATH, form=self._form(method, message)
        )
        try:
            found = wire.read_message(answer.body)
        except wire.BadMessage as exc:
            raise self._breach(operation, str(exc)) from None
        error, content = found.get("error_message"), found.get("message")
        if isinstance(error, dict):
            raise results.error_of(self._kit, operation, str(error.get("error_code", "")))
        if not isinstance(content, dict):
            raise self._breach(operation, "neither a message nor an error")
        return content

    def _form(self, method: str, message: Mapping[str, Any]) -> dict[str, str]:
        now = beijing(self._kit.clock.now())
        form = {
            "method": method,
            "app_id": self._options.app_id,
            "format": wire.FORMAT,
            "datetime": f"{now:%Y%m%d%H%M%S}{now.microsecond // 1000:03d}",
            "version": wire.VERSION,
            "region_code": self._options.division,
            "agency_code": self._options.agency_code,
            "encryption": wire.ENCRYPTION,
            "message_id": hashlib.sha256(self._kit.ids.secret().encode()).hexdigest()[:16],
            "message": wire.write_message(message),
        }
        return {**form, "security": sign(self._appkey, form)}

    def _read(self, operation: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except (wire.BadMessage, BadFrame) as exc:
            raise self._breach(operation, str(exc)) from None

    def _breach(self, operation: str, detail: str) -> UpstreamError:
        return protocol_breach(self._kit.manifest, operation, detail)


def _named(number: ReceiptNumber) -> dict[str, str]:
    return {"bill_batch_code": number.code, "bill_no": number.number}
