"""An HTTP request or answer as bytes, so that a push over HTTP is stored and handled like a frame.

The form is HTTP/1.1's own: a start line, headers, an empty line, the body. The moment of arrival is
a header that only the receiver writes; one that came from outside is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

RECEIVED: Final = "x-onewindow-received"
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")
_TEXT: Final = re.compile(r"[\x20-\x7e]{0,2000}")
_TARGET: Final = re.compile(r"/[\x21-\x7e]{0,1000}")


class NotHttpText(ValueError):
    """Bytes that are no request or answer of this form."""


@dataclass(frozen=True)
class Request:
    """A request that somebody sent to us; header names are lower-case."""

    method: str
    path: str
    """With the query, if there was one."""
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    received_at: datetime


@dataclass(frozen=True)
class Response:
    """What we answer; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def write_request(request: Request) -> bytes:
    """Return a request as bytes; headers that cannot be told are left out."""
    headers = {
        name.lower(): value
        for name, value in request.headers.items()
        if _TOKEN.fullmatch(name) and _TEXT.fullmatch(value)
    }
    headers[RECEIVED] = str(round(request.received_at.timestamp() * 1000))
    return _write(f"{request.method} {request.path} HTTP/1.1", headers, request.body)


def read_request(raw: bytes) -> Request:
    """Read what ``write_request`` wrote. Raises NotHttpText."""
    start, headers, body = _read(raw)
    parts = start.split(" ")
    received = headers.pop(RECEIVED, "")
    if len(parts) != 3 or _TOKEN.fullmatch(parts[0]) is None or _TARGET.fullmatch(parts[1]) is None:
        raise NotHttpText("the start line is no request")
    if re.fullmatch(r"[0-9]{1,14}", received) is None:
        raise NotHttpText("when it arrived is not written down")
    at = datetime.fromtimestamp(int(received) / 1000, UTC)
    return Request(parts[0], parts[1], headers, body, at)


def write_response(response: Response) -> bytes:
    """Return an answer as bytes."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return _write(f"HTTP/1.1 {response.status}", headers, response.body)


def read_response(raw: bytes) -> Response:
    """Read what ``write_response`` wrote. Raises NotHttpText."""
    start, headers, body = _read(raw)
    found = re.fullmatch(r"HTTP/1\.1 ([1-5][0-9]{2})", start)
    if found is None:
        raise NotHttpText("the start line is no answer")
    return Response(int(found.group(1)), headers, body)


def _write(start: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in sorted(headers.items()))]
    return "\r\n".join([*lines, "", ""]).encode("ascii", "strict") + body


def _read(raw: bytes) -> tuple[str, dict[str, str], bytes]:
    head, gap, body = raw.partition(b"\r\n\r\n")
    if not gap or len(head) > 64 * 1024:
        raise NotHttpText("there is no end of the headers")
    try:
        start, *lines = head.decode("ascii").split("\r\n")
    except UnicodeDecodeError:
        raise NotHttpText("the headers are not ASCII") from None
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        if not colon or _TOKEN.fullmatch(name) is None or name in headers:
            raise NotHttpText("a header is malformed or there twice")
        headers[name] = value
    return start, headers, body
