"""Pushed facts as JSON: what was verified is kept beside the raw bytes, since keys change."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from kernel.money import fen
from kernel.work import Json, JsonMap
from payments.model import Channel, FactSource, FundsFact, FundState, PaymentFact
from payments.ports import Pushed
from payments.refund_model import RefundNews, RefundProgress

_PAYMENT: Final = "payment"
_FUNDS: Final = "funds"
_REFUND: Final = "refund"


def dump(fact: Pushed) -> dict[str, Json]:
    """Return the fact as JSON; it holds no personal data."""
    if isinstance(fact, PaymentFact):
        return {
            "type": _PAYMENT,
            "source": str(fact.source),
            "pay_code": fact.pay_code,
            "tra_no": fact.tra_no,
            "amount_fen": int(fact.amount_fen),
            "paid_at": None if fact.paid_at is None else fact.paid_at.isoformat(),
            "channel": str(fact.channel),
            "channel_raw": fact.channel_raw,
            "account": fact.account,
            "original_fen": fact.original_fen,
            "delay_fen": fact.delay_fen,
        }
    if isinstance(fact, FundsFact):
        return {
            "type": _FUNDS,
            "pay_code": fact.pay_code,
            "tra_no": fact.tra_no,
            "amount_fen": int(fact.amount_fen),
            "stage": str(fact.stage),
            "received_on": fact.received_on.isoformat(),
        }
    return {
        "type": _REFUND,
        "refund_no": fact.refund_no,
        "progress": str(fact.progress),
        "tra_ref": fact.tra_ref,
        "refunded_on": None if fact.refunded_on is None else fact.refunded_on.isoformat(),
        "code": fact.code,
    }


def load(data: JsonMap) -> Pushed:
    """Return the fact of ``dump``. Raises ValueError for anything else."""
    read = _Reader(data)
    kind = read.text("type")
    if kind == _PAYMENT:
        at = read.text("paid_at", missing=True)
        original, delay = data.get("original_fen"), data.get("delay_fen")
        return PaymentFact(
            source=FactSource(read.text("source")),
            pay_code=read.text("pay_code"),
            tra_no=read.text("tra_no"),
            amount_fen=fen(read.number("amount_fen")),
            paid_at=datetime.fromisoformat(at) if at else None,
            channel=Channel(read.text("channel")),
            channel_raw=read.text("channel_raw"),
            account=read.text("account"),
            original_fen=None if original is None else fen(read.number("original_fen")),
            delay_fen=None if delay is None else fen(read.number("delay_fen")),
        )
    if kind == _FUNDS:
        return FundsFact(
            pay_code=read.text("pay_code"),
            tra_no=read.text("tra_no"),
            amount_fen=fen(read.number("amount_fen")),
            stage=FundState(read.text("stage")),
            received_on=date.fromisoformat(read.text("received_on")),
        )
    day = read.text("refunded_on", missing=True)
    return RefundNews(
        refund_no=read.text("refund_no"),
        progress=RefundProgress(read.text("progress")),
        tra_ref=read.text("tra_ref"),
        refunded_on=date.fromisoformat(day) if day else None,
        code=read.text("code"),
    )


class _Reader:
    """Typed access to a JSON object."""

    def __init__(self, data: JsonMap) -> None:
        self._data = data

    def text(self, name: str, *, missing: bool = False) -> str:
        value = self._data.get(name)
        if isinstance(value, str):
            return value
        if missing and value is None:
            return ""
        raise ValueError(f"{name} is not text")

    def number(self, name: str) -> int:
        value = self._data.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise ValueError(f"{name} is not a whole number")
