"""Step-up (加强认证, RFC 9470): the session is raised by a second factor when an action asks."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.api.assurance import AnyAccount
from gateway.api.body import JsonBody, Posted
from gateway.api.callers import Services
from gateway.api.once import Answer, once_upstream
from gateway.api.v1.cases import caller_key
from gateway.api.v1.shapes import shown
from identity import StepUp, StepUpAnswer, StepUpStarted, StepUpState

router = APIRouter(prefix="/v1/auth/step-up", tags=["auth 登录"])

_PENDING: Final = "PENDING"


class Begin(Posted):
    """What the challenge asked for, and where the browser comes back to."""

    acr: Annotated[str, Field(min_length=1, max_length=64)]
    """``acr_values`` of the challenge, such as ``urn:sd:loa:3:aal:2``."""
    return_to: Annotated[str, Field(min_length=1, max_length=500)]
    """A registered return address of the portal; ``step_up`` is added to its query."""
    factor: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    """A second factor by its ``amr``; null for the first that reaches the level."""


class StepUpView(BaseModel):
    """How a step-up stands: PENDING, PASSED, FAILED or EXPIRED."""

    step_up_id: str
    state: str
    factor: str
    acr: str
    expires_at: str | None
    url: str | None = None
    """Where the person is sent."""
    qr_text: str | None = None
    """What is to be shown as a QR code."""
    access_token: str | None = None
    """The session's new token, exactly once; the one before it is void. A token of the
    authorization server stays, and the raise shows in it.
    """
    reason: str | None = None

    @classmethod
    def of(cls, step_up: StepUp) -> StepUpView:
        pending = step_up.state in {StepUpState.STARTING, StepUpState.STARTED}
        return cls(
            step_up_id=step_up.id,
            state=_PENDING if pending else step_up.state,
            factor=step_up.factor,
            acr=step_up.acr,
            expires_at=shown(step_up.expires_at),
            reason=step_up.reason or None,
        )

    @classmethod
    def begun(cls, started: StepUpStarted) -> StepUpView:
        """Return a step-up that has just begun."""
        seen = {"url": started.url, "qr_text": started.qr_text}
        return cls.of(started.step_up).model_copy(update=seen)

    @classmethod
    def answered(cls, answer: StepUpAnswer) -> StepUpView:
        """Return a step-up after its provider was asked."""
        return cls.of(answer.step_up).model_copy(update={"access_token": answer.token})


@router.post("", status_code=201, response_model=StepUpView)
async def begin(
    request: Request,
    services: Services,
    acting: AnyAccount,
    body: Annotated[Begin, Depends(JsonBody(Begin))],
) -> Response:
    """Start a second factor. Attempts are limited and on record."""

    async def act() -> Answer:
        started = await services.step_ups.begin(
            acting.principal, body.acr, body.return_to, body.factor
        )
        return Answer(StepUpView.begun(started), 201)

    return await once_upstream(request, services, caller_key(acting.sub), act)


@router.post("/{step_up_id}/result")
async def result(
    request: Request, services: Services, acting: AnyAccount, step_up_id: str
) -> StepUpView:
    """Ask how a step-up ended; the first answer PASSED carries the session's new token.

    Takes no Idempotency-Key: asking again changes nothing, and a token is stored nowhere.
    """
    held = request.headers["authorization"].partition(" ")[2]
    answer = await services.step_ups.result(acting.principal, step_up_id, held)
    return StepUpView.answered(answer)
