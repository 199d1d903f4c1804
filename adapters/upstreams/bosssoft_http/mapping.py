"""Pure translation between the method gateway's messages and the payment domain."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from adapters.dialects.cfx import writable
from adapters.kit.cfx.bills import merged_items
from adapters.upstreams.bosssoft_http.options import Options
from adapters.upstreams.bosssoft_http.wire import BadMessage
from kernel.clock import BEIJING, beijing_day
from kernel.money import Fen, InvalidAmount, format_yuan, parse_yuan
from payments.errors import InvalidBill
from payments.model import Bill, Channel, FactSource, PaymentFact, UpstreamBill, UpstreamState
from payments.receipt_model import IssuedReceipt, ReceiptNumber

Unknown = Callable[[str, str], None]
"""Counts an upstream code that is in no table here."""

_STATES: Final = {
    "0": UpstreamState.UNPAID,
    "1": UpstreamState.PAID,
    "2": UpstreamState.VOIDED,
}
_PAY_CODE: Final = re.compile(r"[0-9]{16,20}")
_ORDER: Final = re.compile(r"[0-9]{20}")
_TRA_NO: Final = re.compile(r"[\x21-\x7e]{1,64}")
_ACCOUNT: Final = re.compile(r"[\x21-\x7e]{0,50}")


def order_number(division: str, year: int, serial: int) -> str:
    """Return our number of a bill: the platform makes the pay code. Raises ValueError."""
    if not 0 <= serial < 10**12:
        raise ValueError("the serial does not fit twelve digits")
    return f"{division}{year % 100:02d}{serial:012d}"


def bill_message(bill: Bill, options: Options) -> dict[str, Any]:
    """Return the message of ``paybook.e.issue.do``. Raises InvalidBill."""
    if _ORDER.fullmatch(bill.order_no) is None:
        raise InvalidBill("the order number is not ours", field="order_no")
    items = [
        {
            "item_code": item.item_code,
            "item_name": item.name,
            "unit": item.unit,
            "number": format(item.quantity, "f"),
            "amt": format_yuan(item.amount_fen),
        }
        for item in merged_items(bill.items)
    ]
    message: dict[str, Any] = {
        "busi_no": bill.order_no,
        "date": f"{beijing_day(bill.created_at):%Y-%m-%d}",
        "pay_name": bill.payer.name,
        "mobile": bill.payer.mobile,
        "credit_code": bill.payer.credit_code,
        "total_amt": format_yuan(bill.amount_fen),
        "ori_amt": format_yuan(bill.original_fen),
        "delay_amt": format_yuan(bill.delay_fen),
        "item_details": items,
        "memo": "",
        "author": options.author,
        "acc_assign_type": options.account_type,
        "rec_name": options.account_name,
        "rec_no": bill.account,
        "rec_bank": options.account_bank,
        "bill_code": options.bill_code,
        "bill_batch_code": "",
        "place_code": options.place_code,
    }
    limits = {"pay_name": (1, 100), "mobile": (1, 20), "credit_code": (0, 30)}
    for name, (least, most) in limits.items():
        if not least <= len(message[name]) <= most:
            raise InvalidBill(f"{name} must have {least} to {most} characters", field=name)
    texts = [message["pay_name"], message["mobile"], *(text for i in items for text in i.values())]
    if not all(writable(text) for text in texts) or not items:
        raise InvalidBill("a text holds a character that cannot be sent", field="payer")
    return message


def pay_code_of(message: Mapping[str, Any]) -> str:
    """Return the pay code of an answer. Raises BadMessage."""
    code = message.get("pay_code")
    if not isinstance(code, str) or _PAY_CODE.fullmatch(code) is None:
        raise BadMessage("pay_code is malformed")
    return code


def url_of(message: Mapping[str, Any], name: str) -> str:
    """Return an address of an answer. Raises BadMessage."""
    url = message.get(name)
    if not isinstance(url, str) or re.fullmatch(r"https?://[\x21-\x7e]{1,490}", url) is None:
        raise BadMessage(f"{name} is no address")
    return url


def read_bill(message: Mapping[str, Any], options: Options, unknown: Unknown) -> UpstreamBill:
    """Read the answer to ``paybook.confirm.get``. Raises BadMessage."""
    raw = str(message.get("pay_status", ""))
    state = _STATES.get(raw)
    if state is None:
        unknown("pay_status", raw[:16])
        raise BadMessage("pay_status is not in the contract")
    due = amount(message.get("total_amt"))
    original, delay = amount(message.get("ori_amt")), amount(message.get("delay_amt"))
    if due != original + delay:
        raise BadMessage("total_amt is not ori_amt and delay_amt")
    code = pay_code_of(message)
    fact = None
    if state is UpstreamState.PAID:
        fact = _fact(message, code, due, options, unknown)
    return UpstreamBill(code, state, original, delay, due, fact)


def _fact(
    message: Mapping[str, Any], code: str, due: Fen, options: Options, unknown: Unknown
) -> PaymentFact:
    tra_no, account = str(message.get("confirm_code", "")), str(message.get("rec_acct", ""))
    if _TRA_NO.fullmatch(tra_no) is None or _ACCOUNT.fullmatch(account) is None:
        raise BadMessage("confirm_code or rec_acct is malformed")
    raw = str(message.get("payment_channel_code", ""))
    channel = options.channels.get(raw)
    if channel is None and raw:
        unknown("payment_channel_code", raw[:16])
    return PaymentFact(
        source=FactSource.QUERY,
        pay_code=code,
        tra_no=tra_no,
        amount_fen=due,
        paid_at=moment(str(message.get("confirm_date", "")), str(message.get("confirm_time", ""))),
        channel=channel or Channel.OTHER,
        channel_raw=raw[:16],
        account=account,
        original_fen=amount(message.get("ori_amt")),
        delay_fen=amount(message.get("delay_amt")),
    )


def amount(value: Any) -> Fen:
    """Return a text or a JSON number of yuan as 分. Raises BadMessage."""
    text = format(value, "f") if isinstance(value, Decimal) else value
    if not isinstance(text, str):
        raise BadMessage("an amount is missing")
    try:
        return parse_yuan(text)
    except InvalidAmount:
        raise BadMessage("an amount is malformed") from None


def moment(day: str, clock: str) -> datetime:
    """Return the moment of ``yyyy-MM-dd`` and ``HH:mm:ss`` in Beijing. Raises BadMessage."""
    text = f"{day} {clock}"
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", text) is None:
        raise BadMessage("a date or a time is malformed")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=BEIJING).astimezone(UTC)
    except ValueError:
        raise BadMessage("a date or a time is no moment") from None


def read_number(message: Mapping[str, Any], code: str) -> ReceiptNumber:
    """Read the answer to ``stock.billno.get``. Raises BadMessage."""
    try:
        return ReceiptNumber(code, str(message.get("bill_no", "")))
    except ValueError:
        raise BadMessage("bill_no is malformed") from None


def read_receipt(message: Mapping[str, Any]) -> IssuedReceipt | None:
    """Read the answer to ``invoice.bypaycode.get``; None when there is none. Raises BadMessage."""
    found = message.get("invoice")
    if found is None:
        return None
    if not isinstance(found, dict):
        raise BadMessage("invoice is malformed")
    check_code = str(found.get("check_code", ""))
    if not (check_code.isascii() and check_code.isalnum() and len(check_code) <= 20):
        raise BadMessage("check_code is malformed")
    day, _, clock = str(found.get("issue_time", "")).partition(" ")
    return IssuedReceipt(
        number=read_number(found, str(found.get("bill_batch_code", ""))),
        check_code=check_code,
        amount_fen=amount(found.get("total_amt")),
        issued_at=moment(day, clock),
    )


def read_file(message: Mapping[str, Any]) -> bytes:
    """Return the document of the answer to ``invoice.jiangsu.get``. Raises BadMessage."""
    try:
        content = base64.b64decode(str(message.get("file", "")), validate=True)
    except (binascii.Error, ValueError):
        raise BadMessage("file is not Base64") from None
    if not content:
        raise BadMessage("file is empty")
    return content
