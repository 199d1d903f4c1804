"""What a fiscal e-receipt (财政电子票据) is made of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from kernel.money import Fen
from payments.model import Bill, Channel, ReceiptState

_CODE: Final = re.compile(r"[0-9]{8}", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{10}", re.ASCII)


class ReceiptMode(StrEnum):
    """How a province makes receipts; a setting of its adapter."""

    SEPARATE = "separate"
    """Number fetched (8999), issued (8981) and downloaded (8982), each by a call of its own."""
    PAYBOOK = "paybook"
    """The paid 电子缴款书 itself is the receipt (财库〔2021〕31号)."""
    AUTO = "auto"
    """Finance issues it by itself once the bill is paid (IsAutoMake)."""


@dataclass(frozen=True, order=True)
class ReceiptNumber:
    """票据代码 (8 digits) and 票据号码 (10 digits, sequential within the code).

    Raises ValueError for another form.
    """

    code: str
    number: str

    def __post_init__(self) -> None:
        if _CODE.fullmatch(self.code) is None or _NUMBER.fullmatch(self.number) is None:
            raise ValueError("a receipt has a code of 8 digits and a number of 10")


@dataclass(frozen=True)
class ReceiptOrder:
    """What is to be issued under a number that was taken for it."""

    bill: Bill
    number: ReceiptNumber
    amount_fen: Fen
    """What the receipt is about in 分: what was paid, less what was refunded before."""
    paid_at: datetime
    channel: Channel
    channel_raw: str
    red_of: ReceiptNumber | None = None
    """Set for a red receipt (红票): the receipt that it cancels; the amount then is taken back."""


@dataclass(frozen=True)
class IssuedReceipt:
    """A receipt that exists upstream."""

    number: ReceiptNumber
    check_code: str
    """校验码, six characters that cannot be recomputed; empty where the upstream tells none."""
    amount_fen: Fen | None
    """None where the upstream does not tell it."""
    issued_at: datetime | None
    url: str = ""


@dataclass(frozen=True)
class ReceiptFile:
    """The document of a receipt as downloaded (8982)."""

    content: bytes = field(repr=False)
    media_type: str
    """``application/pdf`` or ``application/ofd``."""


@dataclass(frozen=True)
class FiscalReceipt:
    """One number of ours and what became of it; at most one per bill is alive."""

    receipt_id: str
    bill_id: str
    state: ReceiptState
    amount_fen: Fen
    created_at: datetime
    updated_at: datetime
    number: ReceiptNumber | None = None
    """None only until a province that numbers by itself (PAYBOOK, AUTO) has issued it."""
    check_code: str = ""
    url: str = ""
    issued_at: datetime | None = None
    verified_at: datetime | None = None
    sha256: str = ""
    """Digest of the downloaded document in hexadecimal; empty until it was downloaded."""
    media_type: str = ""
    red_number: ReceiptNumber | None = None
    """The red receipt's own number, taken before it is issued."""
    failure_code: str = ""
    version: int = 1
