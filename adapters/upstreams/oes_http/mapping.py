"""Between the component's messages and the e-seal domain: pure functions."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime

from adapters.upstreams.oes_http.wire import SIGN_METHOD, TIME_FORMAT
from e_seal import SealState
from kernel.clock import require_aware


class Malformed(ValueError):
    """The answer has another form; the text repeats nothing of it."""


class UnknownCode(ValueError):
    """The service used a code that its table does not list."""

    def __init__(self, field: str, code: str) -> None:
        super().__init__(f"{field} holds a value that the table does not list")
        self.field = field
        self.code = code


def encoded(data: bytes) -> str:
    """Return base64, as bytes travel in this binding."""
    return base64.b64encode(data).decode("ascii")


def decoded(text: str) -> bytes:
    """Return the bytes of base64, padded as it must be; raise Malformed, also for no bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("a value is not base64") from None
    if len(base64.b64encode(data)) != len(text):
        # Python takes padding beyond what is needed; the standard does not (RFC 4648, section 4).
        raise Malformed("a value is not padded as base64 is")
    if not data:
        raise Malformed("a value is empty")
    return data


def time_text(at: datetime) -> str:
    """Return a moment as ``signDateTime`` states it: UTC, GeneralizedTime."""
    return require_aware(at).astimezone(UTC).strftime(TIME_FORMAT)


def sign_fields(
    request_id: str, seal_id: str, doc_property: str, digest: bytes, at: datetime
) -> dict[str, str]:
    """Return the arguments of ``Sign``; ``requestId`` is OURS."""
    return {
        "requestId": request_id,
        "sealId": seal_id,
        "docProperty": doc_property,
        "digest": encoded(digest),
        "signMethod": SIGN_METHOD,
        "signDateTime": time_text(at),
    }


def state(raw: str, table: Mapping[str, SealState]) -> SealState:
    """Return the state of ``status``; raise UnknownCode for an unlisted one."""
    found = table.get(raw)
    if found is None:
        raise UnknownCode("status", raw)
    return found
