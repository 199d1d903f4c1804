"""Numbers and letters of the finance system; what no source shows is OURS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OK: Final = "00000"
NOT_ENTITLED: Final = "18012"
FAILED: Final = "99999"
# OURS:
ALREADY_PAID: Final = "20001"
VOIDED: Final = "20002"
UNKNOWN_CODE: Final = "20004"
WRONG_AMOUNT: Final = "20005"
DIFFERS: Final = "20006"
RECONCILED: Final = "20410"
NOT_REFUNDABLE: Final = "20411"
NOT_PUBLISHED: Final = "20412"
UNKNOWN_RECEIPT: Final = "20413"
UNKNOWN_REFUND: Final = "20414"
BAD_MAC: Final = "90001"
UNREADABLE: Final = "90002"
UNKNOWN_NODE: Final = "90004"
STALE: Final = "90005"

UNPAID: Final = "0"
PAID: Final = "1"
VOID: Final = "2"

FOREIGN_ITEM: Final = "103999999"
"""An item that the sandbox's agency may not charge."""
PUSHES: Final = frozenset({"5996", "5803", "5804"})
CHANNELS: Final[Mapping[str, str]] = {
    "51": "alipay",  # the only one that was seen in the field
    "52": "wechat",
    "53": "unionpay",
    "01": "bank_counter",
    "02": "pos",
    "03": "transfer",
    "04": "net_bank",
}
"""PayMode of each channel."""


def valid_pay_code(code: str, division: str) -> bool:
    """Check the sandbox's rule (OURS): division, and ISO 7064 MOD 11,10 over all twenty digits."""
    if len(code) != 20 or not (code.isascii() and code.isdigit()) or code[:6] != division:
        return False
    p = 10
    for character in code[:19]:
        s = (p + int(character)) % 10
        p = 2 * (s or 10) % 11
    return (p + int(code[19])) % 10 == 1


def check_digit(body: str) -> str:
    """Return the twentieth digit of a pay code that the platform makes."""
    return next(digit for digit in "0123456789" if valid_pay_code(body + digit, body[:6]))
