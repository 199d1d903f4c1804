"""The report of materials equals a recount of the rows by hand."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import insert

from gateway.cases.ledger_repository import SqlMaterialLedger
from gateway.cases.material_ledger import ASKED, LedgerRow, MaterialLedger
from gateway.cases.model import StaffScope
from gateway.cases.tables import cases
from kernel.db.work import connection

NOBODY: Any = None
WAYS = ["LICENCE", "COMMITMENT", "DEFERRED", "ABSENT", ASKED]


def rows_of(seed: int) -> list[LedgerRow]:
    chance = random.Random(seed)
    return [
        LedgerRow(
            case_id=f"case_{seed}_{number}",
            code=f"M{code:02}",
            item_code=f"item-{chance.randint(1, 3)}",
            region=chance.choice(["370102", "370202"]),
            department=f"department-{seed}",
            necessity=chance.choice(["REQUIRED", "REQUIRED", "OPTIONAL"]),
            supplied_by=chance.choice(WAYS),
            licence_found=chance.random() < 0.5,
        )
        for number in range(chance.randint(0, 6))
        for code in range(chance.randint(1, 4))
    ]


@pytest.mark.parametrize("region", ["370000", "370102"])
async def test_the_report_equals_a_recount(works, frozen_clock, region):
    repository = SqlMaterialLedger()
    ledger = MaterialLedger(repository, NOBODY, works)
    for seed in range(20):
        rows = rows_of(seed)
        async with works.begin() as work:
            for case_id in {row.case_id for row in rows}:
                await connection(work).execute(insert(cases).values(**blank(case_id, frozen_clock)))
            await repository.add(work, rows)
        counted = [
            row for row in rows if row.necessity == "REQUIRED" and region in {"370000", row.region}
        ]
        found = await ledger.report(StaffScope("staff:1", region, f"department-{seed}"))
        assert {one.item_code for one in found} == {row.item_code for row in counted}
        for one in found:
            mine = [row for row in counted if row.item_code == one.item_code]
            asked = [row for row in mine if row.supplied_by == ASKED]
            assert dict(one.supplied) == Counter(row.supplied_by for row in mine)
            assert (one.required, one.asked) == (len(mine), len(asked))
            assert one.asked_though_found == sum(row.licence_found for row in asked)
            assert one.reduction_bp == (len(mine) - len(asked)) * 10_000 // len(mine)


def blank(case_id: str, clock: Any) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "item_code": "i",
        "item_version": 1,
        "item_name": "n",
        "region": "370102",
        "department": "d",
        "state": "SUBMITTED",
        "version": 1,
        "owner": "o",
        "client_id": "c",
        "channel": "APP",
        "content": b"",
        "created_at": clock.now(),
    }
