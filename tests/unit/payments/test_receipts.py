"""Fiscal receipts: one per bill whatever is lost, no number leaked, none for money gone back."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from kernel.errors import UpstreamError, UpstreamRejected
from kernel.money import Fen
from payments import (
    STEPS,
    BillException,
    Capability,
    Channel,
    PayState,
    PublicStatus,
    ReceiptMode,
    ReceiptNotFound,
    ReceiptNumber,
    ReceiptOrder,
    ReceiptState,
    RefundProgress,
    public_status,
)
from tests.unit.payments.fakes import unavailable, unknown
from tests.unit.payments.full_finance import FullTown, KeptReceipt, full_town


async def advance(here: FullTown, bill_id: str) -> None:
    await STEPS["payments.receipt"](here.service, {"bill_id": bill_id})


async def test_a_paid_bill_is_receipted_downloaded_and_verified() -> None:
    here = full_town()
    bill, _ = await here.paid()
    assert any(kind == "payments.receipt" for kind, _ in here.memory.tasks)
    with pytest.raises(ReceiptNotFound):
        await here.service.receipts.document(bill.bill_id)
    await advance(here, bill.bill_id)
    after = await here.now(bill)
    assert (after.receipt, public_status(after)) == (ReceiptState.ISSUED, PublicStatus.RECEIPTED)
    receipt, content = await here.service.receipts.document(bill.bill_id)
    assert content == b"%PDF 0000000001"
    assert receipt.verified_at == here.clock.now()
    assert (receipt.amount_fen, receipt.check_code) == (Fen(8000), "65a6a9")
    await advance(here, bill.bill_id)
    assert len(here.full.issued) == here.full.numbers == 1


async def test_34_a_lost_answer_to_8981_makes_no_second_receipt() -> None:
    here = full_town()
    bill, _ = await here.paid()
    here.full.fail("receipt", unknown(), after=True)
    with pytest.raises(UpstreamError):
        await advance(here, bill.bill_id)
    assert (await here.now(bill)).receipt is ReceiptState.ISSUING
    await advance(here, bill.bill_id)
    assert (await here.now(bill)).receipt is ReceiptState.ISSUED
    assert (len(here.full.issued), here.full.numbers) == (1, 1)
    assert [name for name, _ in here.full.calls].count("receipt") == 1


async def test_35_hours_of_failure_leave_the_payment_paid() -> None:
    here = full_town()
    bill, _ = await here.paid()
    for _ in range(5):
        here.full.fail("receipt", unavailable())
        with pytest.raises(UpstreamError):
            await advance(here, bill.bill_id)
    assert (await here.now(bill)).pay is PayState.PAID
    await advance(here, bill.bill_id)
    assert here.full.numbers == 1


async def test_a_refused_receipt_fails_and_keeps_its_number() -> None:
    here = full_town()
    bill, _ = await here.paid()
    here.full.fail("receipt", UpstreamRejected("no", upstream_code="31001"))
    await advance(here, bill.bill_id)
    failed = await here.now(bill)
    (receipt,) = await here.service.receipts.of_bill(bill.bill_id)
    assert (failed.receipt, receipt.failure_code) == (ReceiptState.FAILED, "31001")
    await advance(here, bill.bill_id)
    assert (await here.now(bill)).receipt is ReceiptState.ISSUED
    assert here.full.numbers == 1


async def test_two_workers_share_one_number_and_free_the_other() -> None:
    here = full_town()
    bill, _ = await here.paid()
    await asyncio.gather(*(advance(here, bill.bill_id) for _ in range(4)), return_exceptions=True)
    await advance(here, bill.bill_id)
    assert len(here.full.issued) == 1
    assert len(here.memory.free) == here.full.numbers - 1
    other, _ = await here.paid("case-2")
    taken = here.full.numbers
    await advance(here, other.bill_id)
    assert here.full.numbers == taken, "a free number was passed over"


async def test_a_number_is_free_again_when_the_money_goes_back_first() -> None:
    here = full_town(refund_four_eyes=False)
    bill, _ = await here.paid()
    here.full.fail("receipt", unavailable())
    # Numbered, then stopped before 8981 was begun: only the number exists.
    here.works.down = None
    number = await here.full.take_number(bill)
    async with here.works.begin() as work:
        await here.service.receipts._numbered(work, bill.bill_id, number)
    assert (await here.now(bill)).receipt is ReceiptState.NUMBERED
    refund = await here.service.refunds.request(
        bill.bill_id,
        refund_no="R1",
        amount_fen=Fen(8000),
        expected_refundable_fen=Fen(8000),
        reason="办错",
        actor="staff:a",
    )
    await here.service.refunds.advance(refund.refund_id)
    assert (await here.now(bill)).receipt is ReceiptState.NONE
    assert here.memory.free == [number]
    assert here.memory.receipts == {}


async def test_40_red_before_money_goes_back_and_the_rest_receipted_anew() -> None:
    here = full_town(refund_four_eyes=False)
    bill, _ = await here.paid()
    await advance(here, bill.bill_id)
    refund = await here.service.refunds.request(
        bill.bill_id,
        refund_no="R1",
        amount_fen=Fen(3000),
        expected_refundable_fen=Fen(8000),
        reason="多收",
        actor="staff:a",
    )
    here.full.fail("receipt", unknown(), after=True)
    await here.service.refunds.advance(refund.refund_id)
    assert (await here.now(bill)).receipt is ReceiptState.RED
    names = [name for name, _ in here.full.calls]
    assert names.index("apply") > max(n for n, name in enumerate(names) if name == "receipt")
    news = here.full.settle_refund("R1", RefundProgress.PAID)
    await here.service.refunds.handle_news(news)
    await advance(here, bill.bill_id)
    first, second = await here.service.receipts.of_bill(bill.bill_id)
    assert (first.state, second.state) == (ReceiptState.RED, ReceiptState.ISSUED)
    assert second.amount_fen == Fen(5000)
    red = [kept.order for kept in here.full.issued.values() if kept.order.red_of]
    assert [order.red_of for order in red] == [first.number]
    assert len(here.full.issued) == 3


@pytest.mark.parametrize("mode", [ReceiptMode.AUTO, ReceiptMode.PAYBOOK])
async def test_a_province_that_issues_by_itself_is_only_asked(mode: ReceiptMode) -> None:
    here = full_town()
    here.full.mode = mode
    bill, _ = await here.paid()
    with pytest.raises(UpstreamError):
        await advance(here, bill.bill_id)
    assert (await here.now(bill)).receipt is ReceiptState.NONE
    number = ReceiptNumber("37010126", "0000000077")
    order = ReceiptOrder(bill, number, Fen(8000), here.clock.now(), Channel.ALIPAY, "51")
    here.full.issued[number] = KeptReceipt(order, here.clock.now())
    await advance(here, bill.bill_id)
    receipt, _ = await here.service.receipts.document(bill.bill_id)
    assert receipt.number == number
    assert here.full.numbers == 0


async def test_a_receipt_that_cannot_be_verified_or_has_another_amount_is_shown() -> None:
    here = full_town()
    bill, _ = await here.paid()
    here.full.verifies = False
    await advance(here, bill.bill_id)
    assert BillException.RECEIPT_DOUBTFUL in (await here.now(bill)).exceptions


async def test_without_receipts_none_is_asked_for() -> None:
    here = full_town()
    here.full.offers = frozenset(Capability) - {Capability.RECEIPT}
    bill, _ = await here.paid()
    assert not any(kind == "payments.receipt" for kind, _ in here.memory.tasks)
    await advance(here, bill.bill_id)
    assert here.full.numbers == 0


@pytest.mark.parametrize("crash", range(1, 4))
async def test_a_crash_at_any_step_ends_in_one_receipt(crash: int) -> None:
    here = full_town()
    bill, _ = await here.paid()
    before = len(here.full.calls)

    class Crash(BaseException):
        """The process dies."""

    async def die() -> None:
        raise Crash

    async def live() -> None:
        return None

    here.full.before_answer = [live] * (crash - 1) + [die]
    with suppress(Crash):
        await advance(here, bill.bill_id)
    here.full.before_answer = []
    await advance(here, bill.bill_id)
    assert (await here.now(bill)).receipt is ReceiptState.ISSUED
    assert len(here.full.issued) == 1
    assert len(here.full.calls) > before
