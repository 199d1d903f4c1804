"""Messages of the method gateway as they are written and read; no network."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.kit.kit import Answer, Kit
from adapters.kit.manifest import load
from adapters.upstreams import bosssoft_http
from adapters.upstreams.bosssoft_http import mapping, security, wire
from adapters.upstreams.bosssoft_http.adapter import Bosssoft, create
from adapters.upstreams.bosssoft_http.options import Options
from kernel.clock import FrozenClock
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
    UpstreamRejected,
)
from kernel.ids import SequentialIds
from kernel.money import Fen
from payments import Bill, Channel, InvalidBill, MintSide, UpstreamState
from tests.unit.cnnontax_tcp.test_adapter import bill as cfx_bill
from tests.unit.payments.fakes import START

CODE = "37000026200000000014"
ORDER = "37000026000000000001"
CHOSEN = Options(
    base_url="http://finance.example",
    app_id="SBX0001",
    division="370000",
    agency_code="001001",
    agency_name="示例执收单位",
    account="3700001",
    account_name="财政专户",
    account_bank="示例银行",
)
PAID: dict[str, Any] = {
    "pay_code": CODE,
    "pay_status": "1",
    "total_amt": Decimal("80.4"),
    "ori_amt": "80.00",
    "delay_amt": Decimal("0.40"),
    "confirm_date": "2026-01-15",
    "confirm_time": "15:03:05",
    "confirm_code": "T1",
    "payment_channel_code": "51",
    "rec_acct": "3700001",
    "receive": "0",
}


TOLD = wire.write_message({**PAID, "total_amt": "80.40", "delay_amt": "0.40"}).encode()


class Answering:
    """A client that always gets the same answer."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.forms: list[dict[str, str]] = []

    async def request(
        self, operation: str, method: str, url: str, *, form: dict[str, str]
    ) -> Answer:
        assert (method, url) == ("POST", "/service")
        self.forms.append(form)
        return Answer(200, {}, self.body)


def adapter(client: Any, unknown: list[tuple[str, str]] | None = None) -> Bosssoft:
    seen = unknown if unknown is not None else []
    kit = Kit(
        manifest=load(Path(bosssoft_http.__file__).parent / "manifest.toml"),
        client=client,
        secrets={"appkey": "K", "sign_key": "1" * 64},
        clock=FrozenClock(START),
        ids=SequentialIds(),
        unknown=lambda name, code: seen.append((name, code)),
    )
    return create(CHOSEN, kit)


def bill(**changes: Any) -> Bill:
    return replace(cfx_bill(), pay_code="", order_no=ORDER, **changes)


def said(**content: Any) -> bytes:
    return wire.write_message(content).encode()


def refused(code: str) -> bytes:
    return wire.write_message({"error_code": code, "error_msg": "不"}, "error_message").encode()


def test_the_worked_signature() -> None:
    fields = {
        "agency_code": "001001",
        "app_id": "SBX0001",
        "datetime": "20260115150305123",
        "encryption": "0",
        "format": "json",
        "message": wire.write_message({"pay_code": "37000026100000000017"}),
        "message_id": "0123456789abcdef",
        "method": "paybook.confirm.get",
        "region_code": "370000",
        "version": "1.0.1",
    }
    assert security.sign("K", fields) == "d9280cd3d16b9f7f1788bb9903e5cb62"
    for name in fields:
        assert security.sign("K", {**fields, name: "x"}) != security.sign("K", fields)


async def test_the_form_is_signed_and_complete() -> None:
    client = Answering(said(pay_code=CODE, pay_url="http://pay.example/1"))
    made = await adapter(client).issue(bill())
    assert (made.pay_code, made.pay_url) == (CODE, "http://pay.example/1")
    (form,) = client.forms
    assert form["security"] == security.sign("K", form)
    assert form["method"] == "paybook.e.issue.do"
    assert (len(form["datetime"]), len(form["message_id"])) == (17, 16)
    message = wire.read_message(form["message"])["message"]
    assert (message["busi_no"], message["total_amt"]) == (ORDER, "80.40")
    assert message["item_details"][0]["amt"] == "80.00"


