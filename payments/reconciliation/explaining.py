"""Explains what did not match by itself: money we missed is booked, the rest becomes work."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from kernel.errors import UpstreamError
from kernel.money import Fen
from kernel.work import Work
from payments.errors import RulingNotFound
from payments.ground import Ground
from payments.learning import Learner
from payments.ledger import Ledger
from payments.model import (
    MONEY_ATTEMPTS,
    Attempt,
    Bill,
    Channel,
    FactSource,
    PaymentFact,
    PayState,
    ReconState,
    UpstreamState,
)
from payments.reconciliation.model import (
    Difference,
    DifferenceKind,
    LineKind,
    ReconLine,
    StoredFile,
    Unlisted,
)
from payments.reconciliation.ports import ReconRepository
from payments.refund_model import RefundStep
from payments.refunds import RefundDesk

log = logging.getLogger(__name__)

_DAY: Final = timedelta(days=1)
_PAGE: Final = 200
_AXIS: Final = {
    DifferenceKind.LONG: ReconState.LONG,
    DifferenceKind.SHORT: ReconState.SHORT,
    DifferenceKind.AMOUNT: ReconState.AMOUNT_DIFF,
}


def fact_of(line: ReconLine) -> PaymentFact:
    """Return the payment fact that a listed payment is."""
    return PaymentFact(
        source=FactSource.RECON,
        pay_code=line.pay_code,
        tra_no=line.tra_no,
        amount_fen=line.amount_fen,
        paid_at=line.paid_at,
        channel=Channel.OTHER,
        channel_raw=line.mode,
        original_fen=line.original_fen,
        delay_fen=line.delay_fen,
    )


class Explainer:
    """Takes one transaction at a time: the few that sets could not match."""

    def __init__(
        self,
        ground: Ground,
        repository: ReconRepository,
        ledger: Ledger,
        learner: Learner,
        refunds: RefundDesk,
    ) -> None:
        self._ground = ground
        self._stores = ground.stores
        self._works = ground.works
        self._recon = repository
        self._ledger = ledger
        self._learner = learner
        self._refunds = refunds

    async def lines(self, file: StoredFile) -> int:
        """Explain every line of the file that no money of ours matched; return how many."""
        after = explained = 0
        while True:
            async with self._works.read() as work:
                page = await self._recon.new_lines(work, file.file_id, after, _PAGE)
            for line in page:
                if line.kind is LineKind.PAID:
                    await self._payment(file, line)
                else:
                    await self._refund(file, line)
                after = line.line_id
            explained += len(page)
            if len(page) < _PAGE:
                return explained

    async def _payment(self, file: StoredFile, line: ReconLine) -> None:
        async with self._works.read() as work:
            bill = await self._stores.by_pay_code(work, line.pay_code)
            attempts = await self._stores.attempts(work, bill.bill_id) if bill else ()
        if bill is None:
            await self._learner.handle_fact(fact_of(line))
            await self._differs(file, line, DifferenceKind.UNKNOWN_CODE, None, None)
            return
        same = [a for a in attempts if a.tra_no == line.tra_no and a.state in MONEY_ATTEMPTS]
        if same:
            await self._contradiction(file, line, bill, same[0])
        elif bill.pay is PayState.PAID or await self._finance_says_paid(bill):
            # The normal path: a first payment, the number of one that only a query told of, or
            # money that came on top and goes back.
            await self._learner.handle_fact(fact_of(line))
        else:
            await self._differs(file, line, DifferenceKind.LONG, bill, None)

    async def _contradiction(
        self, file: StoredFile, line: ReconLine, bill: Bill, ours: Attempt
    ) -> None:
        if ours.amount_fen != line.amount_fen:
            await self._differs(file, line, DifferenceKind.AMOUNT, bill, ours.amount_fen)
        elif ours.day is None or abs(ours.day - file.day) > _DAY:
            await self._differs(file, line, DifferenceKind.DATE, bill, ours.amount_fen)

    async def _finance_says_paid(self, bill: Bill) -> bool:
        try:
            return (await self._learner.ask(bill)).state is UpstreamState.PAID
        except UpstreamError as exc:
            log.warning("recon_query_failed", extra={"bill_id": bill.bill_id, "code": exc.code})
            return False

    async def _refund(self, file: StoredFile, line: ReconLine) -> None:
        async with self._works.read() as work:
            refund = await self._stores.refund_by_no(work, line.refund_no)
        if refund is None or refund.pay_code != line.pay_code:
            await self._differs(file, line, DifferenceKind.REFUND_UNKNOWN, None, None)
            return
        if refund.amount_fen != line.amount_fen:
            await self._differs(file, line, DifferenceKind.REFUND_AMOUNT, None, refund.amount_fen)
            return
        if refund.step is not RefundStep.DONE:
            try:
                refund = await self._refunds.ask(refund.refund_id)
            except UpstreamError as exc:
                log.warning(
                    "recon_query_failed",
                    extra={"refund_id": refund.refund_id, "code": exc.code},
                )
        if refund.step is not RefundStep.DONE:
            await self._differs(file, line, DifferenceKind.REFUND_UNKNOWN, None, None)

    async def _differs(
        self,
        file: StoredFile,
        line: ReconLine,
        kind: DifferenceKind,
        bill: Bill | None,
        ours_fen: Fen | None,
    ) -> None:
        difference = Difference(
            difference_id=self._ground.ids.new("difference"),
            division=file.division,
            day=file.day,
            kind=kind,
            pay_code=line.pay_code,
            tra_no=line.tra_no,
            refund_no=line.refund_no,
            bill_id=bill.bill_id if bill else "",
            ours_fen=ours_fen,
            theirs_fen=line.amount_fen,
            revision=file.revision,
            owner=self._ground.options.recon_owner,
            opened_at=self._ground.clock.now(),
            line_id=line.line_id,
        )
        async with self._works.begin() as work:
            await self._put(work, difference)

    async def _put(self, work: Work, difference: Difference) -> None:
        fresh = await self._recon.put_difference(work, difference)
        if not fresh:
            return
        log.error(
            "recon_difference",
            extra={"kind": str(difference.kind), "difference_id": difference.difference_id},
        )
        axis = _AXIS.get(difference.kind)
        if axis is None or not difference.bill_id:
            return
        bill = await self._ground.locked(work, difference.bill_id)
        if bill.recon in {ReconState.UNCHECKED, ReconState.MATCHED, ReconState.RESOLVED}:
            await self._ledger.recon(work, bill, axis, self._ground.upstream)

    async def ours(self, file: StoredFile) -> None:
        """Declare what we hold and no file lists: once the file after its day is here as well."""
        until = file.day - _DAY
        while True:
            async with self._works.read() as work:
                page = await self._recon.unlisted(work, file.division, until, _PAGE)
                back = await self._recon.unlisted_refunds(work, file.division, until, _PAGE)
            declared = 0
            for money in page:
                declared += await self._short(file, money, until)
            for money in back:
                declared += await self._declare(file, money, DifferenceKind.REFUND_SHORT)
            if not declared or max(len(page), len(back)) < _PAGE:
                return

    async def _short(self, file: StoredFile, money: Unlisted, until: object) -> int:
        bill = await self._ground.get(money.bill_id)
        if money.day == until and await self._finance_says_paid(bill):
            # Finance holds it too: it may be in one more file.
            return 0
        return await self._declare(file, money, DifferenceKind.SHORT)

    async def _declare(self, file: StoredFile, money: Unlisted, kind: DifferenceKind) -> int:
        difference = Difference(
            difference_id=self._ground.ids.new("difference"),
            division=file.division,
            day=money.day,
            kind=kind,
            pay_code=money.pay_code,
            tra_no=money.tra_no,
            refund_no=money.refund_no,
            bill_id=money.bill_id,
            ours_fen=money.amount_fen,
            theirs_fen=None,
            revision=file.revision,
            owner=self._ground.options.recon_owner,
            opened_at=self._ground.clock.now(),
        )
        async with self._works.begin() as work:
            await self._put(work, difference)
        return 1

    async def line_of(self, work: Work, difference: Difference) -> ReconLine:
        """Return the line that a difference is about. Raises RulingNotFound."""
        if difference.line_id is not None:
            file = await self._recon.recon_file(work, difference.division, difference.day)
            if file is not None:
                after = difference.line_id - 1
                for line in await self._recon.new_lines(work, file.file_id, after, 1):
                    if line.line_id == difference.line_id:
                        return line
        raise RulingNotFound("the line is no longer listed")
