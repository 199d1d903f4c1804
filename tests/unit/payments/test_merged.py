"""Merged codes, codes made by the platform, bills that finance lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kernel.money import Fen
from payments import (
    STEPS,
    Bill,
    BillDiffers,
    BillException,
    BillItem,
    BillNotReady,
    InvalidBill,
    Issued,
    MintSide,
    Outcome,
    PayState,
    RefundProgress,
    RefundState,
    Terms,
    UpstreamBill,
)
from tests.unit.payments.fakes import order, push_of, unknown
from tests.unit.payments.full_finance import FullFinance, FullTown, full_town

THREE = (
    order("case-1"),
    order("case-2", items=(BillItem("103043212", "工本费", Fen(1000)),), delay_fen=Fen(50)),
    order("case-3", items=(BillItem("103043211", "不动产登记费", Fen(500)),)),
)


async def merged(here: FullTown) -> Bill:
    return await here.service.raise_merged(THREE)


async def states(here: FullTown, carrier: Bill) -> set[PayState]:
    members = await here.service.members(carrier.bill_id)
    return {bill.pay for bill in [await here.now(carrier), *members]}


async def test_45_one_code_for_three_bills_is_paid_by_all_or_none() -> None:
    here = full_town()
    carrier = await merged(here)
    assert carrier.amount_fen == 9550
    members = await here.service.members(carrier.bill_id)
    assert {bill.pay_code for bill in members} == {carrier.pay_code}
    await here.service.issue(members[1].bill_id)
    assert await states(here, carrier) == {PayState.PENDING}
    assert len(here.full.kept) == 1
    assert await here.service.open(members[0].bill_id) == (await here.now(carrier)).pay_url
    wrong = replace(push_of(carrier), amount_fen=Fen(9500))
    assert await here.service.handle_fact(wrong) is Outcome.AMOUNT_MISMATCH
    assert await states(here, carrier) == {PayState.PAYING}
    fact = here.full.pay(carrier.pay_code)
    assert fact is not None
    assert await here.service.handle_fact(fact) is Outcome.PAID
    assert await states(here, carrier) == {PayState.PAID}
    paid = [m.reference for m in here.memory.moves if m.event == "payments.paid"]
    assert sorted(paid) == sorted(["case-1", "case-2", "case-3", carrier.reference])
    receipts = {key for kind, key in here.memory.tasks if kind == "payments.receipt"}
    assert len(receipts) == 3
    told = {p["reference"] for (kind, _), (p, _) in here.memory.tasks.items() if "changed" in kind}
    assert told == {"case-1", "case-2", "case-3"}, "a carrier belongs to no matter"


async def test_45_a_late_fee_that_grew_is_shared_out_exactly() -> None:
    here = full_town()
    carrier = await merged(here)
    await here.service.issue(carrier.bill_id)
    here.full.kept[carrier.pay_code].delay = Fen(80)
    fact = here.full.pay(carrier.pay_code)
    assert fact is not None
    assert await here.service.handle_fact(fact) is Outcome.PAID
    members = await here.service.members(carrier.bill_id)
    assert sum(bill.paid_fen or 0 for bill in members) == fact.amount_fen == 9580


async def test_a_member_is_refunded_by_itself() -> None:
    here = full_town(refund_four_eyes=False)
    carrier = await merged(here)
    await here.service.issue(carrier.bill_id)
    fact = here.full.pay(carrier.pay_code)
    assert fact is not None
    await here.service.handle_fact(fact)
    member = (await here.service.members(carrier.bill_id))[1]
    refund = await here.service.refunds.request(
        member.bill_id,
        refund_no="R1",
        amount_fen=Fen(1050),
        expected_refundable_fen=Fen(1050),
        reason="撤回",
        actor="staff:a",
    )
    await here.service.refunds.advance(refund.refund_id)
    kept = here.full.refunds["R1"].order
    assert (kept.tra_no, kept.paid_fen, kept.amount_fen) == (fact.tra_no, 9550, 1050)
    await here.service.refunds.handle_news(here.full.settle_refund("R1", RefundProgress.PAID))
    assert (await here.now(member)).refund is RefundState.FULL
    assert (await here.now(carrier)).refund is RefundState.NONE


async def test_voiding_one_voids_all_and_orders_are_not_billed_twice() -> None:
    here = full_town()
    carrier = await merged(here)
    assert await merged(here) == carrier
    with pytest.raises(BillDiffers):
        await here.service.raise_merged([*THREE, order("case-4")])
    with pytest.raises(InvalidBill):
        await here.service.raise_merged(THREE[:1])
    with pytest.raises(InvalidBill):
        await here.service.raise_merged([THREE[0], THREE[0]])
    await here.service.issue(carrier.bill_id)
    member = (await here.service.members(carrier.bill_id))[2]
    assert (await here.service.void(member.bill_id)).pay is PayState.VOIDED
    assert await states(here, carrier) == {PayState.VOIDED}
    single = await here.raised("case-7")
    with pytest.raises(BillDiffers):
        await here.service.raise_merged([order("case-7"), order("case-8")])
    assert single.merged_into == ""


class PlatformFinance(FullFinance):
    """Makes the pay codes itself."""

    def terms(self) -> Terms:
        return replace(super().terms(), mint_side=MintSide.PLATFORM)

    def mint(self, division: str, year: int, serial: int) -> str:
        return f"N{year}{serial:08d}"

    def code(self, order_no: str) -> str:
        return f"3709{order_no[1:]:0>16}"

    async def issue(self, bill: Bill) -> Issued:
        code = self.code(bill.order_no)
        issued = await super().issue(replace(bill, pay_code=code))
        return replace(issued, pay_code=code)

    async def find_order(self, order_no: str) -> UpstreamBill:
        return await self.query(self.code(order_no))


@pytest.mark.parametrize("after", [None, True, False])
async def test_the_platform_makes_the_code_and_our_number_finds_it(after: bool | None) -> None:
    here = full_town(PlatformFinance)
    finance = here.full
    assert isinstance(finance, PlatformFinance)
    bill = await here.raised()
    assert (bill.pay_code, bill.order_no) == ("", "N202600000001")
    if after is not None:
        finance.fail("issue", unknown(), after=after)
    await here.service.issue(bill.bill_id)
    await STEPS["payments.confirm"](here.service, {"bill_id": bill.bill_id})
    named = await here.now(bill)
    assert (named.pay, named.pay_code) == (PayState.PENDING, finance.code(bill.order_no))
    assert len(finance.kept) == 1
    fact = finance.pay(named.pay_code)
    assert fact is not None
    assert await here.service.handle_fact(fact) is Outcome.PAID


async def test_a_bill_that_finance_lost_is_sent_again_under_its_code() -> None:
    here = full_town()
    bill = await here.pending()
    here.full.kept.clear()
    lost = await here.service.refresh(bill.bill_id)
    assert BillException.LOST_UPSTREAM in lost.exceptions
    with pytest.raises(BillNotReady):
        await here.service.open(bill.bill_id)
    task = next(p for (kind, _), (p, _) in here.memory.tasks.items() if "confirm" in kind)
    await STEPS["payments.confirm"](here.service, task)
    after = await here.now(bill)
    assert (after.pay, after.exceptions) == (PayState.PENDING, frozenset())
    assert list(here.full.kept) == [bill.pay_code]


async def test_a_lost_bill_is_voided_without_a_loop_and_swept_back() -> None:
    here = full_town()
    bill, other = await here.pending(), await here.pending("case-2")
    here.full.kept.clear()
    assert (await here.service.void(bill.bill_id)).pay is PayState.VOIDED
    await STEPS["payments.sweep"](here.service, {})
    assert list(here.full.kept) == [other.pay_code]
    assert (await here.now(other)).exceptions == frozenset()
