"""Takes in a file that is only looked at: in memory if small, else on disk for the moment."""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import TemporaryFile
from typing import Final

from fastapi import Request

from e_seal import Source
from gateway.api.problems import WrongContentType

MAX_DOCUMENT: Final = 50 * 1024 * 1024
PATHS: Final = (
    "/v1/documents:verify",
    "/v1/public/documents:verify",
    "/v1/public/documents:preview",
)
"""Routes that take a file of this size: their callers get more time."""
MEDIA_TYPES: Final = ("application/ofd", "application/pdf", "application/octet-stream")
_IN_MEMORY: Final = 1024 * 1024
FILE_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}}
            for media_type in MEDIA_TYPES
        },
    }
}


@asynccontextmanager
async def uploaded(request: Request) -> AsyncIterator[Source]:
    """Yield the body of a request; nothing is left of it afterwards. Raises WrongContentType."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES:
        raise WrongContentType("this route takes documents", accepted=list(MEDIA_TYPES))
    head = bytearray()
    chunks = request.stream()
    async for chunk in chunks:
        head += chunk
        if len(head) > _IN_MEMORY:
            break
    else:
        yield bytes(head)
        return
    # A large document goes to disk as it arrives, and only what is being hashed is in memory.
    with TemporaryFile() as file:
        await asyncio.to_thread(file.write, head)
        head.clear()
        async for chunk in chunks:
            head += chunk
            if len(head) > _IN_MEMORY:
                await asyncio.to_thread(file.write, bytes(head))
                head.clear()
        await asyncio.to_thread(file.write, bytes(head))
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            yield mapped
