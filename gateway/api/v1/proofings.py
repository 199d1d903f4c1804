"""Proofing at a window (窗口核验): a clerk raises an account, another clerk revokes it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.api.body import JsonBody, Posted
from gateway.api.callers import Clerk, Services
from gateway.api.noted import note, note_refusal
from gateway.api.once import Answer, once
from gateway.api.v1.shapes import shown
from identity import IdType, Proofing, ProofingOfOneself, ProofingRefused, Seen, staff_actor

router = APIRouter(prefix="/v1/staff/proofings", tags=["proofings 实名核验"])

Sub = Annotated[str, Field(pattern=r"^[PC]_?[0-9A-Za-z]{1,61}$")]


class Proof(Posted):
    """What the clerk sees. Name and number are compared with the account and stored nowhere new."""

    sub: Sub
    """``sub`` of ``GET /v1/me``, which the person shows on its own screen, signed in."""
    name: Annotated[str, Field(min_length=1, max_length=80)]
    document: IdType
    number: Annotated[str, Field(pattern=r"^[0-9A-Z]{5,30}$")]
    office: Annotated[str, Field(min_length=2, max_length=80)]
    """Issuing office (签发机关)."""


class ProofingView(BaseModel):
    """One raise of an account's proofing level."""

    proofing_id: str
    sub: str
    ial: int
    source: str
    state: str
    document: str | None
    last_four: str | None
    office: str | None
    created_at: str | None
    expires_at: str | None
    made_by: str | None
    revoked_at: str | None
    revoked_by: str | None

    @classmethod
    def of(cls, proofing: Proofing) -> ProofingView:
        evidence = proofing.evidence
        return cls(
            proofing_id=proofing.id,
            sub=proofing.sub,
            ial=proofing.ial,
            source=proofing.source,
            state=proofing.state,
            document=evidence.get("document"),
            last_four=evidence.get("last_four"),
            office=evidence.get("office"),
            created_at=shown(proofing.created_at),
            expires_at=shown(proofing.expires_at),
            made_by=proofing.made_by or None,
            revoked_at=shown(proofing.revoked_at),
            revoked_by=proofing.revoked_by or None,
        )


@router.post("", status_code=201, response_model=ProofingView)
async def proof(
    request: Request,
    services: Services,
    clerk: Clerk,
    body: Annotated[Proof, Depends(JsonBody(Proof))],
) -> Response:
    """Raise the account of a person at the window to IAL 4; the account must be signed in now."""

    async def act() -> Answer:
        seen = Seen(
            sub=body.sub,
            name=body.name,
            document=body.document,
            number=body.number,
            office=body.office,
        )
        async with services.works.begin() as work:
            proofing = await services.proofings.at_window(work, clerk, seen)
            await note(
                services,
                work,
                clerk,
                "proofing.prove",
                about=("proofing", proofing.id),
                fields=("name", "number"),
            )
        return Answer(ProofingView.of(proofing), 201)

    try:
        return await once(request, services, f"staff:{clerk.id}", act)
    except (ProofingRefused, ProofingOfOneself) as refused:
        await note_refusal(services, staff_actor(clerk.id), "proofing.prove", refused.code)
        raise


@router.get("")
async def list_proofings(
    services: Services, clerk: Clerk, sub: Annotated[str, Query(max_length=64)]
) -> list[ProofingView]:
    """List the newest proofings of an account."""
    async with services.works.begin() as work:
        await note(services, work, clerk, "proofing.read", about=("subject", sub))
    return [ProofingView.of(one) for one in await services.proofings.of(sub)]


@router.post("/{proofing_id}/revoke", response_model=ProofingView)
async def revoke(request: Request, services: Services, clerk: Clerk, proofing_id: str) -> Response:
    """Revoke a proofing that another clerk, or the holder alone, made; open sessions end."""

    async def act() -> Answer:
        async with services.works.begin() as work:
            proofing = await services.proofings.revoke(work, clerk, proofing_id)
            await note(services, work, clerk, "proofing.revoke", about=("proofing", proofing.id))
        return Answer(ProofingView.of(proofing))

    try:
        return await once(request, services, f"staff:{clerk.id}", act)
    except ProofingOfOneself as refused:
        await note_refusal(services, staff_actor(clerk.id), "proofing.revoke", refused.code)
        raise
