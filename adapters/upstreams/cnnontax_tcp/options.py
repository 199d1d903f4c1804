"""The settings of one agency's connection to a CNNONTAX 1.0 finance system."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

Node = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{4,20}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,30}$")]
Port = Annotated[int, Field(ge=1, le=65535)]


class Options(BaseModel):
    """What the finance system agreed with this agency; the token is a secret of the manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tcp_host: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    tcp_port: Port
    division: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{5}$")]
    """GB/T 2260 code (AdmDivCode)."""
    src: Node
    """Our node: ``K``, division, four digits."""
    des: Node
    """The finance system's node: ``F`` and division."""
    agency_code: Code
    """执收单位编码 (ChgAgenCode)."""
    agency_name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    account: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9\-]{1,50}$")]
    """收款账号 printed on the bill (RecAcct)."""
    account_real: Annotated[str, StringConstraints(max_length=50)] = ""
    """Real account where the printed one is a pseudo account (RecAcctReal)."""
    account_name: Annotated[str, StringConstraints(max_length=100)]
    account_type: Literal["1", "2"] = "1"
    """1 财政专户, 2 汇缴专户."""
    account_bank: Annotated[str, StringConstraints(max_length=100)]
    account_bank_no: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,20}$")] = ""
    mint_side: Literal["agency"] = "agency"
    """Who makes the pay code; platforms that make it themselves speak other dialects."""
    mint_layout: Literal["check_digit", "agency_serial"] = "check_digit"
    """``check_digit``: division, year, origin, 10-digit serial, ISO 7064 MOD 11,10 (OURS, sandbox).
    ``agency_serial``: division, year, the literal 30, 10-digit serial (as seen in one city)."""
    pay_code_pattern: str = r"[0-9]{20}"
    mac_algorithm: Literal["sha256_prefix"] = "sha256_prefix"
    listen_host: Annotated[str, StringConstraints(min_length=1, max_length=253)] = "127.0.0.1"
    listen_port: Annotated[int, Field(ge=0, le=65535)] = 9602
    """Where pushed payment confirmations are awaited; 0 takes any free port."""

    @field_validator("pay_code_pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error:
            raise ValueError("not a regular expression") from None
        return value
