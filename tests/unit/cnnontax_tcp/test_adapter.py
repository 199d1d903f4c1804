"""Pushes, bills and pay codes as the adapter reads and writes them; no network."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.kit.cfx import bills as mapping
from adapters.sandbox.finance.codes import valid_pay_code
from adapters.upstreams.cnnontax_tcp import wire
from adapters.upstreams.cnnontax_tcp.options import Options
from adapters.upstreams.cnnontax_tcp.wire import BadFrame
from kernel.money import Fen
from payments import (
    Bill,
    BillItem,
    Channel,
    InvalidBill,
    Payer,
    PaymentFact,
    PushRefused,
    UpstreamState,
)
from tests.unit.cnnontax_tcp.support import (
    OPTIONS,
    PAY_CODE,
    adapter,
    head,
    push,
    result_of,
    seal,
    voucher,
)
from tests.unit.payments.fakes import START


def test_a_push_is_read_without_the_payer() -> None:
    read = adapter().decode_push(push(PayerName="张明轩"))
    fact = read.fact
    assert isinstance(fact, PaymentFact)
    assert (fact.pay_code, fact.tra_no, fact.amount_fen) == (
        PAY_CODE,
        "2026011500000000000001",
        8000,
    )
    assert fact.paid_at == datetime(2026, 1, 15, 7, 3, 5, tzinfo=UTC)
    assert (fact.channel, fact.channel_raw, fact.account) == (Channel.ALIPAY, "51", "3700001")
    assert "张明轩" not in repr(read)
    assert result_of(adapter().acknowledge(read, ok=True)) == {
        "OriMsgNo": "5996",
        "Result": "00000",
        "Information": "",
    }
    refusal = result_of(adapter().acknowledge(read, ok=False, reason="缴款识别码不存在"))
    assert (refusal["Result"], refusal["Information"]) == ("20004", "缴款识别码不存在")


@pytest.mark.parametrize(
    ("text", "fen"),
    [("80", 8000), ("80.0", 8000), ("80.00", 8000), ("1.0E7", 1_000_000_000)],
)
def test_17_amounts_that_are_understood(text: str, fen: int) -> None:
    fact = adapter().decode_push(push(Amt=text)).fact
    assert isinstance(fact, PaymentFact)
    assert fact.amount_fen == fen


@pytest.mark.parametrize(
    "text",
    [
        " 80.00 ",
        "８０.００",
        "-80.00",
        "NaN",
        "80.005",
        "1,000.00",
        "",
        "Infinity",
        "0x10",
        "1E999",
    ],
)
def test_17_amounts_that_are_refused_without_a_crash(text: str) -> None:
    with pytest.raises(PushRefused) as refused:
        adapter().decode_push(push(Amt=text))
    assert result_of(refused.value.answer)["Result"] == "90002"


XML = wire.write_xml(head(), [voucher()])


@pytest.mark.parametrize("mac", [seal(XML), seal(XML).upper()])
def test_18_the_case_of_the_mac_does_not_matter(mac: str) -> None:
    fact = adapter().decode_push(push(XML, mac=mac)).fact
    assert isinstance(fact, PaymentFact)
    assert fact.pay_code == PAY_CODE


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (push(XML, mac="0" * 64), "90001"),
        (push(XML, mac=seal(XML, "another-token")), "90001"),
        (push(XML, mac=seal(XML)[:-1] + ("0" if seal(XML)[-1] != "0" else "1")), "90001"),
        (b"%-8d" % (len(push(XML)) - 1) + push(XML)[8:-1], "90002"),
        (b"%-8d" % (len(push(XML)) + 1) + push(XML)[8:] + b"0", "90001"),
        (push(XML)[:-1], "90003"),
        (push(XML) + b"0", "90003"),
        (push(XML, mac="g" * 64), "90002"),
    ],
    ids=["zeros", "other token", "one digit", "63", "65", "63 unsaid", "65 unsaid", "no hex"],
)
def test_18_a_wrong_mac_is_refused(raw: bytes, code: str) -> None:
    with pytest.raises(PushRefused) as refused:
        adapter().decode_push(raw)
    assert result_of(refused.value.answer)["Result"] == code


@pytest.mark.parametrize(
    ("src", "des"),
    [("F110000", "K3700000001"), ("F370000", "K3700000002"), ("K3700000001", "F370000")],
)
def test_19_a_valid_mac_of_another_node_is_refused(src: str, des: str) -> None:
    xml = wire.write_xml(head(src=src, des=des), [voucher()])
    with pytest.raises(PushRefused) as refused:
        adapter().decode_push(push(xml))
    assert result_of(refused.value.answer)["Result"] == "90004"


def test_the_end_of_a_day_is_written_as_24_hours() -> None:
    fact = adapter().decode_push(push(CfmDate="20261231", CfmTime="240000")).fact
    assert isinstance(fact, PaymentFact)
    assert fact.paid_at == datetime(2026, 12, 31, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes",
    [
        {"PayCode": "3700002610000000001"},
        {"PayCode": "３７０００026100000000017"},
        {"TraNoBus": ""},
        {"TraNoBus": "9" * 65},
        {"TraNoBus": "有误"},
        {"CfmDate": "20260230"},
        {"CfmDate": "2026-01-15"},
        {"CfmTime": "240001"},
        {"CfmTime": "1503"},
        {"RecAcct": "账号"},
    ],
)
def test_pushes_with_unreadable_fields_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PushRefused) as refused:
        adapter().decode_push(push(**changes))
    answer = result_of(refused.value.answer)
    assert (answer["Result"], answer["OriMsgNo"]) == ("90002", "5996")


def test_another_message_is_no_push() -> None:
    xml = wire.write_xml(head("5001"), [voucher()])
    for raw in (wire.join_frame("5001", xml, seal(xml)), push(xml)):
        with pytest.raises(PushRefused):
            adapter().decode_push(raw)


def test_24_vouchers_of_a_push_are_exactly_one() -> None:
    xml = wire.write_xml(head(), [voucher(), voucher()])
    with pytest.raises(PushRefused):
        adapter().decode_push(push(xml))


def test_an_unknown_channel_is_kept_and_counted() -> None:
    unknown: list[tuple[str, str]] = []
    fact = adapter(unknown).decode_push(push(PayMode="77")).fact
    assert isinstance(fact, PaymentFact)
    assert (fact.channel, fact.channel_raw) == (Channel.OTHER, "77")
    assert unknown == [("PayMode", "77")]


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_an_answer(raw: bytes) -> None:
    with pytest.raises(PushRefused) as refused:
        adapter().decode_push(raw)
    assert result_of(refused.value.answer)["Result"] != "00000"


def bill(**changes: object) -> Bill:
    base = Bill(
        bill_id="bill_1",
        reference="case-1",
        fee_version="1",
        pay_code=PAY_CODE,
        division="370000",
        agency="0370001",
        account="3700001",
        payer=Payer("张明轩", "13800000001"),
        items=(BillItem("103043211", "不动产登记费", Fen(8000)),),
        original_fen=Fen(8000),
        delay_fen=Fen(40),
        deadline=START,
        created_at=START,
        updated_at=START,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def test_the_fields_of_a_bill() -> None:
    fields = dict(mapping.bill_fields(bill(), Options(**OPTIONS), "0"))
    assert fields["PayInfo"] == "103043211|不动产登记费|80.00|次|1|不限制|0.00-0.00#"
    assert (fields["Amt"], fields["OriAmt"], fields["DelayAmt"]) == ("80.40", "80.00", "0.40")
    # Defect 8 of the protocol: without it nobody is ever told of the payment.
    assert fields["Hold1"] == "Y"
    assert (fields["BillDate"], fields["PayStats"]) == ("20260302", "0")


ITEM = BillItem("103043211", "不动产登记费", Fen(8000))


@pytest.mark.parametrize(
    "items",
    [
        (replace(ITEM, name="工本费|加急"),),
        (replace(ITEM, name="工本费#1"),),
        (replace(ITEM, unit="次#"),),
        (replace(ITEM, item_code="1|2"),),
        (replace(ITEM, name=""),),
        (replace(ITEM, name="\ud800"),),
        (replace(ITEM, quantity=Decimal(0)),),
        (replace(ITEM, quantity=Decimal("NaN")),),
        (ITEM, replace(ITEM, name="另一个名称")),
        tuple(replace(ITEM, item_code=f"1030432{n:02d}") for n in range(12)),
    ],
)
def test_26_items_that_cannot_be_written(items: tuple[BillItem, ...]) -> None:
    with pytest.raises(InvalidBill):
        adapter().examine(bill(items=items))


def test_26_nine_items_fit() -> None:
    adapter().examine(
        bill(items=tuple(replace(ITEM, item_code=f"1030432{n:02d}") for n in range(9)))
    )


def test_items_of_one_code_are_merged() -> None:
    twice = (ITEM, replace(ITEM, amount_fen=Fen(1), quantity=Decimal("1.50")))
    assert mapping.pay_info(twice) == "103043211|不动产登记费|80.01|次|2.5|不限制|0.00-0.00#"


@pytest.mark.parametrize(
    "payer",
    [
        Payer("", "13800000001"),
        Payer("张" * 51, "13800000001"),
        Payer("张\x07", "13800000001"),
        Payer("张明轩", ""),
        Payer("张明轩", "1" * 21),
    ],
)
def test_payers_that_cannot_be_written(payer: Payer) -> None:
    with pytest.raises(InvalidBill) as refused:
        adapter().examine(bill(payer=payer))
    assert "张明轩" not in refused.value.detail


def test_pay_codes_of_the_sandbox() -> None:
    provider = adapter()
    assert provider.mint("370000", 2026, 1) == PAY_CODE
    assert provider.mint("370000", 2026, 2) == "37000026100000000025"
    with pytest.raises(ValueError, match="ten digits"):
        provider.mint("370000", 2026, 10**10)


def test_pay_codes_of_an_agency_serial() -> None:
    provider = adapter(mint_layout="agency_serial", division="320682")
    assert provider.mint("320682", 2022, 7) == "32068222300000000007"
    with pytest.raises(ValueError, match="pattern"):
        adapter(pay_code_pattern=r"\d{16}").mint("370000", 2026, 1)


@given(st.integers(0, 10**10 - 1), st.integers(0, 19), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(serial: int, at: int, off: int) -> None:
    code = adapter().mint("370000", 2026, serial)
    assert valid_pay_code(code, "370000")
    wrong = code[:at] + str((int(code[at]) + off) % 10) + code[at + 1 :]
    assert not valid_pay_code(wrong, wrong[:6])


def test_a_query_answer() -> None:
    fields = {"PayCode": PAY_CODE, "Amt": "80.40", "OriAmt": "80", "DelayAmt": ".4"}
    unknown: list[tuple[str, str]] = []

    def note(name: str, code: str) -> None:
        unknown.append((name, code))

    with pytest.raises(BadFrame, match="DelayAmt"):
        mapping.read_bill({**fields, "PayStats": "1"}, PAY_CODE, note)
    fields["DelayAmt"] = "0.40"
    paid = mapping.read_bill({**fields, "PayStats": "1", "RecAcct": "1"}, PAY_CODE, note)
    assert paid.state is UpstreamState.PAID
    assert paid.fact is not None
    assert (paid.fact.amount_fen, paid.fact.original_fen, paid.fact.delay_fen) == (8040, 8000, 40)
    assert (paid.fact.tra_no, paid.fact.paid_at) == ("", None)
    for wrong in ({"PayStats": "3"}, {"PayStats": "0", "Amt": "80"}, {"PayStats": ""}):
        with pytest.raises(BadFrame):
            mapping.read_bill({**fields, **wrong}, PAY_CODE, note)
    with pytest.raises(BadFrame, match="another pay code"):
        mapping.read_bill({**fields, "PayStats": "0"}, "3" * 20, note)
    assert unknown == [("PayStats", "3"), ("PayStats", "")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"division": "37000"},
        {"src": "k1"},
        {"pay_code_pattern": "("},
        {"mint_side": "platform"},
        {"token": "x"},
        {"tcp_port": 0},
    ],
)
def test_options_that_cannot_be_right(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Options(**{**OPTIONS, **wrong})
