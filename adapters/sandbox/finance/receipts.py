"""Fiscal e-receipts: numbers, the agency's signature, one live one per bill, and their files."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree as SafeTree
from defusedxml import DefusedXmlException

from adapters.sandbox.finance.books import Books, Said
from adapters.sandbox.finance.codes import (
    DIFFERS,
    OK,
    PAID,
    UNKNOWN_CODE,
    UNKNOWN_RECEIPT,
    UNREADABLE,
    WRONG_AMOUNT,
)
from adapters.sandbox.finance.pdf import Line, receipt_pdf
from adapters.sandbox.store import Store
from kernel.clock import Clock, beijing
from kernel.crypto import sm2
from kernel.money import fen, format_yuan, to_capital

Fields = Mapping[str, str]
_BAD_SIGNATURE: Final = "90001"


@dataclass(frozen=True)
class _Invoice:
    """What the signed data says."""

    code: str
    number: str
    check_code: str
    total_fen: int
    lines: tuple[tuple[str, int], ...]
    payer: str
    red_of: str
    """Key of the receipt that it cancels, or empty."""


class Receipts:
    """All rules about receipts; every method is one transaction of the store."""

    def __init__(self, store: Store, clock: Clock, books: Books, url: str, key: str) -> None:
        """``key`` is the agency's public SM2 key, 65 bytes in hexadecimal."""
        self._store = store
        self._clock = clock
        self._books = books
        self._url = url
        self._key = sm2.PublicKey(bytes.fromhex(key))

    def number(self, fields: Fields) -> Said:
        """Give out a number; one that this bill was given and did not use comes again (OURS)."""
        code, pay_code = fields.get("BillVerCode", ""), fields.get("Hold2", "")
        if len(code) != 8 or not (code.isascii() and code.isdigit()):
            return UNREADABLE, "票据代码有误"
        with self._store.transaction():
            for key, receipt in self._store.items("receipt"):
                unused = receipt["state"] == "numbered" and receipt["pay_code"] == pay_code
                if pay_code and unused and key.startswith(code):
                    return OK, key[8:]
            number = f"{self._store.next_number(f'receipt-{code}'):010d}"
            given = {"pay_code": pay_code, "state": "numbered"}
            self._store.put("receipt", code + number, given)
            return OK, number

    def issue(self, fields: Fields) -> tuple[str, str, dict[str, Any]]:
        """Issue what the agency signed; return result, text and the receipt."""
        try:
            data = base64.b64decode(fields.get("Invoice_Data", ""), validate=True)
            signature = base64.b64decode(fields.get("Sign_Info/Value", ""), validate=True)
            invoice = _read(data)
        except (binascii.Error, ValueError, ArithmeticError):
            return UNREADABLE, "票据数据有误", {}
        if not sm2.verify(self._key, data, signature):
            return _BAD_SIGNATURE, "单位签名验证失败", {}
        key = f"{fields.get('BillVerCode', '')}{fields.get('BillNo', '')}"
        if key != invoice.code + invoice.number:
            return UNREADABLE, "票据代码、号码不一致", {}
        with self._store.transaction():
            kept = self._store.get("receipt", key)
            if kept is None or kept["pay_code"] not in {"", fields.get("PayCode")}:
                return UNKNOWN_RECEIPT, "票据号码未发放给该缴款单", {}
            if kept["state"] != "numbered":
                same = kept["data"] == fields["Invoice_Data"]
                return (OK, "", kept) if same else (DIFFERS, "票据号码已使用", {})
            refusal = self._refusal(fields, invoice)
            if refusal:
                return *refusal, {}
            return OK, "", self._issued(key, fields, invoice)

    def _refusal(self, fields: Fields, invoice: _Invoice) -> Said | None:
        pay_code = fields.get("PayCode", "")
        bill = self._books.bill(pay_code)
        if bill is None or (bill["status"] != PAID and not invoice.red_of):
            return UNKNOWN_CODE, "未缴款，不能开票"
        if invoice.total_fen != sum(value for _, value in invoice.lines):
            return WRONG_AMOUNT, "明细与合计不一致"
        paid = sum(p["amount_fen"] for p in bill["payments"])
        if invoice.red_of:
            blue = self._store.get("receipt", invoice.red_of)
            if blue is None or blue["state"] != "issued" or blue["pay_code"] != pay_code:
                return UNKNOWN_RECEIPT, "没有可冲红的票据"
            if invoice.total_fen != -blue["total_fen"]:
                return WRONG_AMOUNT, "冲红金额不一致"
        elif not 0 < invoice.total_fen <= paid:
            return WRONG_AMOUNT, "票据金额大于缴款金额"
        elif self._live(pay_code):
            return DIFFERS, "该缴款单已开票"
        return None

    def _issued(self, key: str, fields: Fields, invoice: _Invoice) -> dict[str, Any]:
        now = beijing(self._clock.now())
        receipt = {
            "pay_code": fields["PayCode"],
            "state": "red" if invoice.red_of else "issued",
            "data": fields["Invoice_Data"],
            "check_code": invoice.check_code,
            "total_fen": invoice.total_fen,
            "lines": list(invoice.lines),
            "payer": invoice.payer,
            "at": f"{now:%Y%m%d%H%M%S}",
            "trade": f"T{self._store.next_number('trade'):012d}",
            "url": f"{self._url}/{key}",
            "red_of": invoice.red_of,
        }
        self._store.put("receipt", key, receipt)
        if invoice.red_of:
            blue = self._store.get("receipt", invoice.red_of)
            self._store.put("receipt", invoice.red_of, {**blue, "state": "cancelled"})
        return receipt

    def _live(self, pay_code: str) -> str:
        for key, receipt in self._store.items("receipt"):
            if receipt["pay_code"] == pay_code and receipt["state"] == "issued":
                return key
        return ""

    def of_bill(self, pay_code: str) -> list[dict[str, str]]:
        """Return key and state of every receipt of a bill, for testers."""
        return [
            {"code": key[:8], "number": key[8:], "state": receipt["state"]}
            for key, receipt in self._store.items("receipt")
            if receipt["pay_code"] == pay_code
        ]

    def find(self, pay_code: str, wanted: str) -> str:
        """Return Hold2 of 5997 (OURS): about ``R|code|number``, or about the live one for ``R``."""
        key = "".join(wanted.split("|")[1:]) or self._live(pay_code)
        receipt = self._store.get("receipt", key) if key else None
        if receipt is None or receipt["state"] == "numbered" or receipt["pay_code"] != pay_code:
            return ""
        amount = format_yuan(fen(abs(receipt["total_fen"])))
        return "|".join((key[:8], key[8:], receipt["check_code"], receipt["at"], amount))

    def file(self, key: str, check_code: str = "") -> tuple[str, str, bytes]:
        """Return result, text and the document of a receipt whose check code is this, if given."""
        receipt = self._store.get("receipt", key)
        if receipt is None or receipt["state"] == "numbered":
            return UNKNOWN_RECEIPT, "票据不存在", b""
        if check_code not in {"", receipt["check_code"]}:
            return UNKNOWN_RECEIPT, "校验码不一致", b""
        return OK, "", receipt_pdf(_printed(key, receipt), key[:8], key[8:])


