"""Raises bills: the code is minted and committed before anything is sent (开单)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from kernel.clock import beijing_day
from kernel.money import fen, total
from kernel.work import JsonMap, Work
from payments.errors import BillDiffers, BillNotReady, InvalidBill
from payments.fees import late_fee, merge
from payments.ground import EXPIRE_TASK, ISSUE_TASK, Ground
from payments.ledger import Ledger
from payments.model import MAX_REFERENCE, Bill, BillOrder, MintSide, NoFeeDue


class Raiser:
    """Turns orders into stored bills."""

    def __init__(self, ground: Ground, ledger: Ledger) -> None:
        self._ground = ground
        self._ledger = ledger

    async def raise_bill(self, order: BillOrder) -> Bill | NoFeeDue:
        """Return the one bill of ``(reference, fee_version)``; see PaymentService."""
        order = self._completed(order)
        if order.original_fen + order.delay_fen == 0:
            return NoFeeDue(order.reference, order.fee_version)
        stores = self._ground.stores
        async with self._ground.works.begin() as work:
            bill = await stores.by_business_key(work, order.reference, order.fee_version)
            if bill is None:
                bill = self._draft(order, await self._mint(work.next_number))
                self._ground.provider.examine(bill)
                if await self._ledger.raised(work, bill, order.actor):
                    await self._plan(work, bill)
                    return bill
                bill = await stores.by_business_key(work, order.reference, order.fee_version)
        return self._same(bill, order)

    async def raise_merged(self, orders: Sequence[BillOrder]) -> Bill:
        """Return the bill that carries several orders under one pay code (合并缴款码).

        Each order gets a bill of its own, merged into the carrier: all of them are paid or none.
        The payer is the first order's. Raising the same orders again returns the same carrier.
        Raises InvalidBill for fewer than two orders with money due, BillDiffers when one of them
        was billed before in another way.
        """
        orders = [self._completed(order) for order in orders]
        orders = [order for order in orders if order.original_fen + order.delay_fen]
        if len(orders) < 2 or len({(o.reference, o.fee_version) for o in orders}) < len(orders):
            raise InvalidBill("a merged bill has at least two different orders", field="orders")
        async with self._ground.works.begin() as work:
            known = await self._carrier(work, orders)
            if known is not None:
                return known
            whole = replace(
                orders[0],
                reference=self._ground.ids.new("merged"),
                fee_version="merged",
                items=merge(item for order in orders for item in order.items),
                delay_fen=total(order.delay_fen for order in orders),
            )
            carrier = replace(self._draft(whole, await self._mint(work.next_number)), merged=True)
            self._ground.provider.examine(carrier)
            await self._ledger.raised(work, carrier, whole.actor)
            for order in orders:
                member = replace(
                    self._draft(order, carrier.order_no),
                    pay_code=carrier.pay_code,
                    deadline=carrier.deadline,
                    merged_into=carrier.bill_id,
                )
                if not await self._ledger.raised(work, member, order.actor):
                    raise BillDiffers("one of the fees is billed already")
            await self._plan(work, carrier)
            return carrier

    async def _carrier(self, work: Work, orders: Sequence[BillOrder]) -> Bill | None:
        stores = self._ground.stores
        found = [await stores.by_business_key(work, o.reference, o.fee_version) for o in orders]
        if not any(found):
            return None
        if not all(found):
            raise BillDiffers("some of the fees are billed already")
        carriers = {bill.merged_into if bill else "" for bill in found}
        for bill, order in zip(found, orders, strict=True):
            self._same(bill, order)
        carrier = await stores.get(work, carriers.pop()) if len(carriers) == 1 else None
        if carrier is None or len(await stores.members(work, carrier.bill_id)) != len(orders):
            raise BillDiffers("some of the fees are billed apart")
        return carrier

    def _completed(self, order: BillOrder) -> BillOrder:
        _check(order)
        order = replace(order, items=merge(order.items))
        rate = self._ground.options.late_fee_per_million
        if order.overdue_since is None or not rate:
            return order
        today = beijing_day(self._ground.clock.now())
        grown = late_fee(order.original_fen, order.overdue_since, today, rate)
        return replace(order, delay_fen=fen(order.delay_fen + grown))

    @staticmethod
    def _same(bill: Bill | None, order: BillOrder) -> Bill:
        if bill is None:
            raise BillNotReady("the business key is taken by a bill that is not to be seen yet")
        if (bill.items, bill.payer) != (order.items, order.payer):
            raise BillDiffers("the fee version is taken by a bill with other content")
        return bill

    async def _plan(self, work: Work, bill: Bill) -> None:
        payload: JsonMap = {"bill_id": bill.bill_id}
        due = bill.created_at + timedelta(seconds=self._ground.options.issue_grace_seconds)
        await work.enqueue(ISSUE_TASK, bill.bill_id, payload, due=due)
        await work.enqueue(EXPIRE_TASK, bill.bill_id, payload, due=bill.deadline)

    async def _mint(self, next_number: Callable[[str], Awaitable[int]]) -> str:
        division = self._ground.provider.terms().division
        year = beijing_day(self._ground.clock.now()).year
        serial = await next_number(f"payments.pay_code.{division}.{year}")
        return self._ground.provider.mint(division, year, serial)

    def _draft(self, order: BillOrder, minted: str) -> Bill:
        now = self._ground.clock.now()
        terms = self._ground.provider.terms()
        return Bill(
            bill_id=self._ground.ids.new("bill"),
            reference=order.reference,
            fee_version=order.fee_version,
            pay_code=minted if terms.mint_side is MintSide.AGENCY else "",
            order_no=minted,
            division=terms.division,
            agency=terms.agency,
            account=terms.account,
            payer=order.payer,
            items=order.items,
            original_fen=order.original_fen,
            delay_fen=order.delay_fen,
            deadline=order.deadline or now + timedelta(days=self._ground.options.deadline_days),
            created_at=now,
            updated_at=now,
        )


def _check(order: BillOrder) -> None:
    for name, value in (("reference", order.reference), ("fee_version", order.fee_version)):
        if not 0 < len(value) <= MAX_REFERENCE:
            raise InvalidBill(f"{name} must have 1 to {MAX_REFERENCE} characters", field=name)
    if not order.items or any(item.amount_fen < 0 for item in order.items):
        raise InvalidBill("a bill has items, and none is negative", field="items")
    if order.delay_fen < 0:
        raise InvalidBill("a late fee is not negative", field="delay_fen")
