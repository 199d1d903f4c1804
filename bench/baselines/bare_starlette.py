"""The floor: one Starlette route that answers a small JSON document and does nothing else."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def _answer(_request: Request) -> JSONResponse:
    return JSONResponse({"case_id": "case-000001", "state": "DRAFT", "region": "370102"})


app = Starlette(routes=[Route("/bare", _answer)])
