"""Where the finance system pushes over HTTP: kept as it came before anything is acknowledged."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.api.callers import Services
from gateway.api.problems import RouteNotFound
from kernel import httptext

router = APIRouter(include_in_schema=False)


@router.post("/callbacks/nontax/{division}")
async def nontax(request: Request, services: Services, division: str) -> Response:
    """Take a push in and answer it in the finance system's own dialect.

    Headers prove where it comes from, so they are kept with the body; a token never is.
    """
    if services.take_push is None:
        raise RouteNotFound("no pushes are taken here")
    headers = {
        name: value
        for name, value in request.headers.items()
        if name.startswith("x-nt-") or name == "content-type"
    }
    received = httptext.Request(
        method=request.method,
        path=f"/callbacks/nontax/{division}",
        headers=headers,
        body=await request.body(),
        received_at=services.clock.now(),
    )
    raw = await services.take_push(httptext.write_request(received))
    answer = httptext.read_response(raw)
    return Response(answer.body, answer.status, dict(answer.headers))
