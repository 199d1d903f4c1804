"""The log of seal use (用章日志), for audit."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

import e_seal
from gateway.api.callers import Services, staff
from gateway.api.v1.items import Cursor, Limit
from gateway.api.v1.shapes import Named, PageView, shown
from identity import StaffRole
from kernel.paging import DEFAULT_PAGE

router = APIRouter(prefix="/v1/staff", tags=["staff 工作台"])

AUDITORS: Final = [Depends(staff(StaffRole.AUDITOR))]


class FirstUseView(BaseModel):
    """A request that a re-issued seal made void."""

    request_id: str
    digest: str
    signed: bool


class SealActView(BaseModel):
    """One use of a seal: who, with whose leave, for which digest, and what came of it."""

    act_id: str
    request_id: str
    reference: str = Field(description="Case id")
    item_code: str
    document_id: str
    document_version: int
    name: str
    kind: str = Field(description="seal, or lock")
    media_type: str
    seal_code: str
    digest: str | None = Field(description="SM3 that was sent, hexadecimal")
    signer: str
    approver: str
    grant_id: str
    state: str
    status: str
    status_label: Named
    failure: str | None
    failure_detail: str
    created_at: str | None
    signing_at: str | None
    signed_at: str | None
    first_use: FirstUseView | None

    @classmethod
    def of(cls, act: e_seal.SealAct) -> SealActView:
        status = e_seal.PUBLIC[act.state]
        label = e_seal.LABELS[status]
        first = act.first_use
        return cls(
            act_id=act.act_id,
            request_id=act.request_id,
            reference=act.reference,
            item_code=act.item_code,
            document_id=act.document_id,
            document_version=act.document_version,
            name=act.name,
            kind=act.kind,
            media_type=act.media_type,
            seal_code=act.seal_code,
            digest=None if act.digest is None else act.digest.hex(),
            signer=act.signer.uid,
            approver=act.authorisation.approver,
            grant_id=act.authorisation.grant_id,
            state=act.state,
            status=status,
            status_label=Named(zh=label.zh, en=label.en),
            failure=act.failure,
            failure_detail=act.failure_detail,
            created_at=shown(act.created_at),
            signing_at=shown(act.signing_at),
            signed_at=shown(act.signed_at),
            first_use=(
                None
                if first is None
                else FirstUseView(
                    request_id=first.request_id, digest=first.digest.hex(), signed=first.is_signed
                )
            ),
        )


@router.get("/seal-acts", dependencies=AUDITORS)
async def seal_acts(
    services: Services,
    reference: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_PAGE,
) -> PageView[SealActView]:
    """Read the log of seal use, the newest first; ``reference`` is a case."""
    page = await services.seals.log(reference, cursor, limit)
    return PageView(rows=[SealActView.of(act) for act in page.rows], next=page.next_cursor)