def _printed(key: str, receipt: Mapping[str, Any]) -> list[Line]:
    total = fen(abs(receipt["total_fen"]))
    title = "非税收入统一票据（电子）" + ("（红字）" if receipt["red_of"] else "")
    lines = [
        Line(170, 780, 18, title),
        Line(60, 740, 11, f"票据代码：{key[:8]}"),
        Line(320, 740, 11, f"票据号码：{key[8:]}"),
        Line(60, 720, 11, f"校验码：{receipt['check_code']}"),
        Line(320, 720, 11, f"开票日期：{receipt['at'][:8]}"),
        Line(60, 700, 11, f"交款人：{receipt['payer']}"),
        Line(60, 680, 11, f"缴款识别码：{receipt['pay_code']}"),
    ]
    for row, (name, value) in enumerate(receipt["lines"][:20]):
        lines.append(Line(60, 645 - 18 * row, 11, name))
        lines.append(Line(420, 645 - 18 * row, 11, f"{format_yuan(fen(value))} 元"))
    capital = to_capital(total)
    lines.append(Line(60, 270, 11, f"金额合计（大写）：{capital}"))
    lines.append(Line(60, 250, 11, f"（小写）：{format_yuan(fen(receipt['total_fen']))} 元"))
    lines.append(Line(60, 220, 9, "仿真环境，不是有效票据。"))
    return lines


def _read(data: bytes) -> _Invoice:
    """Read Header and EInvoiceData. Raises ValueError or ArithmeticError."""
    text = data.decode("utf-8")
    try:
        root: Element = SafeTree.fromstring(f"<EInvoice>{text}</EInvoice>", forbid_dtd=True)
    except (ParseError, DefusedXmlException):
        raise ValueError("not an EInvoice") from None
    code, number = _text(root, ".//EInvoiceCode"), _text(root, ".//EInvoiceNumber")
    if _text(root, "Header/EInvoiceID") != f"{number[::-1]}-{code[::-1]}":
        raise ValueError("EInvoiceID is not made of number and code")
    related = [_text(root, f".//RelatedInvoice{part}") for part in ("Code", "Number")]
    lines = tuple(
        (_text(item, "ItemName"), _fen(_text(item, "ItemAmount"))) for item in root.iter("Item")
    )
    return _Invoice(
        code=code,
        number=number,
        check_code=_text(root, ".//RandomNumber"),
        total_fen=_fen(_text(root, ".//TotalAmount")),
        lines=lines,
        payer=_text(root, ".//PayerPartyName"),
        red_of="".join(related),
    )


def _text(node: Element, path: str) -> str:
    return node.findtext(path) or ""


def _fen(text: str) -> int:
    whole, _, part = text.partition(".")
    if not whole.lstrip("-").isdigit() or len(part) != 2 or not part.isdigit():
        raise ValueError("not an amount with two decimals")
    return int(whole + part)
