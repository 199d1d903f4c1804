"""Drills 15 to 25: news that is wrong, forged or no news at all. Each leaves a trace."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time

import pytest

from adapters.sandbox.finance.codes import check_digit
from adapters.upstreams.cnnontax_tcp import wire
from gateway.worker.pushes import NO_OWNER
from payments import BillException, Decision, PayState, Subject
from payments import tables as pt
from tests.contract.payments.drill import FEE, NODE, Drill, results

OK, PARSE, LENGTH, BAD_MAC, STRANGER = "00000", "90002", "90003", "90001", "90004"


async def require_trace(drill: Drill, raw: bytes, code: str) -> None:
    """Fail unless operations can see that these bytes were refused, and why."""
    for found in await drill.refusals():
        if found.sha256 == hashlib.sha256(raw).hexdigest():
            assert found.reason.startswith(f"{code}:"), found.reason
            return
    raise AssertionError("no trace of the refused bytes")


@pytest.mark.parametrize("off", [-1, 1, FEE * 99])
async def test_fault15_wrong_amount(drill: Drill, off: int):
    bill = await drill.pending()
    await drill.knob("wrong_amount", value=off)
    await drill.pay(bill.pay_code)
    await drill.deliver()
    after = await drill.get(bill)
    assert after.pay is not PayState.PAID
    assert await drill.exceptions(bill) == {"amount_mismatch"}
    held = pt.attempt.c.state == "suspended"
    assert await drill.count(pt.attempt, held, pt.attempt.c.amount_fen == FEE + off) == 1
    await drill.later(days=1)
    assert await drill.state(bill) is not PayState.PAID
    # Two people send it back, or what they believe was paid; here the true amount is found.
    drill.codes.discard(bill.pay_code)
    key = f"{bill.bill_id}:{BillException.AMOUNT_MISMATCH}"
    ruling = await drill.service.rulings.propose(
        Subject.EXCEPTION, key, Decision.ACCEPT, actor="staff:a", note="已核对银行回单"
    )
    await drill.service.rulings.confirm(ruling.ruling_id, "staff:b")
    assert await drill.state(bill) is PayState.PAID


async def test_fault16_late_fee_since_the_issue(drill: Drill):
    bill = await drill.pending()
    fee = {"payCode": bill.pay_code, "delayFen": 40}
    (await drill.sim.post("/sim/late-fee", json=fee)).raise_for_status()
    await drill.pay(bill.pay_code)
    await drill.deliver()
    after = await drill.get(bill)
    assert (after.pay, after.delay_fen, after.paid_fen) == (PayState.PAID, 40, FEE + 40)


@pytest.mark.parametrize("text", ["80", "80.0", "80.00", "8.0E1"])
async def test_fault17_amounts_that_are_normalised(drill: Drill, text: str):
    bill = await drill.pending()
    drill.codes.clear()
    assert await drill.result(drill.confirmation(bill.pay_code, text)) == OK
    await drill.work()
    assert await drill.state(bill) is PayState.PAID


@pytest.mark.parametrize(
    "text", [" 80.00 ", "８０.００", "-80.00", "NaN", "80.005", "1,000.00", "", "Infinity"]
)
async def test_fault17_amounts_that_are_refused(drill: Drill, text: str):
    bill = await drill.pending()
    frame = drill.confirmation(bill.pay_code, text)
    assert await drill.result(frame) == PARSE
    await require_trace(drill, frame, PARSE)
    await drill.work()
    assert await drill.state(bill) is PayState.PENDING


async def test_fault18_macs(drill: Drill):
    bill = await drill.pending()
    drill.codes.clear()
    right = drill.confirmation(bill.pay_code)
    body, mac = right[:-64], right[-64:]
    other = drill.frame(drill.xml([wire.write_voucher([("PayCode", bill.pay_code)])]), "another")
    flipped = body + mac[:-1] + (b"0" if mac[-1:] != b"0" else b"1")
    for forged in (flipped, other):
        assert await drill.result(forged) == BAD_MAC
        await require_trace(drill, forged, BAD_MAC)
    for size in (63, 65):
        cut = (mac + b"0")[:size]
        short = f"{len(body) + size:<8}".encode() + body[8:] + cut
        answer = await drill.result(short)
        assert answer not in {OK, ""}
        await require_trace(drill, short, answer)
    await drill.work()
    assert await drill.state(bill) is PayState.PENDING
    assert await drill.result(body + mac.upper()) == OK
    assert await drill.result(body + mac.lower()) == OK
    await drill.work()
    assert await drill.state(bill) is PayState.PAID


async def test_fault19_valid_mac_of_another_division(drill: Drill):
    bill = await drill.pending()
    await drill.knob("stranger", times=0)
    await drill.pay(bill.pay_code)
    assert await drill.push() == 1
    await drill.work()
    assert await drill.state(bill) is PayState.PENDING
    (trace, *_) = await drill.refusals()
    assert trace.reason.startswith(f"{STRANGER}:")
    await drill.calm()
    await drill.deliver()
    assert await drill.state(bill) is PayState.PAID


async def test_fault20_replay_of_yesterday(drill: Drill):
    bill = await drill.pending()
    drill.codes.clear()
    frame = drill.confirmation(bill.pay_code)
    assert await drill.result(frame) == OK
    await drill.work()
    before = await drill.get(bill)
    await drill.later(days=1)
    assert await drill.result(frame) == OK
    await drill.work()
    after = await drill.get(bill)
    assert (after.pay, after.paid_at) == (before.pay, before.paid_at)
    assert await drill.events(bill, "payments.paid") == 1
    assert await drill.count(pt.fact, pt.fact.c.pay_code == bill.pay_code) == 1


async def test_fault21_unknown_code_is_matched_later(drill: Drill):
    earlier = await drill.pending()
    body = str(int(earlier.pay_code[:-1]) + 1)
    coming = body + check_digit(body)
    frame = drill.confirmation(coming)
    assert await drill.result(frame) not in {OK, ""}
    assert await drill.result(frame) not in {OK, ""}
    (unmatched,) = (await drill.service.discrepancies()).unmatched
    assert (unmatched.pay_code, unmatched.amount_fen, unmatched.times) == (coming, FEE, 2)
    assert [trace.reason for trace in await drill.refusals()] == [NO_OWNER]
    # The bill appears, and the finance system repeats its news.
    bill = await drill.pending()
    drill.codes.discard(bill.pay_code)
    assert bill.pay_code == coming
    assert await drill.result(frame) == OK
    await drill.work()
    assert await drill.state(bill) is PayState.PAID
    assert (await drill.service.discrepancies()).unmatched == ()


async def test_fault22_one_byte_segments_and_two_frames_in_one(drill: Drill):
    one, other = await drill.pending(), await drill.pending()
    drill.codes.clear()
    first, second = drill.confirmation(one.pay_code), drill.confirmation(other.pay_code)
    single = [first[n : n + 1] for n in range(len(first))]
    assert await drill.result(*single) == OK
    answers = await drill.send(second + first)
    assert results(answers) == [OK, OK]
    await drill.require_kept(second)
    await drill.work()
    assert {await drill.state(b) for b in (one, other)} == {PayState.PAID}


async def test_fault22_single_bytes_from_the_finance_system(drill: Drill):
    bill = await drill.pending()
    await drill.knob("split_tcp", msg_no="5996")
    await drill.pay(bill.pay_code)
    await drill.deliver()
    assert await drill.state(bill) is PayState.PAID


@pytest.mark.parametrize(
    "prefix", [b"10000000", b"99999999", b"12345abc", b"       1", b"0       ", b"-1      "]
)
async def test_fault22_lengths_that_are_wrong(drill: Drill, prefix: bytes):
    bill = await drill.pending()
    frame = prefix + drill.confirmation(bill.pay_code)[8:]
    started = time.monotonic()
    assert await drill.send(frame) == b""
    assert time.monotonic() - started < 15
    (trace,) = await drill.refusals()
    assert trace.reason.startswith(f"{LENGTH}:")
    assert await drill.state(bill) is PayState.PENDING
    # The listener is as good as before.
    drill.codes.clear()
    assert await drill.result(drill.confirmation(bill.pay_code)) == OK


async def test_fault22_ten_megabytes_take_no_memory(drill: Drill):
    await drill.pending()
    chunk = b"x" * 65_536

    async def flood() -> bytes:
        return await drill.send(b"65000   ", *([chunk] * 160))

    await asyncio.gather(*(flood() for _ in range(8)))
    # Eight floods of ten megabytes each, and what is kept of them is a few prefixes.
    for trace in await drill.refusals():
        assert trace.size <= 65_536


async def test_fault23_frame_of_more_than_4096_bytes(drill: Drill):
    bill = await drill.pending()
    drill.codes.clear()
    frame = drill.confirmation(bill.pay_code, Hold2="备" * 2000)
    assert len(frame) > 4096
    assert await drill.result(frame) == OK
    await drill.work()
    assert await drill.state(bill) is PayState.PAID


def _documents(drill: Drill, code: str) -> dict[str, bytes]:
    voucher = wire.write_voucher([("PayCode", code), ("Amt", "80.00")])
    twice = b"<PayCode>" + code.encode() + b"</PayCode>"
    plain = drill.xml([voucher])
    inner = base64.b64encode(b"<Voucher>" + twice * 2 + b"<Amt>80.00</Amt></Voucher>")
    start, middle, end = plain.partition(b"<CFX>")
    bomb = b'<!DOCTYPE CFX [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    old = plain.split(b"<Voucher>")[1].split(b"</Voucher>")[0]
    return {
        "dtd": start + bomb + middle + end,
        "element twice": plain.replace(old, inner),
        "trailing bytes": plain + b"<!-- more -->",
        "voucher twice": plain.replace(
            b"</VoucherBody>", b"<Voucher>" + old + b"</Voucher></VoucherBody>"
        ),
        "wrong count": plain.replace(
            b"<VoucherCount>1</VoucherCount>", b"<VoucherCount>2</VoucherCount>"
        ),
    }


async def test_fault24_documents_that_are_refused(drill: Drill):
    bill = await drill.pending()
    for name, xml in _documents(drill, bill.pay_code).items():
        frame = drill.frame(xml)
        assert await drill.result(frame) == PARSE, name
        await require_trace(drill, frame, PARSE)
    await drill.work()
    assert await drill.state(bill) is PayState.PENDING


async def test_fault25_rare_names_and_bytes_that_are_no_text(drill: Drill):
    bill = await drill.pending()
    drill.codes.clear()
    frame = drill.confirmation(bill.pay_code, PayerName="㛃䶮𠮷")
    assert await drill.result(frame) == OK
    xml = drill.xml([wire.write_voucher([("PayCode", bill.pay_code), ("Amt", "80.00")])])
    for broken in (
        xml.replace(NODE.encode(), b"\xff\xff\x81"),
        xml.replace(b"<Reserve/>", "<Reserve>张三</Reserve>".encode()[:-11] + b"\x80</Reserve>"),
    ):
        wrong = drill.frame(broken)
        assert await drill.result(wrong) in {PARSE, STRANGER}
        assert wrong != frame
        assert any(t.sha256 == hashlib.sha256(wrong).hexdigest() for t in await drill.refusals())
    await drill.work()
    assert await drill.state(bill) is PayState.PAID
