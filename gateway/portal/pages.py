"""Serves the public page that verifies sealed documents (验章页面): four packaged files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Final

from fastapi import APIRouter, Request, Response

router = APIRouter(include_in_schema=False)

_TYPES: Final = {
    "verify.html": "text/html; charset=utf-8",
    "verify.css": "text/css; charset=utf-8",
    "verify.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_PAGE: Final = "verify.html"
_POLICY: Final = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_ALWAYS_ASK: Final = "no-cache"
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Static:
    """One file as it is served; ``version`` are the first digits of its SHA-256."""

    body: bytes
    media_type: str
    version: str


def _load() -> dict[str, Static]:
    """Read every file; the page names the versions of the others, so that they may be kept."""
    folder = resources.files("gateway.portal") / "static"
    found: dict[str, Static] = {}
    for name in sorted(_TYPES, key=_PAGE.__eq__):
        body = (folder / name).read_bytes()
        if name == _PAGE:
            for other, file in found.items():
                body = body.replace(f'"{other}"'.encode(), _address(other, file).encode())
        found[name] = Static(body, _TYPES[name], hashlib.sha256(body).hexdigest()[:20])
    return found


def _address(name: str, file: Static) -> str:
    return f'"/verify/{name}?v={file.version}"'


_FILES: Final = _load()


def _answer(request: Request, name: str) -> Response:
    file = _FILES[name]
    tag = f'"{file.version}"'
    is_pinned = request.query_params.get("v") == file.version
    headers = {
        "ETag": tag,
        "Cache-Control": _FOR_EVER if is_pinned else _ALWAYS_ASK,
        "Content-Security-Policy": _POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    known = request.headers.get("if-none-match", "")
    if tag in (one.strip().removeprefix("W/") for one in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(file.body, headers=headers, media_type=file.media_type)


@router.api_route("/verify", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """Answer the page."""
    return _answer(request, _PAGE)


@router.api_route("/verify/verify.js", methods=["GET", "HEAD"])
async def script(request: Request) -> Response:
    """Answer its script."""
    return _answer(request, "verify.js")


@router.api_route("/verify/verify.css", methods=["GET", "HEAD"])
async def style(request: Request) -> Response:
    """Answer its style."""
    return _answer(request, "verify.css")


@router.api_route("/verify/icon.svg", methods=["GET", "HEAD"])
async def icon(request: Request) -> Response:
    """Answer its icon."""
    return _answer(request, "icon.svg")
