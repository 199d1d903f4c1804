"""The one translator from transport to the five upstream errors; what matters is whether anything
was sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import aiohttp
import httpx

from adapters.kit.kit import Answer
from adapters.kit.manifest import Manifest, Operation
from adapters.kit.telemetry import Attempt
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)

MAX_RETRY_AFTER: Final = 3_600
# Long digits are no code: they may be somebody's number.
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,39}|-?[0-9]{1,10}")
_HTML: Final = re.compile(rb"\s*(<!doctype\s+html|<html)", re.IGNORECASE)

TRANSPORT_ERRORS: Final = (
    httpx.TransportError,
    httpx.DecodingError,
    aiohttp.ClientError,
    OSError,
    EOFError,
)
"""What sockets and the HTTP library raise; TimeoutError is an OSError."""


def no_answer(spec: Operation, attempt: Attempt) -> UpstreamError:
    """Return the error for a call that ended without a whole answer.

    The libraries' exception classes are not trusted here: the transport reports a connection that
    broke after
    the request as a failed connect. The stamp decides.
    """
    if attempt.sent is None:
        return UpstreamUnavailable("not reached")
    if spec.safe:
        return UpstreamUnavailable("no answer")
    return UpstreamOutcomeUnknown("sent, no answer")


def breach(spec: Operation, detail: str) -> UpstreamError:
    """Return the error for an answer against the protocol: after an unsafe message nobody knows
    what it did.
    """
    if spec.safe:
        return UpstreamProtocolError(detail)
    return UpstreamOutcomeUnknown(detail)


def protocol_breach(manifest: Manifest, operation: str, detail: str) -> UpstreamError:
    """Return what an adapter raises for an answer that its wire models refuse. ``detail`` holds
    no values.
    """
    return breach(manifest.operation(operation), detail)


def require_acceptable(answer: Answer, spec: Operation, attempt: Attempt) -> None:
    """Raise the upstream error that a status or an HTML page stands for; return for a proper
    answer.
    """
    status = answer.status
    if status < 400:
        if status < 300 and not spec.html and is_html(answer):
            raise breach(spec, f"HTTP {status} with an HTML page")
        return
    if status in spec.own_statuses and not is_html(answer):
        return
    if status in {401, 403}:
        raise UpstreamAuthFailed(f"HTTP {status}")
    attempt.hint = _retry_after(answer.headers)
    if status == 429 or (status == 503 and (spec.safe or attempt.hint is not None)):
        raise UpstreamUnavailable(f"HTTP {status}", retry_after=attempt.hint)
    if status >= 500:
        if spec.safe:
            raise UpstreamUnavailable(f"HTTP {status}")
        raise UpstreamOutcomeUnknown(f"HTTP {status}")
    code = _code_of(answer) or str(status)
    raise UpstreamRejected(f"HTTP {status} ({code})", upstream_code=code)


def is_html(answer: Answer) -> bool:
    """Return whether the body is an HTML page, by its type or by its first bytes."""
    return answer.media_type in {"text/html", "application/xhtml+xml"} or bool(
        _HTML.match(answer.body[:256])
    )


def parse_json(answer: Answer, spec: Operation) -> Any:
    """Parse a JSON body; numbers with a fraction become Decimal, never float. Raises a breach."""
    if is_html(answer):
        raise breach(spec, "an HTML page instead of JSON")
    charset = _charset(answer.headers.get("content-type", ""))
    try:
        return json.loads(
            answer.body.decode(charset), parse_float=Decimal, parse_constant=_no_constant
        )
    except (ValueError, LookupError, RecursionError):
        # The cause is not chained: it would carry a piece of the body.
        raise breach(spec, f"broken JSON of {len(answer.body)} bytes") from None


def _no_constant(name: str) -> Any:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _charset(content_type: str) -> str:
    for part in content_type.split(";")[1:]:
        name, _, value = part.strip().partition("=")
        if name.lower() == "charset" and value:
            return value.strip('"')
    return "utf-8-sig"


def _retry_after(headers: Mapping[str, str]) -> int | None:
    value = headers.get("retry-after", "").strip()
    # The other form of the header is a date; clocks between agencies differ too much to use it.
    return min(int(value), MAX_RETRY_AFTER) if value.isascii() and value.isdigit() else None


def _code_of(answer: Answer) -> str:
    """Return the upstream's own error code from a JSON error body, where it has the form of a
    code.
    """
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    if isinstance(body, dict):
        for name in ("error", "code", "errcode"):
            value = body.get(name)
            if isinstance(value, str | int) and _CODE.fullmatch(str(value)):
                return str(value)
    return ""
