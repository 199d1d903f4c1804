"""Where reconciliation keeps things; every method runs inside the unit of work it is given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from kernel.work import Work
from payments.reconciliation.model import (
    Books,
    DayReport,
    Difference,
    ReconLine,
    StoredFile,
    Unlisted,
    Violation,
)


class ReconRepository(Protocol):
    """Keeps files, lines and differences, and compares them with what is booked."""

    async def recon_file(
        self, work: Work, division: str, day: date, revision: int | None = None
    ) -> StoredFile | None:
        """Return a revision of a day's file, the current one when none is named."""
        ...

    async def add_recon_file(self, work: Work, file: StoredFile) -> StoredFile:
        """Store a revision once and return it with its key."""
        ...

    async def add_recon_lines(self, work: Work, file_id: int, lines: Sequence[ReconLine]) -> None:
        """Store lines that are not here yet. Raises AlreadyExists."""
        ...

    async def recon_line_count(self, work: Work, file_id: int) -> int:
        """Return how many lines of a file are stored; they come in order."""
        ...

    async def make_current(self, work: Work, file: StoredFile) -> StoredFile:
        """Make a revision the one that counts; what matched the former one is free again."""
        ...

    async def finish_recon_file(self, work: Work, file: StoredFile) -> bool:
        """Mark a file as compared; False when it was before."""
        ...

    async def match_lines(self, work: Work, file: StoredFile, after: int, upto: int) -> None:
        """Tie lines whose key lies above ``after`` up to ``upto`` to the same money of ours."""
        ...

    async def mark_reconciled(
        self, work: Work, file: StoredFile, after: int, upto: int, at: datetime, actor: str
    ) -> int:
        """Move bills whose payment a line of this range matched to MATCHED; return how many."""
        ...

    async def line_keys(self, work: Work, file_id: int, page: int) -> Sequence[int]:
        """Return the keys of every ``page``-th line and of the last one, in order."""
        ...

    async def new_lines(
        self, work: Work, file_id: int, after: int, limit: int
    ) -> Sequence[ReconLine]:
        """Return lines that no money of ours matched yet, in order."""
        ...

    async def unlisted(
        self, work: Work, division: str, until: date, limit: int
    ) -> Sequence[Unlisted]:
        """Return payments up to a day that no file lists and no open or solved difference covers.

        Only days of which a file is here count.
        """
        ...

    async def unlisted_refunds(
        self, work: Work, division: str, until: date, limit: int
    ) -> Sequence[Unlisted]:
        """Return the same for refunds that are done."""
        ...

    async def put_difference(self, work: Work, difference: Difference) -> bool:
        """Store a difference once per day, kind and transaction; False when it was there.

        One that is open takes the new revision and amounts; one that had gone is open again; one
        that people resolved stays so.
        """
        ...

    async def difference(self, work: Work, difference_id: str) -> Difference | None:
        """Return a difference, locked in a unit that writes."""
        ...

    async def differences(
        self,
        work: Work,
        *,
        division: str | None = None,
        day: date | None = None,
        only_open: bool = True,
        limit: int = 100,
    ) -> Sequence[Difference]:
        """Return differences, the oldest first."""
        ...

    async def save_difference(self, work: Work, difference: Difference) -> Difference:
        """Store a changed difference; raises StaleVersion."""
        ...

    async def close_gone(self, work: Work, file: StoredFile, at: datetime) -> int:
        """Close open differences of the file's day that it did not repeat, or that now match."""
        ...

    async def day_report(self, work: Work, division: str, day: date) -> DayReport:
        """Return the figures of a day."""
        ...

    async def books(self, work: Work, division: str) -> Books:
        """Return everything of a division summed up."""
        ...

    async def violations(self, work: Work, limit: int = 100) -> Sequence[Violation]:
        """Return what breaks an invariant of money; empty in a sound system."""
        ...
