"""预检: one call before the form is shown, which says what an application would take right now."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

import e_license
from gateway.api.assurance import UsesLicences
from gateway.api.body import JsonBody, Posted
from gateway.api.callers import Services
from gateway.api.v1.shapes import Named, shown
from gateway.availability import wording
from gateway.availability.model import Standing
from gateway.cases.materials import MaterialOutlook
from gateway.cases.service import require_eligible, require_known_fields
from gateway.cases.translate import applicant_of
from gateway.catalog.model import Item, Necessity
from kernel.money import total

router = APIRouter(prefix="/v1", tags=["items 事项"])

_USER_ACTION: Final = "UPLOAD"
_EFFECT: Final = "LICENCE_NOT_CHECKED"


class Precheck(Posted):
    """What to check before declaring."""

    item_code: Annotated[str, Field(min_length=1, max_length=50)]
    form: dict[str, Annotated[str, Field(max_length=1000)]] = Field(default_factory=dict)
    licence_consent: bool
    """The holder agrees that its licences are looked up (用证授权)."""


class OutlookView(BaseModel):
    """How one material can be brought in right now."""

    code: str
    name: Named
    necessity: str
    licence_status: str | None
    replaced: bool = Field(description="Whether a valid licence of the applicant replaces it")
    advice: Named

    @classmethod
    def of(cls, outlook: MaterialOutlook) -> OutlookView:
        material = outlook.material
        return cls(
            code=material.code,
            name=Named(zh=material.name, en=material.name_en),
            necessity=material.necessity,
            licence_status=None if outlook.answer is None else outlook.answer.status,
            replaced=outlook.usable,
            advice=Named(zh=outlook.advice, en=outlook.advice_en),
        )


class LicenceOutlook(BaseModel):
    """What the sources said about one licence; face data are not shown before there is a case."""

    material_code: str
    type: str
    status: str
    reason: str
    covers_material: bool
    state: str | None
    source: str
    retry_at: str | None


class Degraded(BaseModel):
    """A part of the answer that is missing, because a dependency did not answer."""

    dependency: str
    reason_code: str
    since: str | None
    effect: str
    user_action: str
    retry_at: str | None
    material_code: str


class OnlineView(BaseModel):
    """Whether a submission would be taken now, and what stands in its way."""

    status: str
    title: Named
    reasons: list[Named]
    what_you_can_do: Named

    @classmethod
    def of(cls, standing: Standing) -> OnlineView:
        told = wording.document(standing, ())
        return cls.model_validate({**told, "reasons": [one["text"] for one in told["reasons"]]})


class PrecheckView(BaseModel):
    """The answer of a pre-check (预检)."""

    precheck_id: str
    item_code: str
    eligible: bool
    can_submit_now: bool = Field(description="Nothing that is required is missing, but the form")
    required_identity_level: int
    identity_level_ok: bool
    materials: list[OutlookView]
    licences: list[LicenceOutlook]
    materials_remaining: list[str] = Field(description="Codes of required materials still to bring")
    to_bring: int = Field(description="Required materials that no licence replaces")
    fee_fen: int | None = Field(description="What will be due; null while the form is incomplete")
    fee_quote: int | None = Field(description="The same as fee_fen, in 分")
    seal_needed: bool = Field(description="Whether the result is a sealed document")
    promise_days: int
    visits: int
    degraded: list[Degraded]
    valid_until: str | None
    online: OnlineView


@router.post("/prechecks")
async def precheck(
    services: Services,
    acting: UsesLicences,
    body: Annotated[Precheck, Depends(JsonBody(Precheck))],
) -> PrecheckView:
    """Check what an application would take right now (预检); no finding is stored.

    Licences are looked up for the caller only, with consent, all at once and within one time; a
    source that has not answered by then is named under ``degraded``. Each look-up is logged.
    """
    principal = acting.principal
    item = await services.catalog.get(body.item_code)
    await acting.on_item(item.code)
    applicant = applicant_of(principal)
    # A level that is too low is an answer here, not a refusal: the applicant can raise it.
    require_eligible(item, applicant, max(principal.ial, item.min_ial))
    require_known_fields(item, body.form)
    outlook = await services.materials.outlook(
        item, applicant, principal.sub, consent=body.licence_consent
    )
    remaining = [
        one.material.code
        for one in outlook.materials
        if one.material.necessity is Necessity.REQUIRED and not one.usable
    ]
    level_ok, fee = principal.ial >= item.min_ial, _fee(item, body.form)
    return PrecheckView(
        precheck_id=outlook.precheck_id,
        item_code=item.code,
        eligible=level_ok,
        can_submit_now=level_ok and not remaining,
        required_identity_level=item.min_ial,
        identity_level_ok=level_ok,
        materials=[OutlookView.of(one) for one in outlook.materials],
        licences=[shown_licence for one in outlook.materials if (shown_licence := _licence(one))],
        materials_remaining=remaining,
        to_bring=len(remaining),
        fee_fen=fee,
        fee_quote=fee,
        seal_needed=bool(item.department.seal_code),
        promise_days=item.promise_days,
        visits=item.visits,
        degraded=[missing for one in outlook.materials if (missing := _degraded(one))],
        valid_until=shown(outlook.valid_until),
        online=OnlineView.of(services.availability.of_item(item)),
    )


def _licence(outlook: MaterialOutlook) -> LicenceOutlook | None:
    answer = outlook.answer
    if answer is None:
        return None
    state = answer.state or next((one.state for one in answer.licences), None)
    return LicenceOutlook(
        material_code=outlook.material.code,
        type=outlook.material.licence_types[0],
        status=answer.status,
        reason=answer.reason,
        covers_material=outlook.usable,
        state=state,
        source=answer.source,
        retry_at=shown(answer.retry_at),
    )


def _degraded(outlook: MaterialOutlook) -> Degraded | None:
    answer = outlook.answer
    if answer is None or answer.status is not e_license.AnswerStatus.UNAVAILABLE:
        return None
    return Degraded(
        dependency=answer.source,
        reason_code=answer.reason,
        since=shown(answer.since),
        effect=_EFFECT,
        user_action=_USER_ACTION,
        retry_at=shown(answer.retry_at),
        material_code=outlook.material.code,
    )


def _fee(item: Item, form: dict[str, str]) -> int | None:
    needed = {fee.quantity_field for fee in item.fees if fee.quantity_field}
    for field in item.fields:
        if field.name in needed and field.fault(form.get(field.name, "")) is not None:
            return None
    return total(fee.amount(form) for fee in item.fees)
