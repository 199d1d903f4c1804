"""All SQL of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from gateway.catalog.codec import from_json, to_json
from gateway.catalog.model import Item
from gateway.catalog.tables import items
from kernel.db.base import upsert
from kernel.db.work import connection
from kernel.work import Work


class SqlItemRepository:
    """Items as rows: searchable columns beside one JSON document."""

    async def get(self, work: Work, code: str) -> Item | None:
        row = (
            await connection(work).execute(select(items.c.document).where(items.c.code == code))
        ).first()
        return None if row is None else from_json(row.document)

    async def page(
        self,
        work: Work,
        *,
        regions: Sequence[str] | None,
        contains: str,
        after: str,
        limit: int,
    ) -> Sequence[Item]:
        query = (
            select(items.c.document).where(items.c.code > after).order_by(items.c.code).limit(limit)
        )
        if regions is not None:
            query = query.where(items.c.region.in_(regions))
        if contains:
            query = query.where(items.c.name.contains(contains, autoescape=True))
        rows = await connection(work).execute(query)
        return [from_json(row.document) for row in rows]

    async def put(self, work: Work, item: Item, at: datetime) -> None:
        conn = connection(work)
        values = {
            "version": item.version,
            "name": item.name,
            "region": item.region,
            "department": item.department.uscc,
            "document": to_json(item),
            "updated_at": at,
        }
        row = upsert(conn, items).values(code=item.code, **values)
        row = row.on_conflict_do_update(
            index_elements=["code"], set_=values, where=items.c.version <= item.version
        )
        await conn.execute(row)
