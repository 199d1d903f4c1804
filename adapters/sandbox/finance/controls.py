"""Bodies of the sandbox's own controls below ``/sim/`` (OURS; names as in the sandbox contract)."""

# ruff: noqa: N815 - the contract's names

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class _Control(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Payment(_Control):
    """``POST /sim/pay``."""

    payCode: str
    amountFen: int | None = Field(default=None, gt=0)
    """None pays what is due; another amount only with ``force``."""
    payMode: str = Field(default="", pattern="^([0-9]{1,2})?$")
    channel: Literal[
        "", "alipay", "wechat", "unionpay", "bank_counter", "pos", "transfer", "net_bank"
    ] = ""
    force: bool = False
    """Pay although the bill is paid or voided, as a second till at the same moment would."""
    acctDate: str = Field(default="", pattern="^([0-9]{8})?$")
    """Accounting day; empty: today, or tomorrow from 23:50."""


class LateFee(_Control):
    """``POST /sim/late-fee``."""

    payCode: str
    delayFen: int = Field(gt=0)


class Funds(_Control):
    """``POST /sim/funds``."""

    payCode: str
    traNo: str = ""
    """Empty: the first payment."""
    stage: Literal["R", "T"] = "R"


class RefundMove(_Control):
    """``POST /sim/refunds``."""

    refundNo: str
    stats: Literal["1", "2", "3", "4"]


class Republish(_Control):
    """``POST /sim/recon``."""

    fileDate: str = Field(pattern="^[0-9]{8}$")


class ClockMove(_Control):
    """``POST /sim/clock``."""

    at: AwareDatetime | None = None
    advanceSeconds: int = Field(default=0, ge=-31_622_400, le=31_622_400)
