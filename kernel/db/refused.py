"""Keeps messages from outside that were refused, as they came, with the reason (拒收留痕)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from kernel.db.base import upsert
from kernel.db.tables import inbox
from kernel.db.work import connection, sql_work
from kernel.work import Work

KIND: Final = "refused"
_MOST_BYTES: Final = 4096
"""How much of a refused message is kept: enough to see what it was."""
_MOST_REASON: Final = 64


@dataclass(frozen=True)
class Refused:
    """One refused message; a repeat of it is the same one."""

    source: str
    reason: str
    size: int
    """Its whole length in bytes, of which at most 4096 are kept."""
    sha256: str
    received_at: datetime


async def add(work: Work, *, source: str, body: bytes, reason: str) -> None:
    """Store a refused message, once however often it is repeated; nobody interprets it."""
    conn = connection(work)
    now = sql_work(work).works.clock.now()
    digest = hashlib.sha256(body).hexdigest()
    row = upsert(conn, inbox).values(
        source=source,
        # Apart from accepted ones: what is refused now may be right tomorrow, with another key.
        message_id=f"{KIND}:{digest}",
        kind=KIND,
        body=body[:_MOST_BYTES],
        headers={"size": str(len(body))},
        received_at=now,
        handled_at=now,
        outcome=reason[:_MOST_REASON],
    )
    await conn.execute(row.on_conflict_do_nothing(index_elements=["source", "message_id"]))


async def latest(work: Work, limit: int) -> Sequence[Refused]:
    """Return the newest refused messages."""
    statement = (
        select(inbox.c.source, inbox.c.outcome, inbox.c.headers, inbox.c.message_id)
        .add_columns(inbox.c.received_at)
        .where(inbox.c.kind == KIND)
        .order_by(inbox.c.id.desc())
        .limit(limit)
    )
    return [
        Refused(
            source=row.source,
            reason=row.outcome or "",
            size=int(row.headers.get("size", "0")),
            sha256=row.message_id.removeprefix(f"{KIND}:"),
            received_at=row.received_at,
        )
        for row in await connection(work).execute(statement)
    ]
