"""Lets anybody who holds a document (文书) check it: by its number and the code printed on it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from gateway.api.callers import Services, address_of
from gateway.api.limiter import Limiter
from gateway.api.v1.shapes import shown
from gateway.cases.model import Checked
from kernel.clock import beijing_day

router = APIRouter(prefix="/v1/public", tags=["documents 文书"])


class CheckedView(BaseModel):
    """What a document is, without anything personal. Compare the digests with the file at hand."""

    number: str
    kind: str
    title: str
    department: str
    issued_on: str = Field(description="Day of issue in Beijing")
    sealed_at: str | None
    sha256: str
    sm3: str
    verdict: str = Field(description="Verdict of the gateway's own verification of the seal")

    @classmethod
    def of(cls, checked: Checked) -> CheckedView:
        return cls(
            number=checked.number,
            kind=checked.kind,
            title=checked.title,
            department=checked.department,
            issued_on=beijing_day(checked.issued_at).isoformat(),
            sealed_at=shown(checked.sealed_at),
            sha256=checked.sha256,
            sm3=checked.sm3,
            verdict=checked.verdict,
        )


def limited(request: Request, services: Services) -> None:
    """Count the caller's address. Raises TooManyRequests."""
    limiter = request.app.state.limiter
    if not isinstance(limiter, Limiter):
        raise TypeError("the application was made without a limiter")
    limiter.take(address_of(request), services.clock.monotonic())


@router.get("/documents/{number}", dependencies=[Depends(limited)])
async def check_document(
    services: Services,
    number: str,
    code: Annotated[str, Query(max_length=20, description="校验码 printed on the document")],
) -> CheckedView:
    """Check a document (文书核验). Unknown numbers and wrong codes are answered alike."""
    return CheckedView.of(await services.papers.check(number, code))
