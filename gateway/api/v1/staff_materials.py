"""Materials at the desk: papers asked for after all, and how many nobody had to bring."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.api.callers import AnyStaff, Services, scope, staff
from gateway.api.once import Answer, once
from gateway.api.problems import WrongContentType
from gateway.api.v1.materials import FILE_BODY, MAX_FILE
from gateway.api.v1.views import MaterialView
from gateway.cases.material_ledger import TARGET_BP, Reduction
from gateway.cases.materials import MEDIA_TYPES
from identity import StaffMember, StaffRole

router = APIRouter(prefix="/v1/staff", tags=["staff 工作台"])

_TAKERS: Final = (StaffRole.CLERK, StaffRole.DEPARTMENT)
Taker = Annotated[StaffMember, Depends(staff(*_TAKERS))]


@router.put(
    "/cases/{case_id}/materials/{code}",
    response_model=MaterialView,
    max_body_size=MAX_FILE,
    openapi_extra=FILE_BODY,
)
async def take_paper(
    request: Request, services: Services, member: Taker, case_id: str, code: str
) -> Response:
    """Store the scan of a paper in place of a licence that lapsed or of a promise."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES:
        raise WrongContentType("this route takes files", accepted=list(MEDIA_TYPES))
    content = await request.body()

    async def act() -> Answer:
        brought = await services.materials.paper(case_id, scope(member), code, media_type, content)
        return Answer(MaterialView.of(brought))

    return await once(request, services, f"staff:{member.id}", act)


class ReductionView(BaseModel):
    """One item; counts are of required materials of submitted cases."""

    item_code: str
    required: int
    supplied: dict[str, int] = Field(description="LICENCE, COMMITMENT, DEFERRED, ASKED, …")
    asked: int
    asked_though_found: int = Field(description="A file was asked for although a licence was found")
    reduction_bp: int = Field(description="What nobody had to bring, in 1/100 of a per cent")
    target_met: bool

    @classmethod
    def of(cls, row: Reduction) -> ReductionView:
        return cls(
            item_code=row.item_code,
            required=row.required,
            supplied=dict(row.supplied),
            asked=row.asked,
            asked_though_found=row.asked_though_found,
            reduction_bp=row.reduction_bp,
            target_met=row.reduction_bp >= TARGET_BP,
        )


class ReductionReport(BaseModel):
    """减材料 of a region or department."""

    target_bp: int
    rows: list[ReductionView]


@router.get("/reports/materials")
async def material_report(services: Services, member: AnyStaff) -> ReductionReport:
    """Count, per item, how many required materials nobody had to bring, against 60 per cent."""
    rows = await services.material_ledger.report(scope(member))
    return ReductionReport(target_bp=TARGET_BP, rows=[ReductionView.of(row) for row in rows])