def test_the_platform_makes_the_code() -> None:
    provider = adapter(None)
    assert provider.terms().mint_side is MintSide.PLATFORM
    assert provider.mint("370000", 2026, 1) == ORDER
    with pytest.raises(ValueError, match="serial"):
        provider.mint("370000", 2026, 10**12)
    with pytest.raises(InvalidBill):
        provider.examine(replace(bill(), order_no="x"))


async def test_a_payment_that_was_asked_for_is_told_whole() -> None:
    seen = await adapter(Answering(TOLD)).query(CODE)
    assert (seen.state, seen.amount_fen) == (UpstreamState.PAID, 8040)
    assert seen.fact is not None
    assert (seen.fact.tra_no, seen.fact.channel) == ("T1", Channel.ALIPAY)
    assert seen.fact.paid_at == datetime(2026, 1, 15, 7, 3, 5, tzinfo=UTC)


def test_numbers_and_text_are_amounts() -> None:
    unknown: list[tuple[str, str]] = []
    seen = mapping.read_bill(PAID, CHOSEN, lambda name, code: unknown.append((name, code)))
    assert (seen.amount_fen, seen.original_fen, seen.delay_fen) == (8040, 8000, 40)
    odd = {**PAID, "payment_channel_code": "77"}
    mapping.read_bill(odd, CHOSEN, lambda name, code: unknown.append((name, code)))
    assert unknown == [("payment_channel_code", "77")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"pay_status": "9"},
        {"total_amt": None},
        {"total_amt": "80.405"},
        {"total_amt": "81.00"},
        {"total_amt": Decimal("-80.4")},
        {"pay_code": 1},
        {"confirm_date": "20260115"},
        {"confirm_date": "2026-02-30"},
        {"confirm_code": ""},
        {"rec_acct": "账"},
    ],
)
def test_bills_that_are_not_believed(wrong: dict[str, Any]) -> None:
    with pytest.raises(wire.BadMessage):
        mapping.read_bill({**PAID, **wrong}, CHOSEN, lambda _name, _code: None)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (refused("20001"), UpstreamRejected),
        (refused("90001"), UpstreamAuthFailed),
        (refused("99999"), UpstreamOutcomeUnknown),
        (refused("x"), UpstreamOutcomeUnknown),
        (b"", UpstreamOutcomeUnknown),
        (b"<html>", UpstreamOutcomeUnknown),
        (base64.b64encode(b"[]"), UpstreamOutcomeUnknown),
        (base64.b64encode(b'{"message":1}'), UpstreamOutcomeUnknown),
        (said(pay_code=CODE), UpstreamOutcomeUnknown),
        (said(pay_code="1", pay_url="http://pay.example/1"), UpstreamOutcomeUnknown),
        (said(pay_code=CODE, pay_url="javascript:1"), UpstreamOutcomeUnknown),
    ],
)
async def test_answers_to_a_bill_that_are_no_success(
    body: bytes, error: type[UpstreamError]
) -> None:
    with pytest.raises(error):
        await adapter(Answering(body)).issue(bill())


async def test_a_question_without_a_proper_answer() -> None:
    with pytest.raises(UpstreamProtocolError):
        await adapter(Answering(b"rubbish")).query(CODE)
    with pytest.raises(UpstreamProtocolError, match="another pay code"):
        await adapter(Answering(TOLD)).query("1" * 20)
    lost = await adapter(Answering(refused("20004"))).find_order(ORDER)
    assert (lost.state, lost.pay_code) == (UpstreamState.NOT_FOUND, "")


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=30), max_size=5))
def test_messages_survive_the_wire(content: dict[str, str]) -> None:
    assert wire.read_message(wire.write_message(content)) == {"message": content}


@given(st.binary(max_size=60))
def test_no_bytes_crash_the_reader(raw: bytes) -> None:
    try:
        wire.read_message(raw)
    except wire.BadMessage:
        return


def test_a_separator_in_a_name_is_no_matter_here() -> None:
    item = replace(bill().items[0], name="工本费|加急#1", amount_fen=Fen(8000))
    message = mapping.bill_message(bill(items=(item,)), CHOSEN)
    assert message["item_details"][0]["item_name"] == "工本费|加急#1"
