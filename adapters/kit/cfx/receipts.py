"""The vouchers of fiscal e-receipts (财政电子票据): 8999, 8981, 8982, and what answers them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime

from adapters.dialects.cfx import BadFrame
from adapters.kit.cfx.bills import amount, moment
from adapters.kit.cfx.options import AgencyOptions
from kernel.clock import beijing
from payments.receipt_model import IssuedReceipt, ReceiptNumber, ReceiptOrder

Fields = list[tuple[str, str]]


def number_fields(options: AgencyOptions, code: str, pay_code: str) -> Fields:
    """Return the 8999 voucher; with Hold2 (OURS) an unused number of this bill comes again."""
    fields = [
        *_kind(options, code),
        ("ChgAgenCode", options.agency_code),
        ("Hold1", options.receipt_operator),
    ]
    return [*fields, ("Hold2", pay_code)] if options.extensions else fields


def issue_fields(
    options: AgencyOptions, order: ReceiptOrder, data: bytes, signature: bytes, at: datetime
) -> Fields:
    """Return the 8981 voucher around signed data."""
    number = order.number
    key = [
        ("Sign_Info/Key_Info/Number", options.certificate_number),
        ("Sign_Info/Key_Info/Issuer", options.certificate_issuer),
    ]
    return [
        ("PayCode", order.bill.pay_code),
        ("BillNo", number.number),
        ("AdmDivCode", options.division),
        *_kind(options, number.code),
        ("Version", options.receipt_version),
        ("Invoice_Data", base64.b64encode(data).decode("ascii")),
        ("Seal_Pic", ""),
        ("Attach_Info", ""),
        ("Hold1", ""),
        ("Sign_Info/Value", base64.b64encode(signature).decode("ascii")),
        ("Sign_Info/Format", "DETACH"),
        ("Sign_Info/Algorithm", "SM2"),
        ("Sign_Info/Time", f"{beijing(at):%Y%m%d%H%M%S}"),
        *(key if options.certificate_number else []),
    ]


def file_fields(options: AgencyOptions, number: ReceiptNumber, check_code: str) -> Fields:
    """Return the 8982 voucher; a check code in Hold1 asks whether it is this receipt's (OURS)."""
    return [
        ("BillNo", number.number),
        ("AdmDivCode", options.division),
        *_kind(options, number.code),
        ("Version", options.receipt_version),
        ("CrcCode", ""),
        ("Hold1", check_code),
    ]


def _kind(options: AgencyOptions, code: str) -> Fields:
    # Whether a province keeps 票据代码 in BillVerCode, as here, is for its papers to say.
    return [
        ("BillTypeCode", options.receipt_type_code),
        ("BillTypeName", options.receipt_type_name),
        ("BillVerCode", code),
        ("BillVerName", options.receipt_type_name),
    ]


def read_number(information: str, code: str) -> ReceiptNumber:
    """Read Information of the answer to 8999: ten digits. Raises BadFrame."""
    try:
        return ReceiptNumber(code, information)
    except ValueError:
        raise BadFrame("the receipt number is malformed") from None


def read_issued(voucher: Mapping[str, str], order: ReceiptOrder, check_code: str) -> IssuedReceipt:
    """Read the answer to 8981 that says ok. Raises BadFrame."""
    said = voucher.get("Issue_Date", "")
    url = voucher.get("Invoice_Url", "")
    return IssuedReceipt(
        number=order.number,
        check_code=check_code,
        amount_fen=order.amount_fen,
        issued_at=_issued_at(said),
        url=url if url.startswith(("http://", "https://")) and len(url) <= 500 else "",
    )


def _issued_at(said: str) -> datetime | None:
    if not said:
        return None
    return moment(said[:8], said[8:] or "000000")


def read_found(text: str) -> IssuedReceipt | None:
    """Read Hold2 of 5997 (OURS): ``code|number|check code|yyyyMMddHHmmss|amount``, empty for none.

    A red receipt's amount is given without its sign. Raises BadFrame.
    """
    if not text:
        return None
    parts = text.split("|")
    if len(parts) != 5:
        raise BadFrame("Hold2 does not describe a receipt")
    code, number, check_code, at, value = parts
    if not (check_code.isascii() and check_code.isalnum() and len(check_code) <= 20):
        raise BadFrame("the check code is malformed")
    return IssuedReceipt(
        number=read_number(number, code),
        check_code=check_code,
        amount_fen=amount({"Amt": value}, "Amt"),
        issued_at=_issued_at(at),
    )


def read_content(voucher: Mapping[str, str]) -> bytes:
    """Return the file of the answer to 8982. Raises BadFrame."""
    text = voucher.get("Invoicefiledata", "")
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadFrame("Invoicefiledata is not Base64") from None
    if not content:
        raise BadFrame("Invoicefiledata is empty")
    return content
