"""The audit trail on both databases: guards, sealing among writers, checkpoints, tampering."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from kernel import audit as chain_bytes
from kernel.audit import AuditBroken, AuditEvent, Category, Result
from kernel.crypto import sm2
from kernel.db import audit as trail
from kernel.db.audit import AuditSealer, SqlAuditTrail, TrailCheck
from kernel.db.tables import audit, audit_checkpoints
from kernel.db.work import connection

KEY = sm2.PrivateKey.from_scalar(bytes(31) + b"\x07")
TRIGGERS = (
    ("kernel_audit_seal_only", "kernel_audit"),
    ("kernel_audit_no_delete", "kernel_audit"),
)


def event(number: int = 1, **changes: Any) -> AuditEvent:
    values = {"action": "case.read", "category": Category.SENSITIVE, "actor": f"staff:{number}"}
    return AuditEvent(**values | changes)


@pytest.fixture
def sealer(works) -> AuditSealer:
    return AuditSealer(works, KEY, "test")


async def write(works, *events: AuditEvent):
    for one in events or (event(),):
        async with works.begin() as work:
            await SqlAuditTrail().record(work, one)


async def checked(works, *keys: sm2.PublicKey) -> TrailCheck:
    found = TrailCheck(keys or (KEY.public,))
    async for item in trail.sealed(works):
        found.feed(item)
    return found


async def run(works, statement):
    async with works.begin() as work:
        await connection(work).execute(text(statement) if isinstance(statement, str) else statement)


async def unguarded(works, statement):
    """Do what an owner of the database can: take the guards away first."""
    async with works.begin() as work:
        for name, table in TRIGGERS:
            on = "" if works.database.dialect == "sqlite" else f" ON {table}"
            await connection(work).execute(text(f"DROP TRIGGER {name}{on}"))
    await run(works, statement)


async def test_written_sealed_signed_and_verified(works, sealer):
    await write(works, event(1), event(2), event(3, result=Result.DENIED, reason="forbidden"))
    assert await sealer.oldest_unsealed() == works.clock.now()
    assert (await sealer.seal(2), await sealer.seal(2), await sealer.seal()) == (2, 1, 0)
    made = await sealer.checkpoint()
    assert made is not None
    stated = json.loads(made.document)
    assert (stated["origin"], stated["first_seq"], stated["seal_seq"]) == ("test", 1, 3)
    assert await sealer.checkpoint() is None
    await write(works)
    await sealer.seal()
    await sealer.checkpoint()
    found = await checked(works)
    assert (found.rows, found.checkpoints, found.signed) == (4, 2, 4)
    with pytest.raises(AuditBroken, match="not_signed"):
        await checked(works, sm2.generate().public)


async def test_a_note_goes_with_the_act_or_not_at_all(works):
    async def fail() -> None:
        async with works.begin() as work:
            await SqlAuditTrail().record(work, event())
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with works.read() as work:
        assert await trail.search(work) == []
        with pytest.raises(RuntimeError, match="that writes"):
            await SqlAuditTrail().record(work, event())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE kernel_audit SET body = '{}'",
        "UPDATE kernel_audit SET actor = 'staff:9' WHERE seal_seq IS NULL",
        "UPDATE kernel_audit SET seal_seq = 9, chain = 'x' WHERE seal_seq IS NOT NULL",
        "UPDATE kernel_audit SET seal_seq = NULL, chain = NULL",
        "DELETE FROM kernel_audit",
        "DELETE FROM kernel_audit WHERE seal_seq IS NULL",
        "UPDATE kernel_audit_checkpoint SET signature = 'x'",
        "DELETE FROM kernel_audit_checkpoint",
    ],
)
async def test_the_database_refuses_to_change_what_is_written(works, sealer, statement):
    await write(works)
    await sealer.seal()
    await sealer.checkpoint()
    await write(works)
    with pytest.raises(DBAPIError, match="append-only"):
        await run(works, statement)


async def test_postgresql_refuses_to_empty_the_table(works):
    if works.database.dialect != "postgresql":
        return
    with pytest.raises(DBAPIError, match="append-only"):
        await run(works, "TRUNCATE kernel_audit")


@pytest.mark.parametrize(
    ("statement", "seq", "reason"),
    [
        ("UPDATE kernel_audit SET body = replace(body, 'staff:2', 'staff:9')", 2, "body_changed"),
        ("UPDATE kernel_audit SET actor = 'staff:9' WHERE seal_seq = 3", 3, "columns_changed"),
        ("DELETE FROM kernel_audit WHERE seal_seq = 2", 2, "row_missing"),
        ("DELETE FROM kernel_audit WHERE seal_seq > 1", 2, "row_missing"),
    ],
)
async def test_what_an_owner_changes_is_found(works, sealer, statement, seq, reason):
    await write(works, *(event(number) for number in range(1, 5)))
    await sealer.seal()
    await sealer.checkpoint()
    await unguarded(works, statement)
    with pytest.raises(AuditBroken) as caught:
        await checked(works)
    assert (caught.value.extras["seq"], caught.value.extras["reason"]) == (seq, reason)


async def test_a_rebuilt_chain_does_not_match_its_checkpoint(works, sealer):
    await write(works, event(1), event(2))
    await sealer.seal()
    await sealer.checkpoint()
    body = chain_bytes.body_of(event(9), "aud_x", works.clock.now())
    leaf = chain_bytes.leaf_of(body)
    chain = chain_bytes.link(chain_bytes.ZERO, 1, leaf)
    forged = {"body": body, "leaf": leaf.hex(), "chain": chain.hex(), "actor": "staff:9"}
    await unguarded(works, audit.update().where(audit.c.seal_seq == 1).values(**forged))
    async with works.read() as work:
        rows = select(audit.c.leaf).where(audit.c.seal_seq == 2)
        second = (await connection(work).execute(rows)).scalar_one()
    relinked = chain_bytes.link(chain, 2, bytes.fromhex(second)).hex()
    await run(works, audit.update().where(audit.c.seal_seq == 2).values(chain=relinked))
    with pytest.raises(AuditBroken, match="checkpoint_differs"):
        await checked(works)


async def test_racing_writers_and_sealers_leave_one_whole_chain(works):
    sealers = [AuditSealer(works, KEY, "test") for _ in range(2)]
    done = asyncio.Event()

    async def seal(one: AuditSealer) -> None:
        while not done.is_set():
            await one.seal(7)

    async def writer(number: int) -> None:
        await write(works, *(event(number) for _ in range(15)))

    sealing = [asyncio.create_task(seal(one)) for one in sealers]
    await asyncio.gather(*(writer(number) for number in range(4)))
    done.set()
    await asyncio.gather(*sealing)
    while await sealers[0].seal():
        pass
    await sealers[1].checkpoint()
    found = await checked(works)
    assert (found.rows, found.signed) == (60, 60)


async def test_searching(works):
    await write(works, event(1, reference="c1"), event(2, action="staff.login"), event(1))
    async with works.read() as work:
        by = [
            [json.loads(row.body)["actor"] for row in await trail.search(work, **wanted)]
            for wanted in (
                {"actor": "staff:1"},
                {"reference": "c1"},
                {"action": "staff.login"},
                {"after": 1, "limit": 1},
                {"category": "A"},
            )
        ]
        assert by == [["staff:1"] * 2, ["staff:1"], ["staff:2"], ["staff:2"], []]
        assert (await connection(work).execute(select(audit_checkpoints))).all() == []
