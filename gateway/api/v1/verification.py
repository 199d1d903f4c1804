"""Verifies any sealed document that a signed-in caller sends (验章); nothing is stored."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from e_seal import (
    FINDINGS,
    NOT_CHECKED,
    VERDICTS,
    Finding,
    Report,
    Severity,
    SignatureReport,
    Verdict,
)
from gateway.api.callers import Services, bearer, citizen, staff
from gateway.api.v1.shapes import shown
from gateway.api.v1.uploads import FILE_BODY, MAX_DOCUMENT, uploaded
from identity import BUSINESS_ROLES, STAFF_PREFIX
from kernel.errors import Text

router = APIRouter(prefix="/v1", tags=["documents 文书"])

_any_staff = staff(*BUSINESS_ROLES)


async def anybody(request: Request, services: Services) -> None:
    """Let applicants and staff pass. Raises Unauthenticated."""
    if bearer(request).startswith(STAFF_PREFIX):
        await _any_staff(request, services)
    else:
        await citizen(request, services)


class TextView(BaseModel):
    """One sentence in Chinese and in English."""

    zh: str
    en: str

    @classmethod
    def of(cls, text: Text) -> TextView:
        return cls(zh=text.zh, en=text.en)


class FindingView(BaseModel):
    """One finding; ``where`` are entries of an OFD or signature fields of a PDF, none: the file."""

    code: str
    severity: Severity
    where: list[str]
    text: TextView
    detail: str

    @classmethod
    def of(cls, finding: Finding, where: tuple[str, ...]) -> FindingView:
        return cls(
            code=finding.code,
            severity=finding.code.severity,
            where=list(where),
            text=TextView.of(FINDINGS[finding.code]),
            detail=finding.detail,
        )


class SignatureView(BaseModel):
    """One signature: the seal, who used it, when, and which entries of an OFD it covers."""

    id: str
    type: Literal["Seal", "Sign"]
    seal_code: str | None
    seal_name: str | None
    signer: str | None
    signed_at: str | None
    covered: list[str]

    @classmethod
    def of(cls, signature: SignatureReport) -> SignatureView:
        return cls(
            id=signature.id,
            type="Sign" if signature.type == "Sign" else "Seal",
            seal_code=signature.seal_code,
            seal_name=signature.seal_name,
            signer=signature.signer,
            signed_at=shown(signature.signed_at),
            covered=sorted(signature.covered),
        )


class VerificationView(BaseModel):
    """The verdict, every signature, every finding, and what was left out."""

    verdict: Verdict
    text: TextView
    signatures: list[SignatureView]
    findings: list[FindingView]
    not_checked: dict[str, TextView] = Field(description="What this verification leaves out")

    @classmethod
    def of(cls, report: Report) -> VerificationView:
        return cls(
            verdict=report.verdict,
            text=TextView.of(VERDICTS[report.verdict]),
            signatures=[SignatureView.of(one) for one in report.signatures],
            findings=[FindingView.of(finding, where) for finding, where in report.placed()],
            not_checked={name: TextView.of(NOT_CHECKED[name]) for name in report.not_checked},
        )


@router.post(
    "/documents:verify",
    dependencies=[Depends(anybody)],
    max_body_size=MAX_DOCUMENT,
    openapi_extra=FILE_BODY,
)
async def verify(
    request: Request, services: Services, *, online: Annotated[bool, Query()] = False
) -> VerificationView:
    """Verify a sealed document of anybody's: the body is the file, OFD or PDF, at most 50 MiB.

    ``online`` also asks the province whether the seals are still in use.
    """
    async with uploaded(request) as document:
        return VerificationView.of(await services.seals.verify(document, online=online))
