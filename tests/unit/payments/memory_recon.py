"""Reconciliation in memory: what the SQL does in sets, done one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from kernel.errors import StaleVersion
from kernel.money import Fen
from kernel.work import Move, Work
from payments.ledger import bill_data
from payments.model import MONEY_ATTEMPTS, AttemptState, ReconState
from payments.reconciliation.model import (
    PAYMENT_KINDS,
    REFUND_KINDS,
    Books,
    DayReport,
    Difference,
    DifferenceKind,
    DifferenceState,
    FileState,
    LineKind,
    ReconLine,
    StoredFile,
    Tally,
    Unlisted,
    Violation,
)
from payments.refund_model import RefundStep
from payments.states import RECON
from tests.unit.payments.memory import MemoryRoom

_DAY = timedelta(days=1)


class MemoryRecon(MemoryRoom):
    async def recon_file(
        self, work: Work, division: str, day: date, revision: int | None = None
    ) -> StoredFile | None:
        for file in self._of(work).recon_files.values():
            wanted = file.current if revision is None else file.revision == revision
            if (file.division, file.day) == (division, day) and wanted:
                return file
        return None

    async def add_recon_file(self, work: Work, file: StoredFile) -> StoredFile:
        known = await self.recon_file(work, file.division, file.day, file.revision)
        if known is not None:
            return known
        files = self._of(work).recon_files
        files[len(files) + 1] = replace(file, file_id=len(files) + 1)
        return files[len(files)]

    async def add_recon_lines(self, work: Work, file_id: int, lines: Sequence[ReconLine]) -> None:
        memory = self._of(work)
        here = {
            memory.lines[n].line_no for n, owner in memory.line_file.items() if owner == file_id
        }
        for line in lines:
            if line.line_no not in here:
                number = len(memory.lines) + 1
                memory.lines[number] = replace(line, line_id=number)
                memory.line_file[number] = file_id

    async def recon_line_count(self, work: Work, file_id: int) -> int:
        return sum(owner == file_id for owner in self._of(work).line_file.values())

    async def make_current(self, work: Work, file: StoredFile) -> StoredFile:
        memory = self._of(work)
        same = [
            f.file_id
            for f in memory.recon_files.values()
            if (f.division, f.day) == (file.division, file.day) and f.file_id != file.file_id
        ]
        for number in same:
            memory.recon_files[number] = replace(memory.recon_files[number], current=False)
        memory.matched = {
            key: n for key, n in memory.matched.items() if memory.line_file[n] not in same
        }
        current = replace(file, current=True, state=FileState.IMPORTED)
        memory.recon_files[file.file_id] = current
        return current

    async def finish_recon_file(self, work: Work, file: StoredFile) -> bool:
        files = self._of(work).recon_files
        fresh = files[file.file_id].state is not FileState.MATCHED
        files[file.file_id] = replace(files[file.file_id], state=FileState.MATCHED)
        return fresh

    def _lines(self, work: Work, file_id: int, after: int, upto: int) -> list[ReconLine]:
        memory = self._of(work)
        return [
            memory.lines[n]
            for n in sorted(memory.lines)
            if memory.line_file[n] == file_id and after < n <= upto
        ]

    async def match_lines(self, work: Work, file: StoredFile, after: int, upto: int) -> None:
        memory = self._of(work)
        for line in self._lines(work, file.file_id, after, upto):
            for key in self._same_money(work, file, line):
                if key not in memory.matched:
                    memory.matched[key] = line.line_id

    def _same_money(self, work: Work, file: StoredFile, line: ReconLine) -> list[str]:
        memory = self._of(work)
        if line.kind is LineKind.REFUNDED:
            return [
                r.refund_id
                for r in memory.refunds.values()
                if (r.refund_no, r.pay_code) == (line.refund_no, line.pay_code)
                and r.amount_fen == line.amount_fen
                and r.step is RefundStep.DONE
            ]
        return [
            a.attempt_id
            for a in memory.attempts.values()
            if (a.tra_no, a.amount_fen) == (line.tra_no, line.amount_fen)
            and a.state in MONEY_ATTEMPTS
            and a.day is not None
            and abs(a.day - file.day) <= _DAY
            and memory.bills[a.bill_id].pay_code == line.pay_code
        ]

    async def mark_reconciled(
        self, work: Work, file: StoredFile, after: int, upto: int, at: datetime, actor: str
    ) -> int:
        memory = self._of(work)
        here = {line.line_id for line in self._lines(work, file.file_id, after, upto)}
        paid = {
            a.bill_id
            for a in memory.attempts.values()
            if memory.matched.get(a.attempt_id) in here and a.state is AttemptState.SUCCEEDED
        }
        moved = 0
        for bill in list(memory.bills.values()):
            mine = bill.bill_id in paid or bill.merged_into in paid
            if not mine or bill.recon is ReconState.MATCHED:
                continue
            marked = replace(bill, recon=ReconState.MATCHED, version=bill.version + 1)
            memory.bills[bill.bill_id] = marked
            event = RECON.event(bill.recon, ReconState.MATCHED)
            await work.moved(
                Move(
                    RECON.name,
                    bill.bill_id,
                    bill.recon,
                    ReconState.MATCHED,
                    event,
                    bill.reference,
                    actor,
                    bill_data(marked),
                )
            )
            moved += 1
        return moved

    async def line_keys(self, work: Work, file_id: int, page: int) -> Sequence[int]:
        keys = [line.line_id for line in self._lines(work, file_id, 0, 10**9)]
        return sorted({*keys[page - 1 :: page], *keys[-1:]})

    async def new_lines(
        self, work: Work, file_id: int, after: int, limit: int
    ) -> Sequence[ReconLine]:
        matched = set(self._of(work).matched.values())
        found = self._lines(work, file_id, after, 10**9)
        return [n for n in found if n.line_id not in matched][:limit]

    def _file_is_here(self, work: Work, division: str, day: date | None) -> bool:
        files = self._of(work).recon_files.values()
        return any(f.current and (f.division, f.day) == (division, day) for f in files)

    def _covered(self, work: Work, kinds: tuple[DifferenceKind, ...], money: Unlisted) -> bool:
        return any(
            d.kind in kinds
            and (d.pay_code, d.tra_no, d.refund_no)
            == (money.pay_code, money.tra_no, money.refund_no)
            and d.state is not DifferenceState.GONE
            for d in self._of(work).differences.values()
        )

    async def unlisted(
        self, work: Work, division: str, until: date, limit: int
    ) -> Sequence[Unlisted]:
        memory = self._of(work)
        found = []
        for a in memory.attempts.values():
            if a.state not in MONEY_ATTEMPTS or a.attempt_id in memory.matched:
                continue
            bill = memory.bills[a.bill_id]
            money = Unlisted(
                a.attempt_id,
                a.bill_id,
                bill.pay_code,
                a.tra_no,
                "",
                a.amount_fen or Fen(0),
                a.day or until,
            )
            here = self._file_is_here(work, division, a.day) and money.day <= until
            if here and not self._covered(work, PAYMENT_KINDS, money):
                found.append(money)
        return found[:limit]

    async def unlisted_refunds(
        self, work: Work, division: str, until: date, limit: int
    ) -> Sequence[Unlisted]:
        memory = self._of(work)
        found = []
        for r in memory.refunds.values():
            if r.step is not RefundStep.DONE or r.refund_id in memory.matched:
                continue
            money = Unlisted(
                r.refund_id,
                r.bill_id,
                r.pay_code,
                r.tra_no,
                r.refund_no,
                r.amount_fen,
                r.refunded_on or until + _DAY,
            )
            here = self._file_is_here(work, division, r.refunded_on) and money.day <= until
            if here and not self._covered(work, REFUND_KINDS, money):
                found.append(money)
        return found[:limit]

    async def put_difference(self, work: Work, difference: Difference) -> bool:
        differences = self._of(work).differences

        def key(d: Difference) -> tuple[object, ...]:
            return (d.division, d.day, d.kind, d.pay_code, d.tra_no, d.refund_no)

        for known in differences.values():
            if key(known) == key(difference):
                if known.state is not DifferenceState.RESOLVED:
                    differences[known.difference_id] = replace(
                        known,
                        state=DifferenceState.OPEN,
                        closed_at=None,
                        revision=difference.revision,
                        line_id=difference.line_id,
                        ours_fen=difference.ours_fen,
                        theirs_fen=difference.theirs_fen,
                        version=known.version + 1,
                    )
                return False
        differences[difference.difference_id] = difference
        return True

    async def difference(self, work: Work, difference_id: str) -> Difference | None:
        return self._of(work).differences.get(difference_id)

    async def differences(
        self,
        work: Work,
        *,
        division: str | None = None,
        day: date | None = None,
        only_open: bool = True,
        limit: int = 100,
    ) -> Sequence[Difference]:
        found = [
            d
            for d in self._of(work).differences.values()
            if division in {None, d.division} and day in {None, d.day}
        ]
        if only_open:
            found = [d for d in found if d.state is DifferenceState.OPEN]
        return found[:limit]

    async def save_difference(self, work: Work, difference: Difference) -> Difference:
        differences = self._of(work).differences
        if differences[difference.difference_id].version != difference.version:
            raise StaleVersion("changed meanwhile")
        saved = replace(difference, version=difference.version + 1)
        differences[difference.difference_id] = saved
        return saved

    async def close_gone(self, work: Work, file: StoredFile, at: datetime) -> int:
        memory = self._of(work)
        listed = {a.tra_no for a in memory.attempts.values() if a.attempt_id in memory.matched}
        returned = {r.refund_no for r in memory.refunds.values() if r.refund_id in memory.matched}
        closed = 0
        for d in list(memory.differences.values()):
            if d.state is not DifferenceState.OPEN:
                continue
            if d.kind is DifferenceKind.SHORT:
                gone = bool(d.tra_no) and d.tra_no in listed
            elif d.kind is DifferenceKind.REFUND_SHORT:
                gone = d.refund_no in returned
            else:
                found = d.line_id in memory.matched.values()
                gone = d.day == file.day and (d.revision < file.revision or found)
            if gone:
                closed += 1
                memory.differences[d.difference_id] = replace(
                    d, state=DifferenceState.GONE, closed_at=at, version=d.version + 1
                )
        return closed

    async def day_report(self, work: Work, division: str, day: date) -> DayReport:
        memory = self._of(work)
        file = await self.recon_file(work, division, day)
        lines = self._lines(work, file.file_id, 0, 10**9) if file else []

        def tally(kind: LineKind, *, found: bool) -> Tally:
            chosen = [
                n
                for n in lines
                if n.kind is kind and (not found or n.line_id in memory.matched.values())
            ]
            return Tally(len(chosen), Fen(sum(n.amount_fen for n in chosen)))

        ours = [a for a in memory.attempts.values() if a.day == day and a.state in MONEY_ATTEMPTS]
        back = [r for r in memory.refunds.values() if r.refunded_on == day]
        back = [r for r in back if r.step is RefundStep.DONE]
        kinds: dict[str, int] = {}
        for d in await self.differences(work, division=division, day=day):
            kinds[str(d.kind)] = kinds.get(str(d.kind), 0) + 1
        return DayReport(
            division=division,
            day=day,
            revision=file.revision if file else None,
            state=file.state if file else None,
            listed=tally(LineKind.PAID, found=False),
            listed_refunds=tally(LineKind.REFUNDED, found=False),
            matched=tally(LineKind.PAID, found=True),
            matched_refunds=tally(LineKind.REFUNDED, found=True),
            ours=Tally(len(ours), Fen(sum(a.amount_fen or 0 for a in ours))),
            ours_refunds=Tally(len(back), Fen(sum(r.amount_fen for r in back))),
            differences=kinds,
        )

    async def books(self, work: Work, division: str) -> Books:
        memory = self._of(work)
        money = [a for a in memory.attempts.values() if a.state in MONEY_ATTEMPTS]
        back = [r for r in memory.refunds.values() if r.step is RefundStep.DONE]
        came = sum(a.amount_fen or 0 for a in money if a.attempt_id not in memory.matched)
        unlisted = came - sum(r.amount_fen for r in back if r.refund_id not in memory.matched)
        booked = unfound = 0
        for number, line in memory.lines.items():
            if memory.recon_files[memory.line_file[number]].current:
                amount = line.amount_fen if line.kind is LineKind.PAID else -line.amount_fen
                booked += amount
                unfound += amount * (number not in memory.matched.values())
        return Books(
            Fen(sum(a.amount_fen or 0 for a in money)),
            Fen(sum(r.amount_fen for r in back)),
            Fen(booked),
            Fen(unlisted),
            Fen(unfound),
        )

    async def violations(self, work: Work, limit: int = 100) -> Sequence[Violation]:
        return []
