"""The EInvoice document of a fiscal e-receipt (财政电子票据) and the agency's signature over it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final
from xml.sax.saxutils import escape

from adapters.dialects.cfx import writable
from adapters.kit.cfx.bills import merged_items
from adapters.kit.cfx.options import IssuerOptions
from kernel.clock import beijing
from kernel.crypto import sm2
from kernel.money import Fen, fen, format_yuan
from payments.errors import InvalidBill
from payments.receipt_model import ReceiptNumber, ReceiptOrder

Line = tuple[str, str, Fen]
"""Item code, item name, amount in 分."""

_CHECK_CODE: Final = "0123456789abcdefghijkmnpqrstuvwxyz"


def sign(key: sm2.PrivateKey, data: bytes) -> bytes:
    """Return the SM2 signature in DER over exactly the bytes that are sent."""
    return sm2.sign(key, data)


def check_code_from(secret: str) -> str:
    """Return six characters 校验码 drawn from a secret; they cannot be recomputed from the data."""
    drawn = int.from_bytes(hashlib.sha256(secret.encode()).digest())
    text = ""
    for _ in range(6):
        drawn, rest = divmod(drawn, len(_CHECK_CODE))
        text += _CHECK_CODE[rest]
    return text


def invoice_id(number: ReceiptNumber) -> str:
    """Return EInvoiceID: number and code, each reversed."""
    return f"{number.number[::-1]}-{number.code[::-1]}"


def invoice_data(
    options: IssuerOptions, order: ReceiptOrder, check_code: str, at: datetime
) -> bytes:
    """Return Header and EInvoiceData as UTF-8, the very bytes that are signed and sent.

    A red receipt has negative amounts and names the receipt that it cancels. Raises InvalidBill for
    text that XML cannot hold.
    """
    sign_of = -1 if order.red_of else 1
    header = _xml(
        ("EInvoiceTag", f"CZ-EI-{options.division[:2]}"),
        ("EInvoiceID", invoice_id(order.number)),
        ("Version", "1.1.0"),
    )
    items = "".join(
        f"<Item>{_item(code, name, fen(sign_of * value))}</Item>"
        for code, name, value in receipt_lines(order)
    )
    data = f"<Main>{_main(options, order, check_code, at)}</Main><Details>{items}</Details>"
    text = f"<Header>{header}</Header><EInvoiceData>{data}<AuxDetails/></EInvoiceData>"
    if not writable(text):
        raise InvalidBill("the receipt holds a character that cannot be sent", field="items")
    return text.encode("utf-8")


def receipt_lines(order: ReceiptOrder) -> list[Line]:
    """Return what the receipt lists; the lines sum to its amount.

    What was refunded before is taken off the last lines first; a surplus that people accepted gets
    a line of its own.
    """
    bill = order.bill
    lines: list[Line] = [(i.item_code, i.name, i.amount_fen) for i in merged_items(bill.items)]
    if bill.delay_fen:
        lines.append((lines[0][0], "滞纳金", bill.delay_fen))
    over = sum(line[2] for line in lines) - order.amount_fen
    if over < 0:
        lines.append((lines[0][0], "多缴款项", fen(-over)))
    while over > 0 and lines:
        code, name, value = lines.pop()
        if value > over:
            lines.append((code, name, fen(value - over)))
        over -= min(value, over)
    return lines


def _main(options: IssuerOptions, order: ReceiptOrder, check_code: str, at: datetime) -> str:
    bill, local, red = order.bill, beijing(at), order.red_of
    due = -order.amount_fen if red else order.amount_fen
    party = _xml(
        ("InvoicingPartyCode", options.agency_code),
        ("InvoicingPartyName", options.agency_name),
        ("RecName", options.account_name),
        ("RecAcct", bill.account),
        ("RecOpBk", options.account_bank),
    )
    payer = _xml(
        ("PayerPartyType", "2" if bill.payer.credit_code else "1"),
        ("PayerPartyCode", bill.payer.credit_code),
        ("PayerPartyName", bill.payer.name),
        ("PayerAcct", ""),
        ("PayerOpBk", ""),
    )
    related = _xml(
        ("RelatedInvoiceCode", red.code if red else ""),
        ("RelatedInvoiceNumber", red.number if red else ""),
        ("PayCode", bill.pay_code),
    )
    opening = _xml(
        ("EInvoiceName", options.receipt_type_name),
        ("EInvoiceCode", order.number.code),
        ("EInvoiceNumber", order.number.number),
        ("RandomNumber", check_code),
        ("EInvoiceSpecimenCode", order.number.code[:6]),
        ("SupervisorAreaCode", options.division),
        ("TotalAmount", format_yuan(fen(due))),
        ("IssueDate", f"{local:%Y%m%d}"),
        ("IssueTime", f"{local:%H:%M:%S}"),
    )
    closing = _xml(
        ("PayMode", order.channel_raw),
        ("BizCode", bill.pay_code),
        ("CurrencyType", "CNY"),
        ("ExchangeRate", "1"),
        ("Remark", ""),
        ("HandlingPerson", options.receipt_operator),
        ("Checker", options.receipt_operator),
        ("SupervisorRemark", ""),
    )
    return (
        f"{opening}<InvoicingParty>{party}</InvoicingParty><PayerParty>{payer}</PayerParty>"
        f"{closing}<MainExt>{related}</MainExt>"
    )


def _item(code: str, name: str, value: Fen) -> str:
    return _xml(
        ("ItemCode", code),
        ("ItemName", name),
        ("ItemQuantity", "1"),
        ("ItemUnit", "次"),
        ("ItemStd", format_yuan(value)),
        ("ItemAmount", format_yuan(value)),
        ("ItemRemark", ""),
        ("ItemExt", ""),
    )


def _xml(*fields: tuple[str, str]) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields)
