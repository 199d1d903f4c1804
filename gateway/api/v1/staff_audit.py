"""The audit trail for its auditors (安全审计): reading it is noted too."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from gateway.api.callers import Services, staff
from gateway.api.noted import note
from gateway.api.v1.items import Limit
from identity import StaffMember, StaffRole
from kernel.audit import Category
from kernel.db import audit
from kernel.paging import DEFAULT_PAGE

router = APIRouter(prefix="/v1/staff", tags=["staff audit 安全审计"])

Auditor = Annotated[StaffMember, Depends(staff(StaffRole.AUDIT_ADMIN))]
Wanted = Annotated[str | None, Query(max_length=128)]


class AuditView(BaseModel):
    """One event; ``leaf`` is SM3(0x00 ‖ its canonical JSON); the chain follows when sealed."""

    id: int
    seal_seq: int | None
    event: dict[str, Any]
    leaf: str
    chain: str | None


@router.get("/audit")
async def read(
    services: Services,
    member: Auditor,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Limit = DEFAULT_PAGE,
    actor: Wanted = None,
    action: Wanted = None,
    category: Category | None = None,
    reference: Wanted = None,
) -> list[AuditView]:
    """List events behind the id ``after``, in the order in which they were written."""
    async with services.works.begin() as work:
        rows = await audit.search(
            work,
            after=after,
            limit=limit,
            actor=actor,
            action=action,
            category=None if category is None else category.value,
            reference=reference,
        )
        await note(services, work, member, "audit.read", category=Category.ADMIN)
    return [
        AuditView(
            id=row.id,
            seal_seq=row.seal_seq,
            event=json.loads(row.body),
            leaf=row.leaf,
            chain=row.chain,
        )
        for row in rows
    ]
