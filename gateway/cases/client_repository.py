"""Which cases are a client's business (接入应用可见范围), and the SQL that reads them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from sqlalchemy import ColumnElement, and_, false, select

from gateway.cases.model import CaseLine, CaseState
from gateway.cases.repository import LINE, line_of
from gateway.cases.tables import cases
from identity import Client, ClientKind
from kernel import divisions
from kernel.db.events import References
from kernel.db.work import connection
from kernel.work import Work

_UNSENT: Final = (CaseState.DRAFT, CaseState.DISCARDED)


class SqlClientCases:
    """The cases of clients on PostgreSQL and SQLite (``client_cases.ClientCaseRows``)."""

    def references(self, client: Client) -> References:
        return select(cases.c.case_id).where(visible_to(client))

    async def lines(
        self, work: Work, client: Client, before: str, limit: int
    ) -> Sequence[CaseLine]:
        query = select(*LINE).where(visible_to(client)).order_by(cases.c.case_id.desc())
        if before:
            query = query.where(cases.c.case_id < before)
        return [line_of(row) for row in await connection(work).execute(query.limit(limit))]

    async def line(self, work: Work, client: Client, case_id: str) -> CaseLine | None:
        query = select(*LINE).where(visible_to(client), cases.c.case_id == case_id)
        row = (await connection(work).execute(query)).first()
        return None if row is None else line_of(row)


def visible_to(client: Client) -> ColumnElement[bool]:
    """Return the condition: what it declared itself, or what was sent to its department."""
    if client.kind is ClientKind.DEPT_SYSTEM:
        mine = and_(cases.c.department == (client.org_uscc or ""), cases.c.state.not_in(_UNSENT))
    elif client.kind is ClientKind.OPS:
        return false()
    else:
        mine = cases.c.client_id == client.client_id
    if not client.region_codes:
        return mine
    return and_(mine, cases.c.region.in_(_below(client.region_codes)))


@lru_cache(maxsize=256)
def _below(region_codes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        division.code6
        for division in divisions.divisions()
        if any(divisions.within(division.code6, code) for code in region_codes)
    )
