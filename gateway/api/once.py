"""Carries out a write exactly once per Idempotency-Key, and replays the first answer after that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from gateway.container import Container
from kernel.db.idempotency import Claimed, Replay, check_key

HEADER: Final = "Idempotency-Key"
_REPLAYED: Final = {"Idempotency-Replayed": "true"}


@dataclass(frozen=True)
class Answer:
    """What a write answers."""

    model: BaseModel
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Act = Callable[[], Awaitable[Answer]]


async def once(request: Request, services: Container, caller: str, act: Act) -> Response:
    """Carry out a write that calls no upstream: claim, change and answer are one transaction.

    Raises IdempotencyKeyMissing, IdempotencyKeyInvalid, IdempotencyKeyReused, OperationInProgress.
    """
    key, route, body = await _parts(request)
    async with services.works.begin(whole=True) as work:
        claim = await services.idempotency.claim(
            work, caller=caller, key=key, route=route, body=body
        )
        if isinstance(claim, Replay):
            return _replayed(claim)
        answer = await act()
        content = answer.model.model_dump_json().encode()
        await services.idempotency.answer(
            work, claim, status=answer.status, body=content, headers=answer.headers
        )
    return _response(answer, content)


async def once_upstream(request: Request, services: Container, caller: str, act: Act) -> Response:
    """Carry out a write that calls an upstream: the claim is committed first, nothing is held.

    A failure gives the claim back, since business keys keep a repeat from doing things twice.
    """
    key, route, body = await _parts(request)
    async with services.works.begin() as work:
        claim = await services.idempotency.claim(
            work, caller=caller, key=key, route=route, body=body
        )
    if isinstance(claim, Replay):
        return _replayed(claim)
    try:
        answer = await act()
    except BaseException:
        await _release(services, claim)
        raise
    content = answer.model.model_dump_json().encode()
    async with services.works.begin() as work:
        await services.idempotency.answer(
            work, claim, status=answer.status, body=content, headers=answer.headers
        )
    return _response(answer, content)


async def _parts(request: Request) -> tuple[str, str, bytes]:
    key = check_key(request.headers.getlist(HEADER))
    return key, f"{request.method} {request.url.path}", await request.body()


async def _release(services: Container, claim: Claimed) -> None:
    async with services.works.begin() as work:
        await services.idempotency.release(work, claim)


def _replayed(claim: Replay) -> Response:
    headers = {**claim.headers, **_REPLAYED}
    return Response(claim.body, claim.status, headers, media_type="application/json")


def _response(answer: Answer, content: bytes) -> Response:
    return Response(content, answer.status, answer.headers, media_type="application/json")
