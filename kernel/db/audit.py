"""Writes, seals, reads and checks the audit trail (审计留痕) on both databases."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, select, text, update

from kernel.audit import (
    ZERO,
    AuditBroken,
    AuditEvent,
    ChainCheck,
    Checkpoint,
    Link,
    body_of,
    canonical,
    instant,
    leaf_of,
    link,
    merkle_root,
)
from kernel.crypto import sm2, sm3
from kernel.crypto.sm2 import PrivateKey, PublicKey
from kernel.db.engine import is_postgresql
from kernel.db.tables import audit, audit_checkpoints
from kernel.db.work import SqlWorks, connection, sql_work
from kernel.work import Json, Work

_SEAL_LOCK: Final = 0x61756469  # "audi"
_SEAL_AT_ONCE: Final = 500
_READ_AT_ONCE: Final = 1000
_KEY_ID: Final = 16
_INSERT: Final = insert(audit).inline()
_SEAL: Final = (
    update(audit)
    .where(audit.c.id == bindparam("row"))
    .values(seal_seq=bindparam("seq"), chain=bindparam("link"))
)


class SqlAuditTrail:
    """Notes acts in the transaction in which they happen (``kernel.audit.AuditTrail``)."""

    async def record(self, work: Work, event: AuditEvent) -> None:
        """Write one event. Raises RuntimeError in a unit of work that only reads."""
        unit = sql_work(work)
        if not unit.writes:
            msg = "an audit event needs a unit of work that writes"
            raise RuntimeError(msg)
        at = unit.works.clock.now()
        body = body_of(event, unit.works.ids.new("aud"), at)
        row = {
            "body": body,
            "leaf": leaf_of(body).hex(),
            "at": at,
            "action": event.action,
            "category": event.category.value,
            "actor": event.actor,
            "result": event.result.value,
            "reference": event.reference,
        }
        await unit.connection.execute(_INSERT, row)


@dataclass(frozen=True)
class AuditRow:
    """One event as an auditor reads it."""

    id: int
    seal_seq: int | None
    body: str
    leaf: str
    chain: str | None


class AuditSealer:
    """Gives committed rows their place in the chain, and signs where the chain stands.

    A row's id is drawn when it is written, not when it is committed: sealing follows what is
    unsealed, never "ids after the last one". ``origin`` names this installation.
    """

    def __init__(self, works: SqlWorks, key: PrivateKey, origin: str) -> None:
        self._works = works
        self._key = key
        self._origin = origin

    @property
    def public_key(self) -> PublicKey:
        """Return the key with which checkpoints are checked."""
        return self._key.public

    async def oldest_unsealed(self) -> datetime | None:
        """Return when the oldest row was written that has no place yet."""
        oldest = select(func.min(audit.c.at)).where(audit.c.seal_seq.is_(None))
        async with self._works.read() as work:
            found: datetime | None = (await connection(work).execute(oldest)).scalar_one()
        return found

    async def seal(self, limit: int = _SEAL_AT_ONCE) -> int:
        """Seal up to ``limit`` committed rows; return how many."""
        async with self._works.begin() as work:
            await _one_at_a_time(work)
            seq, chain = await _end_of_chain(work)
            waiting = (
                select(audit.c.id, audit.c.leaf)
                .where(audit.c.seal_seq.is_(None))
                .order_by(audit.c.id)
                .limit(limit)
            )
            sealed = []
            for row in await connection(work).execute(waiting):
                seq += 1
                chain = link(chain, seq, bytes.fromhex(row.leaf))
                sealed.append({"row": row.id, "seq": seq, "link": chain.hex()})
            if sealed:
                await connection(work).execute(_SEAL, sealed)
        return len(sealed)

    async def checkpoint(self) -> Checkpoint | None:
        """Sign where the chain stands; None when nothing was sealed since the last time."""
        async with self._works.begin() as work:
            await _one_at_a_time(work)
            seq, chain = await _end_of_chain(work)
            conn = connection(work)
            before = (await conn.execute(select(func.max(audit_checkpoints.c.seal_seq)))).scalar()
            first = (before or 0) + 1
            if seq < first:
                return None
            rows = select(audit.c.leaf).where(audit.c.seal_seq >= first).order_by(audit.c.seal_seq)
            leaves = [bytes.fromhex(leaf) for leaf in (await conn.execute(rows)).scalars()]
            document = canonical(
                {
                    "origin": self._origin,
                    "first_seq": first,
                    "seal_seq": seq,
                    "chain": chain.hex(),
                    "merkle_root": merkle_root(leaves).hex(),
                    "ts": instant(self._works.clock.now()),
                }
            )
            signature = sm2.sign(self._key, document.encode()).hex()
            made = Checkpoint(document, signature, key_id(self._key.public))
            await conn.execute(insert(audit_checkpoints).values(seal_seq=seq, **vars(made)))
        return made


def key_id(key: PublicKey) -> str:
    """Return the short name of a signing key: the beginning of its SM3 digest."""
    return sm3.digest(key.point).hex()[:_KEY_ID]


async def _one_at_a_time(work: Work) -> None:
    # A statement of its own: the next one must see what the sealer before us committed.
    if is_postgresql(connection(work)):
        await connection(work).execute(
            text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SEAL_LOCK}
        )


async def _end_of_chain(work: Work) -> tuple[int, bytes]:
    last = (
        select(audit.c.seal_seq, audit.c.chain)
        .where(audit.c.seal_seq.is_not(None))
        .order_by(audit.c.seal_seq.desc())
        .limit(1)
    )
    row = (await connection(work).execute(last)).first()
    return (0, ZERO) if row is None else (row.seal_seq, bytes.fromhex(row.chain))


async def search(
    work: Work,
    *,
    after: int = 0,
    limit: int = 100,
    actor: str | None = None,
    action: str | None = None,
    category: str | None = None,
    reference: str | None = None,
) -> Sequence[AuditRow]:
    """Return rows behind the id ``after``, in the order in which they were written."""
    wanted = {"actor": actor, "action": action, "category": category, "reference": reference}
    statement = select(
        audit.c.id, audit.c.seal_seq, audit.c.body, audit.c.leaf, audit.c.chain
    ).where(audit.c.id > after)
    for column, value in wanted.items():
        if value is not None:
            statement = statement.where(audit.c[column] == value)
    rows = await connection(work).execute(statement.order_by(audit.c.id).limit(limit))
    return [AuditRow(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


async def sealed(works: SqlWorks) -> AsyncIterator[Link | Checkpoint]:
    """Yield the whole chain in its order, each checkpoint right behind the row that it signs.

    Raises AuditBroken when a column that is searched by differs from the body.
    """
    after = 0
    columns = (audit, audit_checkpoints.c.document, audit_checkpoints.c.signature)
    while True:
        page = (
            select(*columns, audit_checkpoints.c.key_id)
            .outerjoin(audit_checkpoints, audit_checkpoints.c.seal_seq == audit.c.seal_seq)
            .where(audit.c.seal_seq > after)
            .order_by(audit.c.seal_seq)
            .limit(_READ_AT_ONCE)
        )
        async with works.read() as work:
            rows = (await connection(work).execute(page)).all()
        for row in rows:
            yield Link(row.seal_seq, row.body, row.leaf, row.chain)
            _require_columns(row)
            if row.document is not None:
                yield Checkpoint(row.document, row.signature, row.key_id)
            after = row.seal_seq
        if not rows:
            break
    async with works.read() as work:
        last = select(func.max(audit_checkpoints.c.seal_seq))
        signed = (await connection(work).execute(last)).scalar() or 0
    if signed > after:
        raise AuditBroken(after + 1, "row_missing")


def _require_columns(row: Any) -> None:
    said: dict[str, Json] = json.loads(row.body)
    for name in ("action", "category", "actor", "result", "reference"):
        if said.get(name, "") != getattr(row, name):
            raise AuditBroken(row.seal_seq, "columns_changed")
    if said.get("ts") != instant(row.at):
        raise AuditBroken(row.seal_seq, "columns_changed")


class TrailCheck:
    """Checks an exported or stored trail: every row, every checkpoint's signature and statement.

    ``trusted`` are the public keys that may have signed, by their ids.
    """

    def __init__(
        self,
        trusted: Sequence[PublicKey],
        verify: Callable[[PublicKey, bytes, bytes], bool] = sm2.verify,
    ) -> None:
        self._trusted = {key_id(key): key for key in trusted}
        self._verify = verify
        self._chain = ChainCheck()
        self.checkpoints = 0
        self.signed = 0
        """The last row under a checkpoint."""

    @property
    def rows(self) -> int:
        """Return how many rows were right so far."""
        return self._chain.seq

    def feed(self, item: Link | Checkpoint) -> None:
        """Check the next row or checkpoint. Raises AuditBroken naming the first wrong row."""
        if isinstance(item, Link):
            self._chain.feed(item)
            return
        key = self._trusted.get(item.key_id)
        try:
            signature = bytes.fromhex(item.signature)
        except ValueError:
            signature = b""
        if key is None or not self._verify(key, item.document.encode(), signature):
            raise AuditBroken(self._chain.seq, "checkpoint_not_signed")
        self._chain.compare(json.loads(item.document))
        self.checkpoints += 1
        self.signed = self._chain.seq
