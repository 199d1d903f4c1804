"""What every non-tax finance system must do: billing, paying, receipts, refunds, reconciliation.

A simulator offers, besides its dialect: ``POST /sim/pay {payCode}``; ``GET /sim/bills/{code}`` with
``status`` (0 unpaid, 1 paid, 2 voided), ``payments``, ``receipts`` and ``refunds``, or 404;
``GET /sim/bills`` with ``pushes``, how many wait to be acknowledged; ``POST /sim/push``, which
tries them at once; ``POST /sim/faults {match, action, times}`` with the actions ``wrong_mac`` and
``stranger``; where refunds, funds or files are offered also ``POST /sim/refunds {refundNo,
stats}``, ``POST /sim/funds {payCode, stage}`` and ``POST, DELETE /sim/clock``.

Checks of what an upstream does not offer pass without asking it.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

from adapters.kit.conformance.payments_drills import DRILLS
from adapters.kit.conformance.payments_hands import (
    AMOUNT,
    Gateway,
    bill_of,
    code_of,
    converse,
    issued,
    order_number,
    pay,
    provider_of,
    receipt_order,
    receipted,
    refund_order,
    reversal_order,
    settled,
    shown,
    waiting,
)
from adapters.kit.conformance.world import World
from kernel.clock import beijing_day
from kernel.errors import UpstreamRejected
from kernel.money import Fen
from payments.errors import InvalidBill, PushRefused
from payments.model import FactSource, FundsFact, FundState, PaymentFact, UpstreamState
from payments.ports import ALREADY_RECONCILED, OrderFinder
from payments.refund_model import RefundNews, RefundProgress

__all__ = ["DRILLS"]


async def check_issue_gives_a_pay_page(world: World) -> None:
    """A bill that was accepted has an address where it is paid."""
    made = await provider_of(world).issue(bill_of(world, "page"))
    answer = await world.browser.get(made.pay_url)
    assert answer.status_code == 200
    assert code_of(bill_of(world, "page"), made) in answer.text
    assert "80.00" in answer.text


async def check_the_same_bill_again_changes_nothing(world: World) -> None:
    """Issuing is keyed by the pay code, or by our order number."""
    bill = bill_of(world, "again")
    assert await provider_of(world).issue(bill) == await provider_of(world).issue(bill)


async def check_a_changed_amount_is_refused(world: World) -> None:
    """The same key with another amount is refused and does not replace the bill."""
    bill = await issued(world, "changed")
    dearer = replace(bill_of(world, "changed"), original_fen=Fen(8001))
    dearer = replace(dearer, items=(replace(bill.items[0], amount_fen=Fen(8001)),))
    try:
        await provider_of(world).issue(dearer)
    except UpstreamRejected:
        seen = await provider_of(world).query(bill.pay_code)
        assert seen.amount_fen == AMOUNT
    else:
        raise AssertionError("a changed amount was accepted")


async def check_query_knows_every_state(world: World) -> None:
    """Nothing, unpaid, paid with its amount, voided."""
    provider = provider_of(world)
    unknown = provider.mint(provider.terms().division, 2026, 9_999_999_999)
    assert (await provider.query(unknown)).state is UpstreamState.NOT_FOUND
    paid, voided = await issued(world, "paid"), await issued(world, "voided")
    seen = await provider.query(paid.pay_code)
    assert (seen.state, seen.amount_fen, seen.fact) == (UpstreamState.UNPAID, AMOUNT, None)
    await pay(world, paid)
    await provider.void(voided)
    seen = await provider.query(paid.pay_code)
    assert seen.state is UpstreamState.PAID
    assert seen.fact is not None
    assert (seen.fact.source, seen.fact.amount_fen) == (FactSource.QUERY, AMOUNT)
    assert (await provider.query(voided.pay_code)).state is UpstreamState.VOIDED


async def check_an_order_is_found_where_the_platform_makes_the_code(world: World) -> None:
    """Our order number finds the bill whose answer was lost."""
    provider = provider_of(world)
    if not world.can("find_order"):
        return
    assert isinstance(provider, OrderFinder)
    number = order_number(world, "lost")
    assert (await provider.find_order(number)).state is UpstreamState.NOT_FOUND
    bill = await issued(world, "lost")
    found = await provider.find_order(number)
    assert (found.pay_code, found.state) == (bill.pay_code, UpstreamState.UNPAID)


async def check_a_paid_bill_is_not_voided(world: World) -> None:
    """Already paid wins; voiding twice is once."""
    provider = provider_of(world)
    paid, voided = await issued(world, "paid"), await issued(world, "voided")
    await pay(world, paid)
    await provider.void(voided)
    await provider.void(voided)
    try:
        await provider.void(paid)
    except UpstreamRejected:
        assert (await provider.query(paid.pay_code)).state is UpstreamState.PAID
    else:
        raise AssertionError("a paid bill was voided")


async def check_what_cannot_be_written_is_refused_before_sending(world: World) -> None:
    """Separators inside names, lists that are too long, characters without a code."""
    bill = bill_of(world, "bad")
    item = bill.items[0]
    many = tuple(replace(item, item_code=f"10304{n:04d}") for n in range(12))
    wrong = [
        replace(bill, payer=replace(bill.payer, name="张\ud800")),
        replace(bill, payer=replace(bill.payer, name="张\x00三")),
        replace(bill, payer=replace(bill.payer, mobile="")),
    ]
    if world.can("pay_info"):
        wrong += [
            replace(bill, items=(replace(item, name="工本费|加急"),)),
            replace(bill, items=(replace(item, name="工本费#1"),)),
            replace(bill, items=many),
        ]
    for one in wrong:
        try:
            provider_of(world).examine(one)
        except InvalidBill:
            continue
        raise AssertionError("a bill that cannot be written was not refused")
    provider_of(world).examine(replace(bill, payer=replace(bill.payer, name="㛃䶮𠮷")))
    assert not world.calls


async def check_a_push_tells_the_payment(world: World) -> None:
    """A payment is pushed with its amount, time and transaction, until it is acknowledged."""
    if not world.can("push"):
        return
    gateway = Gateway(world)
    bill = await issued(world, "push")
    gateway.ok = False
    await pay(world, bill)
    await world.browser.post("/sim/push")
    assert gateway.pushed, "nothing was pushed"
    assert await waiting(world) == 1, "a push that was not accepted was forgotten"
    gateway.ok = True
    await world.browser.post("/sim/push")
    assert await waiting(world) == 0, "the acknowledgement was not understood"
    first, last = gateway.pushed[0].fact, gateway.pushed[-1].fact
    assert first == last, "a repetition tells something else"
    assert isinstance(first, PaymentFact)
    assert (first.pay_code, first.amount_fen) == (bill.pay_code, AMOUNT)
    assert first.source is FactSource.PUSH
    assert first.tra_no
    assert first.account == provider_of(world).terms().account
    assert first.paid_at is not None
    assert abs(first.paid_at - world.clock.now()) < timedelta(minutes=1)


async def check_forged_pushes_are_refused(world: World) -> None:
    """A wrong MAC and a stranger's node change nothing and are told so."""
    if not world.can("push"):
        return
    gateway = Gateway(world)
    bill = await issued(world, "forged")
    for action in ("wrong_mac", "stranger"):
        rule = {"match": {"msgNo": "5996"}, "action": action, "times": 0}
        (await world.browser.post("/sim/faults", json=rule)).raise_for_status()
        if action == "wrong_mac":
            await pay(world, bill)
        await world.browser.post("/sim/push")
        assert gateway.refused, f"{action} was not refused"
        assert not gateway.pushed, f"{action} was believed"
        assert await waiting(world) == 1, f"the refusal of {action} was taken for an ok"
        gateway.refused.clear()
        await world.browser.delete("/sim/faults")
    await world.browser.post("/sim/push")
    assert await waiting(world) == 0


