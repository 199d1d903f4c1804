"""Funds and refunds as they are pushed; what was verified is kept as it was read."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import UpstreamUnavailable
from kernel.money import Fen
from payments import (
    BillException,
    FactSource,
    FundsFact,
    FundState,
    PaymentFact,
    PayState,
    PublicStatus,
    PushedFact,
    RefundNews,
    RefundProgress,
    dump_push,
    load_push,
    public_status,
    push_step,
)
from payments.model import Channel
from tests.unit.payments.fakes import push_of
from tests.unit.payments.full_finance import FullFinance, full_town


async def test_funds_move_on_and_never_back() -> None:
    here = full_town()
    bill, fact = await here.paid()
    received = FundsFact(bill.pay_code, fact.tra_no, Fen(8000), FundState.RECEIVED, here.today)
    treasury = replace(received, stage=FundState.TREASURY)
    for one in (received, received, treasury, received):
        await here.service.handle(one)
    after = await here.now(bill)
    assert (after.fund, public_status(after)) == (FundState.TREASURY, PublicStatus.RECEIVED)
    topics = here.memory.topics()
    assert (
        topics.count("payments.funds_received") == topics.count("payments.treasury_received") == 1
    )
    await here.service.handle(replace(received, amount_fen=Fen(1)))
    assert BillException.FUNDS_MISMATCH in (await here.now(bill)).exceptions


async def test_funds_that_overtake_the_payment_make_it_known() -> None:
    here = full_town()
    bill = await here.pending()
    funds = FundsFact(bill.pay_code, "T1", Fen(8000), FundState.RECEIVED, here.today)
    with pytest.raises(UpstreamUnavailable):
        await here.service.handle(funds)
    here.full.pay(bill.pay_code)
    await here.service.handle(funds)
    after = await here.now(bill)
    assert (after.pay, after.fund) == (PayState.PAID, FundState.RECEIVED)


class Pushing(FullFinance):
    """Pushes what a test puts into its hand."""

    def decode_push(self, raw: bytes) -> PushedFact:
        return PushedFact(load_push(json.loads(raw)), "5800", "M1")


async def test_pushes_of_every_kind_are_stored_before_they_are_acknowledged() -> None:
    here = full_town(Pushing, refund_four_eyes=False)
    bill, fact = await here.paid()
    kept: list[PushedFact] = []

    async def keep(raw: bytes, push: PushedFact) -> None:
        kept.append(push)

    async def answer(fact: FundsFact | RefundNews) -> bytes:
        return await here.service.accept_push(json.dumps(dump_push(fact)).encode(), keep)

    funds = FundsFact(bill.pay_code, fact.tra_no, Fen(8000), FundState.RECEIVED, here.today)
    assert await answer(funds) == b"ok"
    assert await answer(replace(funds, pay_code="9" * 20)) == b"again"
    assert await answer(RefundNews("R1", RefundProgress.PAID)) == b"again"
    await here.service.refunds.request(
        bill.bill_id,
        refund_no="R1",
        amount_fen=Fen(1),
        expected_refundable_fen=Fen(8000),
        reason="x",
        actor="staff:a",
    )
    assert await answer(RefundNews("R1", RefundProgress.PAID)) == b"ok"
    assert len(kept) == 2


async def test_47_a_token_that_changes_after_the_push_was_kept_loses_nothing() -> None:
    here = full_town()
    bill = await here.pending()
    decoded = dump_push(push_of(bill))
    # The raw bytes cannot be verified any more: what was read then still counts.
    await push_step(here.service, b"garbage", decoded)
    assert (await here.now(bill)).pay is PayState.PAID


days = st.dates(min_value=date(2020, 1, 1), max_value=date(2030, 1, 1))
texts = st.text(alphabet="ABC0123456789", max_size=20)
amounts = st.integers(1, 2**62).map(Fen)
pushed = st.one_of(
    st.builds(
        PaymentFact,
        source=st.sampled_from(FactSource),
        pay_code=texts,
        tra_no=texts,
        amount_fen=amounts,
        paid_at=st.none() | st.datetimes(timezones=st.just(UTC)),
        channel=st.sampled_from(Channel),
        channel_raw=texts,
        account=texts,
        original_fen=st.none() | amounts,
        delay_fen=st.none() | amounts,
    ),
    st.builds(FundsFact, texts, texts, amounts, st.sampled_from(FundState), days),
    st.builds(RefundNews, texts, st.sampled_from(RefundProgress), texts, st.none() | days, texts),
)


@given(pushed)
def test_a_pushed_fact_survives_the_inbox(fact: PaymentFact | FundsFact | RefundNews) -> None:
    assert load_push(json.loads(json.dumps(dump_push(fact)))) == fact


@given(st.dictionaries(st.text(max_size=10), st.integers() | st.text(max_size=5)))
def test_other_json_is_refused(data: dict[str, int | str]) -> None:
    with pytest.raises(ValueError):
        load_push(data)
