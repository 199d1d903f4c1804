"""All SQL of the ledger of materials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Integer, cast, func, insert, select, update

from gateway.cases.material_ledger import LedgerCount, LedgerRow
from gateway.cases.model import StaffScope
from gateway.cases.tables import material_ledger
from kernel import divisions
from kernel.db.work import connection
from kernel.work import Work


class SqlMaterialLedger:
    """The ledger as rows (``material_ledger.LedgerRows``)."""

    async def add(self, work: Work, rows: Sequence[LedgerRow]) -> None:
        """Store the rows of one case."""
        if rows:
            await connection(work).execute(insert(material_ledger), [asdict(row) for row in rows])

    async def change(self, work: Work, case_id: str, code: str, supplied_by: str) -> None:
        """Write by what a material of a case is supplied now."""
        table = material_ledger
        await connection(work).execute(
            update(table)
            .where(table.c.case_id == case_id, table.c.code == code)
            .values(supplied_by=supplied_by)
        )

    async def counts(self, work: Work, scope: StaffScope, necessity: str) -> Sequence[LedgerCount]:
        """Return the counts of a scope's items by the way in which materials were supplied."""
        table = material_ledger
        regions = [
            d.code6 for d in divisions.divisions() if divisions.within(d.code6, scope.region)
        ]
        found = func.sum(cast(table.c.licence_found, Integer))
        query = select(table.c.item_code, table.c.supplied_by, func.count(), found)
        query = query.where(table.c.necessity == necessity, table.c.region.in_(regions))
        if scope.department:
            query = query.where(table.c.department == scope.department)
        query = query.group_by(table.c.item_code, table.c.supplied_by)
        query = query.order_by(table.c.item_code, table.c.supplied_by)
        rows = await connection(work).execute(query)
        return [LedgerCount(code, by, int(count), int(hits)) for code, by, count, hits in rows]
