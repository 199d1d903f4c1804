"""The method gateway's form and its Base64 JSON; the signature is not here.

Method names, outer fields and the result of ``paybook.confirm.get`` were seen in the field. OURS:
the address, ``busi_no`` (our order number), ``pay_status`` and what else an unpaid bill tells, the
bodies of receipts, and every error code.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

SERVICE_PATH: Final = "/service"
VERSION: Final = "1.0.1"
FORMAT: Final = "json"
ENCRYPTION: Final = "0"
SIGNED: Final = (
    "agency_code",
    "app_id",
    "datetime",
    "encryption",
    "format",
    "message",
    "message_id",
    "method",
    "region_code",
    "version",
)
"""Fields under the signature, in its order."""

ISSUE: Final = "paybook.e.issue.do"
CONFIRM: Final = "paybook.confirm.get"
INVALIDATE: Final = "paybook.e.invalidate.do"
NUMBER: Final = "stock.billno.get"
RECEIPT: Final = "invoice.e.issue.withsign.do"
FIND: Final = "invoice.bypaycode.get"
FILE: Final = "invoice.jiangsu.get"


class BadMessage(ValueError):
    """A text that is no message of this dialect."""


def write_message(content: Mapping[str, Any], name: str = "message") -> str:
    """Return the Base64 JSON of a message. Raises BadMessage for text that has no UTF-8."""
    text = json.dumps({name: content}, ensure_ascii=False, separators=(",", ":"))
    try:
        return base64.b64encode(text.encode("utf-8")).decode("ascii")
    except UnicodeEncodeError:
        raise BadMessage("a character that cannot be sent") from None


def read_message(text: str | bytes) -> Mapping[str, Any]:
    """Return what a Base64 JSON holds; fractions are Decimal. Raises BadMessage."""
    try:
        found = json.loads(
            base64.b64decode(text, validate=True).decode("utf-8"),
            parse_float=Decimal,
            parse_int=Decimal,
            parse_constant=_no_constant,
        )
    except (binascii.Error, ValueError, RecursionError):
        # The cause is not chained: it would carry a piece of the message.
        raise BadMessage("not Base64 of JSON") from None
    if not isinstance(found, dict):
        raise BadMessage("not a JSON object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(name)