async def check_garbage_is_refused(world: World) -> None:
    """Bytes that are no push never raise anything else."""
    if not world.can("push"):
        return
    for raw in (b"", b"GET / HTTP/1.1\r\n\r\n", b"90      " + b"x" * 82, bytes(range(256))):
        try:
            provider_of(world).decode_push(raw)
        except PushRefused as refusal:
            answered = bool(refusal.answer)
        else:
            answered = False
        if answered:
            continue
        raise AssertionError("garbage was taken for a push, or refused without an answer")


async def check_a_receipt_from_number_to_file(world: World) -> None:
    """Numbered, issued, found by number and by bill, downloaded, verified; once only."""
    if not world.can("receipt"):
        return
    provider = converse(world).receipts
    bill = await settled(world, "receipt")
    number = await provider.take_number(bill)
    assert await provider.find_receipt(bill, number) is None
    made = await provider.issue_receipt(receipt_order(bill, number))
    found = await provider.find_receipt(bill, number)
    assert found is not None
    assert (found.number, found.check_code) == (number, made.check_code)
    assert await provider.find_receipt(bill, None) == found
    document = await provider.download_receipt(made)
    assert document.media_type in {"application/pdf", "application/ofd"}
    assert await provider.verify_receipt(made)
    assert not await provider.verify_receipt(replace(made, check_code="000000"))
    second = await provider.take_number(bill)
    assert second != number
    try:
        await provider.issue_receipt(receipt_order(bill, second))
    except UpstreamRejected:
        return
    raise AssertionError("a bill has two receipts")


async def check_a_red_receipt_cancels(world: World) -> None:
    """Afterwards no receipt of the bill is alive, and a new one may be issued."""
    if not world.can("receipt"):
        return
    provider = converse(world).receipts
    bill = await settled(world, "red")
    blue = (await receipted(world, bill)).number
    number = await provider.take_number(bill)
    red = replace(receipt_order(bill, number), red_of=blue)
    await provider.issue_receipt(red)
    assert await provider.find_receipt(bill, None) is None
    assert await provider.find_receipt(bill, number) is not None
    again = replace(
        receipt_order(bill, await provider.take_number(bill)), amount_fen=Fen(AMOUNT - 3000)
    )
    found = await provider.issue_receipt(again)
    assert found.amount_fen == AMOUNT - 3000


