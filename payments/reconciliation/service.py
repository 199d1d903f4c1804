"""Reconciles a day: its file verified and imported once, matched in sets, the rest explained."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, time, timedelta
from itertools import islice, pairwise
from typing import Final

from kernel.clock import beijing, beijing_day
from kernel.errors import UpstreamUnavailable
from kernel.work import Work
from payments.booking import Booking
from payments.errors import DecisionNotPossible, ReconFileInvalid, RulingNotFound
from payments.ground import Ground
from payments.learning import Learner
from payments.ledger import Ledger
from payments.model import PayState, ReconState
from payments.ports import ReconFile
from payments.reconciliation import ntdz
from payments.reconciliation.explaining import Explainer, fact_of
from payments.reconciliation.model import (
    Books,
    DayReport,
    Difference,
    DifferenceKind,
    DifferenceState,
    FileState,
    StoredFile,
    Violation,
)
from payments.reconciliation.ports import ReconRepository
from payments.refunds import RefundDesk
from payments.ruling_model import Decision, Ruling
from payments.states import COUNTED_REFUND

log = logging.getLogger(__name__)

_DAY: Final = timedelta(days=1)
_ALARM_AT: Final = time(10, 0)
_PAGES_AT_ONCE: Final = 2
_RECONCILED: Final = "payments.day_reconciled"
_POSSIBLE: Final = {
    DifferenceKind.LONG: {Decision.ADOPT, Decision.ACCEPT, Decision.DISMISS},
    DifferenceKind.SHORT: {Decision.ADOPT, Decision.ACCEPT},
}
_OTHERS: Final = {Decision.ACCEPT, Decision.DISMISS}
_OPEN_AXIS: Final = frozenset({ReconState.LONG, ReconState.SHORT, ReconState.AMOUNT_DIFF})


class ReconDesk:
    """Compares what is booked here with what finance lists, day by day and division."""

    def __init__(
        self,
        ground: Ground,
        repository: ReconRepository,
        ledger: Ledger,
        booking: Booking,
        learner: Learner,
        refunds: RefundDesk,
    ) -> None:
        self._ground = ground
        self._works = ground.works
        self._recon = repository
        self._ledger = ledger
        self._booking = booking
        self._explainer = Explainer(ground, repository, ledger, learner, refunds)

    def due_days(self) -> Sequence[date]:
        """Return the accounting days to be compared today, the oldest first, yesterday last."""
        today = beijing_day(self._ground.clock.now())
        return [today - _DAY * n for n in range(self._ground.options.recon_days, 0, -1)]

    async def reconcile(self, day: date, division: str | None = None) -> DayReport | None:
        """Fetch a day's file and compare it; repeating it changes nothing that was settled.

        A new revision is imported beside the old one and everything is computed anew. None where
        this finance system offers no files. Raises UpstreamUnavailable while there is none for this
        day, ReconFileInvalid for one that contradicts itself: what was there stays untouched.
        """
        provider = self._ground.recon()
        if provider is None:
            return None
        division = division or self._ground.provider.terms().division
        fetched = await provider.fetch_file(division, day)
        if fetched is None:
            if beijing(self._ground.clock.now()).time() >= _ALARM_AT:
                log.error("recon_file_missing", extra={"day": day.isoformat()})
            raise UpstreamUnavailable("the reconciliation file is not published yet")
        file = await self._import(fetched, division, day)
        await self._match(file)
        if await self._explainer.lines(file):
            # What explaining has booked is tied to its line now.
            await self._match(file)
        await self._explainer.ours(file)
        async with self._works.begin() as work:
            await self._recon.close_gone(work, file, self._ground.clock.now())
            report = await self._recon.day_report(work, division, day)
            if await self._recon.finish_recon_file(work, file):
                await work.emit(_RECONCILED, f"recon:{division}", _figures(report))
        return report

    async def _import(self, fetched: ReconFile, division: str, day: date) -> StoredFile:
        sha256 = fetched.sha256.lower()
        async with self._works.read() as work:
            current = await self._recon.recon_file(work, division, day)
        if current is not None and (current.revision, current.sha256) == (
            fetched.revision,
            sha256,
        ):
            return current
        summary = ntdz.verify(fetched, division, day)
        stored = StoredFile(
            division=division,
            day=day,
            revision=fetched.revision,
            name=fetched.name[:120],
            count=summary.count,
            paid_fen=summary.paid_fen,
            refunded_fen=summary.refunded_fen,
            sha256=sha256,
            imported_at=self._ground.clock.now(),
        )
        async with self._works.begin() as work:
            file = await self._recon.add_recon_file(work, stored)
        if file.sha256 != stored.sha256:
            raise ReconFileInvalid("this revision was sent before with other content")
        if current is not None and current.revision >= file.revision:
            # An older revision is kept and changes nothing.
            return current
        if file.state is FileState.IMPORTING:
            async with self._works.read() as work:
                here = await self._recon.recon_line_count(work, file.file_id)
            # An import that was broken off goes on where it stopped.
            lines = islice(ntdz.lines(fetched), here, None)
            while page := list(islice(lines, self._ground.options.recon_page)):
                async with self._works.begin() as work:
                    await self._recon.add_recon_lines(work, file.file_id, page)
        async with self._works.begin() as work:
            return await self._recon.make_current(work, file)

    async def _match(self, file: StoredFile) -> None:
        async with self._works.read() as work:
            ends = await self._recon.line_keys(work, file.file_id, self._ground.options.recon_page)
        pages = iter(list(pairwise([0, *ends])))
        # While the database works on one page, this process prepares the other.
        await asyncio.gather(*(self._match_pages(file, pages) for _ in range(_PAGES_AT_ONCE)))

    async def _match_pages(self, file: StoredFile, pages: Iterator[tuple[int, int]]) -> None:
        for after, upto in pages:
            async with self._works.begin() as work:
                now = self._ground.clock.now()
                await self._recon.match_lines(work, file, after, upto)
                await self._recon.mark_reconciled(
                    work, file, after, upto, now, self._ground.upstream
                )

    async def report(self, division: str, day: date) -> DayReport:
        """Return the figures of a day; nothing is fetched."""
        async with self._works.read() as work:
            return await self._recon.day_report(work, division, day)

    async def books(self, division: str) -> Books:
        """Return what must tie out: Σ paid − Σ refunded = Σ booked."""
        async with self._works.read() as work:
            return await self._recon.books(work, division)

    async def violations(self) -> Sequence[Violation]:
        """Return broken invariants of money; empty in a sound system."""
        async with self._works.read() as work:
            return await self._recon.violations(work)

    async def differences(
        self,
        *,
        division: str | None = None,
        day: date | None = None,
        only_open: bool = True,
        limit: int = 100,
    ) -> Sequence[Difference]:
        """Return differences, the oldest first; age counts from ``opened_at``."""
        async with self._works.read() as work:
            return await self._recon.differences(
                work, division=division, day=day, only_open=only_open, limit=limit
            )

    async def take_over(self, difference_id: str, owner: str) -> Difference:
        """Make somebody the owner of an open difference. Raises RulingNotFound."""
        async with self._works.begin() as work:
            found = await self._open(work, difference_id)
            return await self._recon.save_difference(work, replace(found, owner=owner))

    async def allows(self, work: Work, key: str, decision: Decision) -> bool:
        """Return whether an open difference of this id can be decided so. Raises RulingNotFound."""
        found = await self._open(work, key)
        return decision in _POSSIBLE.get(found.kind, _OTHERS)

    async def carry_out(self, work: Work, ruling: Ruling, actor: str) -> None:
        """Do what two people decided about a difference, and close it."""
        found = await self._open(work, ruling.key)
        if ruling.decision is Decision.ADOPT:
            await self._adopt(work, found, actor, ruling.note)
        if found.bill_id:
            bill = await self._ground.locked(work, found.bill_id)
            if bill.recon in _OPEN_AXIS:
                bill = await self._ledger.recon(work, bill, ReconState.RESOLVED, actor)
                if bill.pay is PayState.PAID:
                    # A delivery and a receipt that waited for this may go on.
                    await self._booking.plan_receipt(work, bill)
        closed = replace(
            found,
            state=DifferenceState.RESOLVED,
            decision=str(ruling.decision),
            note=ruling.note,
            closed_at=self._ground.clock.now(),
        )
        await self._recon.save_difference(work, closed)

    async def _adopt(self, work: Work, found: Difference, actor: str, note: str) -> None:
        if found.kind is DifferenceKind.LONG:
            line = await self._explainer.line_of(work, found)
            await self._booking.record(work, fact_of(line), actor)
            return
        bill = await self._ground.locked(work, found.bill_id)
        refunds = await self._ground.stores.refunds_of(work, bill.bill_id)
        counted = any(r.step in COUNTED_REFUND for r in refunds)
        if bill.pay is not PayState.PAID or counted or bill.merged_into:
            raise DecisionNotPossible("the payment cannot be undone: money of it went back")
        if await self._ground.stores.live_receipt(work, bill.bill_id):
            raise DecisionNotPossible("make the receipt red first")
        await self._booking.reversed(work, bill, actor, note)

    async def _open(self, work: Work, difference_id: str) -> Difference:
        found = await self._recon.difference(work, difference_id)
        if found is None or found.state is not DifferenceState.OPEN:
            raise RulingNotFound("no such difference is open")
        return found


def _figures(report: DayReport) -> dict[str, str | int | bool | None]:
    return {
        "division": report.division,
        "day": report.day.isoformat(),
        "revision": report.revision,
        "listed": report.listed.count,
        "listed_fen": int(report.listed.amount_fen),
        "listed_refunds_fen": int(report.listed_refunds.amount_fen),
        "matched": report.matched.count,
        "differences": sum(report.differences.values()),
        "agrees": report.agrees,
    }
