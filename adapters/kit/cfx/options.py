"""What the finance system agreed with one agency, apart from how messages travel."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from payments.model import Channel

Node = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{4,20}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,30}$")]
Host = Annotated[str, StringConstraints(min_length=1, max_length=253)]
Port = Annotated[int, Field(ge=1, le=65535)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[\x21-\x7e]{1,300}$")]
Mode = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,2}$")]


class IssuerOptions(BaseModel):
    """Who bills and issues receipts, in whatever dialect; keys are secrets of the manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    division: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{5}$")]
    """GB/T 2260 code (AdmDivCode)."""
    agency_code: Code
    """执收单位编码 (ChgAgenCode)."""
    agency_name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    account: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9\-]{1,50}$")]
    """收款账号 printed on the bill (RecAcct)."""
    account_name: Annotated[str, StringConstraints(max_length=100)]
    account_type: Literal["1", "2"] = "1"
    """1 财政专户, 2 汇缴专户."""
    account_bank: Annotated[str, StringConstraints(max_length=100)]
    account_bank_no: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,20}$")] = ""
    channels: dict[Mode, Channel] = Field(default_factory=lambda: {"51": Channel.ALIPAY})
    """PayMode codes. 附录2 is not public: only 51 was seen in the field."""
    receipt_series: Annotated[str, StringConstraints(pattern=r"^([0-9]{6})?$")] = ""
    """First six digits of 票据代码 (division, class, kind), no year; empty: no receipts."""
    receipt_type_name: Annotated[str, StringConstraints(min_length=1, max_length=60)] = (
        "非税收入统一票据（电子）"
    )
    receipt_operator: Annotated[str, StringConstraints(max_length=30)] = "onewindow"
    """Operator account (Hold1 of 8999), and who is named as issuing (HandlingPerson)."""
    receipt_file_check: Literal["text", "none"] = "text"
    """``text``: code and number must be readable inside the file. ``none``: only its form is
    checked, for systems whose files hold their text as glyphs."""
    certificate_number: Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{0,64}$")] = ""
    """Serial number of the signing certificate (Key_Info/Number); empty leaves Key_Info out."""
    certificate_issuer: Annotated[str, StringConstraints(max_length=200)] = ""


class AgencyOptions(IssuerOptions):
    """Names, accounts and codes of CFX messages."""

    src: Node
    """Our node: ``K``, division, four digits."""
    des: Node
    """The finance system's node: ``F`` and division."""
    account_real: Annotated[str, StringConstraints(max_length=50)] = ""
    """Real account where the printed one is a pseudo account (RecAcctReal)."""
    mint_side: Literal["agency"] = "agency"
    """Who makes the pay code; platforms that make it themselves speak other dialects."""
    mint_layout: Literal["check_digit", "agency_serial"] = "check_digit"
    """``check_digit``: division, year, origin, 10-digit serial, ISO 7064 MOD 11,10 (OURS, sandbox).
    ``agency_serial``: division, year, the literal 30, 10-digit serial (as seen in one city)."""
    pay_code_pattern: str = r"[0-9]{20}"
    extensions: bool = False
    """Whether the other side speaks the messages that are OURS: refunds 8801 and 8802, reversals
    8803, funds 5804, reconciliation 8805, and the finding of receipts by 8997."""
    receipt_type_code: Code = "0101"
    """票据种类编码 (BillTypeCode)."""
    receipt_version: Annotated[str, StringConstraints(pattern=r"^[0-9.]{1,4}$")] = "1.0"
    """Version of 8981 and 8982."""

    @field_validator("pay_code_pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error:
            raise ValueError("not a regular expression") from None
        return value