async def check_a_refund_from_application_to_payment(world: World) -> None:
    """Applied once per number, paid, pushed; never more than is left."""
    if not world.can("refund"):
        return
    provider, gateway = converse(world).refunds, Gateway(world)
    bill = await settled(world, "refund")
    order = await refund_order(world, bill, "R1", 3000, AMOUNT)
    assert (await provider.query_refund("R1")).progress is RefundProgress.NOT_FOUND
    await provider.apply_refund(order)
    await provider.apply_refund(order)
    assert (await provider.query_refund("R1")).progress is not RefundProgress.NOT_FOUND
    for wrong in (
        replace(order, amount_fen=Fen(2000)),
        await refund_order(world, bill, "R2", 6000, 6000),
        await refund_order(world, bill, "R3", 3000, AMOUNT),
    ):
        try:
            await provider.apply_refund(wrong)
        except UpstreamRejected:
            continue
        raise AssertionError("a refund was accepted that must not be")
    await world.browser.post("/sim/refunds", json={"refundNo": "R1", "stats": "2"})
    news = await provider.query_refund("R1")
    assert (news.progress, bool(news.tra_ref)) == (RefundProgress.PAID, True)
    assert news.refunded_on is not None
    await world.browser.post("/sim/push")
    assert await waiting(world) == 0
    assert news in [push.fact for push in gateway.pushed if isinstance(push.fact, RefundNews)]


async def check_funds_are_pushed(world: World) -> None:
    """到账 and then 入库."""
    if not world.can("funds_push"):
        return
    gateway = Gateway(world)
    bill = await settled(world, "funds")
    for letter in ("R", "T"):
        wanted = {"payCode": bill.pay_code, "stage": letter}
        (await world.browser.post("/sim/funds", json=wanted)).raise_for_status()
        await world.browser.post("/sim/push")
    facts = [push.fact for push in gateway.pushed if isinstance(push.fact, FundsFact)]
    stages = [FundState.RECEIVED, FundState.TREASURY]
    assert [(f.stage, f.pay_code, f.amount_fen) for f in facts] == [
        (stage, bill.pay_code, AMOUNT) for stage in stages
    ]
    assert await waiting(world) == 0


async def check_a_reversal_before_and_after_reconciliation(world: World) -> None:
    """Reversed once on its day; refused with 20410 when the day is closed."""
    if not world.can("reversal"):
        return
    provider = converse(world).reversals
    early, late = await settled(world, "early"), await settled(world, "late")
    order = await reversal_order(world, early)
    await provider.reverse(order)
    await provider.reverse(order)
    state = (await provider_of(world).query(early.pay_code)).state
    assert state is UpstreamState.VOIDED
    too_late = await reversal_order(world, late)
    await world.browser.post("/sim/clock", json={"advanceSeconds": 2 * 86_400})
    try:
        await provider.reverse(too_late)
    except UpstreamRejected as refusal:
        code = refusal.upstream_code
    else:
        raise AssertionError("a reconciled payment was reversed")
    finally:
        await world.browser.delete("/sim/clock")
    assert code == ALREADY_RECONCILED


async def check_the_reconciliation_file(world: World) -> None:
    """Nothing before it is published; then the day's money, with counts and digests that agree."""
    if not world.can("recon"):
        return
    provider = converse(world).files
    bill = await settled(world, "recon")
    (payment,) = (await shown(world, bill.pay_code))["payments"]
    day = beijing_day(world.clock.now())
    day = day + timedelta(days=0 if payment["acct_date"] == f"{day:%Y%m%d}" else 1)
    division = provider_of(world).terms().division
    assert await provider.fetch_file(division, day) is None
    await world.browser.post("/sim/clock", json={"advanceSeconds": 2 * 86_400})
    try:
        found = await provider.fetch_file(division, day)
        assert found is not None
        assert found == await provider.fetch_file(division, day)
        await world.browser.post("/sim/recon", json={"fileDate": f"{day:%Y%m%d}"})
        second = await provider.fetch_file(division, day)
    finally:
        await world.browser.delete("/sim/clock")
    assert (found.count, found.total_fen, found.revision) == (1, AMOUNT, 1)
    assert hashlib.sha256(found.content).hexdigest() == found.sha256.lower()
    head, line, trailer, rest = found.content.decode("gb18030").split("\n")
    assert (head[:2], rest) == ("H|", "")
    assert line.split("|")[:5] == ["D", "1", bill.pay_code, payment["tra_no"], "P"]
    before = found.content[: -len(trailer) - 1]
    digest = hashlib.sha256(before).hexdigest()
    assert trailer == f"T|1|80.00|0.00|{digest}"
    assert second is not None
    assert second.revision == 2
