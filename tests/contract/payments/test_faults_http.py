"""Drills 20, 46, 47 and 51 where HTTP, clocks, keys and personal data are concerned."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from adapters.dialects.cfx import read_xml
from kernel.clock import beijing
from kernel.db import tables as t
from kernel.errors import UpstreamAuthFailed
from payments import PayState
from payments import tables as pt
from tests.contract.payments.drill import APPLICANT, Drill

STALE, BAD_MAC = "90005", "90001"


async def test_a_payment_over_http(http_drill: Drill):
    bill = await http_drill.paid()
    assert await http_drill.events(bill, "payments.paid") == 1
    # What was acknowledged is stored as it came, headers and all.
    rows = await http_drill.rows(select(t.inbox.c.body, t.inbox.c.kind))
    assert [row.kind for row in rows] == ["5996"]
    assert rows[0].body.startswith(b"POST /callbacks/nontax/370000 HTTP/1.1\r\n")


@pytest.mark.parametrize("seconds", [-400, 400])
async def test_fault20_a_time_too_far_off_over_http(http_drill: Drill, seconds: int):
    bill = await http_drill.pending()
    await http_drill.knob("clock_skew", msg_no="5996", value=seconds)
    await http_drill.pay(bill.pay_code)
    await http_drill.push()
    (trace, *_) = await http_drill.refusals()
    assert trace.reason.startswith(f"{STALE}:")
    assert await http_drill.count(t.inbox, t.inbox.c.kind == "5996") <= 1
    await http_drill.deliver()
    assert await http_drill.state(bill) is PayState.PAID


async def test_fault18_a_wrong_signature_over_http(http_drill: Drill):
    bill = await http_drill.pending()
    await http_drill.knob("wrong_mac", times=0)
    await http_drill.pay(bill.pay_code)
    assert await http_drill.push() == 1
    (trace, *_) = await http_drill.refusals()
    assert trace.reason.startswith(f"{BAD_MAC}:")
    await http_drill.work()
    assert await http_drill.state(bill) is PayState.PENDING
    await http_drill.calm()
    await http_drill.deliver()
    assert await http_drill.state(bill) is PayState.PAID


@pytest.mark.parametrize("body", [b"", b"{}", b"\x00" * 1000, b"<CFX/>", b"x" * 63_000])
async def test_rubbish_over_http_is_refused_and_kept(http_drill: Drill, body: bytes):
    world = http_drill.world
    url = f"{world.town.gateway_url}/callbacks/nontax/370000"
    answer = await http_drill.sim.post(url, content=body)
    assert answer.status_code < 500
    assert read_xml(answer.content).voucher["Result"] in {BAD_MAC, STALE, "90002"}
    assert len(await http_drill.refusals()) == 1
    # The gateway lives, and a true push is taken.
    assert (await http_drill.paid()).pay is PayState.PAID


@pytest.mark.parametrize("seconds", [-600, 600])
async def test_fault46_clocks_ten_minutes_apart(drill: Drill, seconds: int):
    await drill.pass_upstream(seconds)
    bill = await drill.paid()
    assert bill.paid_at is not None
    apart = bill.paid_at - drill.world.clock.now()
    assert abs(apart - timedelta(seconds=seconds)) < timedelta(seconds=60)
    (payment,) = (await drill.upstream(bill.pay_code))["payments"]
    assert payment["date"] == f"{beijing(bill.paid_at):%Y%m%d}"
    assert (await drill.read_case(bill.reference)).fee_paid is True


async def test_fault46_days_are_days_in_beijing(drill: Drill):
    # Half past midnight in Beijing is still yesterday in UTC, where hosts usually live.
    now = beijing(drill.world.clock.now())
    late = (now + timedelta(days=1)).replace(hour=0, minute=30)
    seconds = int((late - now).total_seconds())
    drill.world.clock.shift += timedelta(seconds=seconds)
    await drill.pass_upstream(seconds)
    bill = await drill.paid()
    assert drill.day(bill) == late.date()
    (row,) = await drill.rows(select(pt.attempt.c.day).where(pt.attempt.c.bill_id == bill.bill_id))
    assert row.day == late.date()


async def test_fault47_a_rotated_key(http_drill: Drill):
    drill = http_drill
    bill = await drill.pending()
    # The agency's settings still name the old key: in the overlap both sides take it.
    answer = await drill.sim.post("/sim/keys", json={"overlapSeconds": 2})
    assert answer.status_code == 200
    await drill.pay(bill.pay_code)
    await drill.deliver()
    assert await drill.state(bill) is PayState.PAID
    other = await drill.pending()
    # After it the old key is worth nothing, and nothing is believed that it signs.
    await asyncio.sleep(2.5)
    with pytest.raises(UpstreamAuthFailed):
        await drill.service.refresh(other.bill_id)
    assert await drill.state(other) is PayState.PENDING


async def test_fault51_nobody_is_named_anywhere(drill: Drill):
    bill = await drill.paid()
    frame = drill.confirmation(bill.pay_code, "1,0", PayerName=APPLICANT.name)
    await drill.send(frame, frame[:-1] + b"0", b"99999999")
    await drill.raised(code="103999999")
    await drill.work()
    secrets = {APPLICANT.name, APPLICANT.id_number, APPLICANT.mobile, drill.token}
    lines = json.dumps(drill.world.book.lines, ensure_ascii=False, default=str)
    assert drill.world.book.lines
    events = await drill.rows(select(t.events.c.data))
    tasks = await drill.rows(select(t.tasks.c.payload, t.tasks.c.error_detail))
    refused = [one.reason for one in await drill.refusals()]
    told = [lines, *(json.dumps([*row], ensure_ascii=False) for row in [*events, *tasks]), *refused]
    assert not [secret for secret in secrets for text in told if secret in text]
    (stored,) = await drill.rows(select(pt.bill.c.payer).where(pt.bill.c.bill_id == bill.bill_id))
    assert not [secret for secret in secrets if secret.encode() in stored.payer]
