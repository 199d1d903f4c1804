"""What a client sees of cases (接入应用可见办件)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.cases.errors import CaseNotFound
from gateway.cases.model import CaseLine, StaffScope
from identity import Client, ClientKind
from kernel.db.events import References
from kernel.paging import Page, decode_cursor, page_of
from kernel.work import Work, WorkSource


class ClientCaseRows(Protocol):
    """The rows of cases that are a client's business."""

    def references(self, client: Client) -> References:
        """Return how to find the cases that a client may see."""
        ...

    async def lines(
        self, work: Work, client: Client, before: str, limit: int
    ) -> Sequence[CaseLine]:
        """Return the newest ones, those before ``before`` if it is given."""
        ...

    async def line(self, work: Work, client: Client, case_id: str) -> CaseLine | None:
        """Return one of them."""
        ...


class ClientCases:
    """The cases of programs, as their rights and regions allow."""

    def __init__(self, rows: ClientCaseRows, works: WorkSource) -> None:
        self._rows = rows
        self._works = works

    def references(self, client: Client) -> References:
        """Return what events may be about to be shown to a client."""
        return self._rows.references(client)

    async def page(self, client: Client, cursor: str | None, limit: int) -> Page[CaseLine]:
        """Return a page of a client's cases, newest first."""
        before = str(decode_cursor(cursor, (str,))[0]) if cursor else ""
        async with self._works.read() as work:
            rows = await self._rows.lines(work, client, before, limit + 1)
        return page_of(rows, limit, lambda line: (line.case_id,))

    async def get(self, client: Client, case_id: str) -> CaseLine:
        """Return one of a client's cases. Raises CaseNotFound for any other."""
        async with self._works.read() as work:
            line = await self._rows.line(work, client, case_id)
        if line is None:
            raise CaseNotFound
        return line

    async def review_scope(self, client: Client, case_id: str) -> StaffScope:
        """Return in what scope a department's system acts on a case. Raises CaseNotFound when the
        case was not sent to its department, within its regions.
        """
        line = await self.get(client, case_id)
        if client.kind is not ClientKind.DEPT_SYSTEM or not client.org_uscc:
            raise CaseNotFound
        actor = f"client:{client.client_id}"
        return StaffScope(actor=actor, region=line.region, department=client.org_uscc)
