"""Verifies and shows any sealed document for anybody (公众验章); nothing is stored or logged."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from e_seal import NoSuchPage, OfdError, picture_of_page
from gateway.api.callers import Services, address_of
from gateway.api.limiter import Limiter
from gateway.api.v1.uploads import FILE_BODY, MAX_DOCUMENT, uploaded
from gateway.api.v1.verification import VerificationView
from kernel.errors import InvalidInput, NotFound, Text

router = APIRouter(prefix="/v1/public", tags=["documents 文书"])

MAX_PAGES: Final = 100
PAGES_HEADER: Final = "X-Page-Count"
_PER_MINUTE: Final = 60
_AT_ONCE: Final = 2
"""Pictures drawn, and documents verified, at the same time in one process."""
_PNG: Final = "image/png"


class DocumentNotDrawable(InvalidInput):
    """No picture can be made of this file."""

    code = "document_not_drawable"
    title = Text("无法显示该文件", "The file cannot be shown")
    citizen = Text(
        "无法生成该文件的页面图像，请使用版式阅读软件打开。",
        "No picture can be made of this file; please open it with a reader.",
    )
    clerk = Text(
        "无法生成页面图像：不是 OFD 文件、结构损坏或过于复杂。",
        "No picture: not an OFD file, broken, or too complex.",
    )


class PageNotFound(NotFound):
    """The document has no such page."""

    code = "page_not_found"
    title = Text("没有这一页", "No such page")
    citizen = Text("文件没有这一页。", "The document has no such page.")
    clerk = Text("文件没有这一页。", "The document has no such page.")


class Strangers:
    """What people without a token may keep busy: so much per address, so much altogether."""

    def __init__(self) -> None:
        self.limiter = Limiter(_PER_MINUTE)
        self.verifying = asyncio.Semaphore(_AT_ONCE)
        # A pool of its own: a picture whose caller is gone still counts until it is drawn.
        self.drawing = ThreadPoolExecutor(_AT_ONCE, "drawing")


def strangers(request: Request) -> Strangers:
    """Return what this application grants to strangers."""
    found = request.app.state.strangers
    if not isinstance(found, Strangers):
        raise TypeError("the application was made without its care for strangers")
    return found


Grant = Annotated[Strangers, Depends(strangers)]


def limited(request: Request, services: Services, grant: Grant) -> None:
    """Count the caller's address before its file is taken. Raises TooManyRequests."""
    grant.limiter.take(address_of(request), services.clock.monotonic())


@router.post(
    "/documents:verify",
    dependencies=[Depends(limited)],
    max_body_size=MAX_DOCUMENT,
    openapi_extra=FILE_BODY,
)
async def verify_publicly(request: Request, services: Services, grant: Grant) -> VerificationView:
    """Verify a sealed document without signing in: the body is the file, OFD or PDF.

    At most 50 MiB, and sixty files and pictures per minute and address. Nothing is stored. The
    province is not asked about the seals.
    """
    async with uploaded(request) as document, grant.verifying:
        return VerificationView.of(await services.seals.verify(document))


@router.post(
    "/documents:preview",
    dependencies=[Depends(limited)],
    max_body_size=MAX_DOCUMENT,
    openapi_extra=FILE_BODY,
    response_class=Response,
    responses={
        200: {
            "content": {_PNG: {"schema": {"type": "string", "format": "binary"}}},
            "headers": {PAGES_HEADER: {"schema": {"type": "integer"}}},
        }
    },
)
async def preview_publicly(
    request: Request,
    grant: Grant,
    page: Annotated[int, Query(ge=0, lt=MAX_PAGES)] = 0,
) -> Response:
    """Look at one page of an OFD file with its seals, pages counted from 0 (at most 100 pages).

    A picture proves nothing. The header X-Page-Count tells how many pages there are.
    """
    loop = asyncio.get_running_loop()
    async with uploaded(request) as document:
        try:
            drawn = await loop.run_in_executor(grant.drawing, picture_of_page, document, page)
        except NoSuchPage as exc:
            raise PageNotFound(str(exc)) from exc
        except OfdError as exc:
            raise DocumentNotDrawable("the file cannot be drawn", reason=exc.code) from exc
    return Response(drawn.png, headers={PAGES_HEADER: str(drawn.pages)}, media_type=_PNG)
