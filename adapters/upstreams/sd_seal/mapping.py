"""Between the messages of the signing service and the e-seal domain: pure functions."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime

from adapters.upstreams.sd_seal.wire import Header
from e_seal import SealState
from kernel.clock import require_aware
from kernel.crypto import sm3


class Malformed(ValueError):
    """The answer has another form; the text repeats nothing of it."""


class UnknownCode(ValueError):
    """The service used a code that its table does not list."""

    def __init__(self, field: str, code: str) -> None:
        super().__init__(f"{field} holds a value that the table does not list")
        self.field = field
        self.code = code


def signing_text(app_id: str, timestamp: str, nonce: str, fields: Mapping[str, str]) -> str:
    """Return the text that the header signature covers; OURS.

    Application, time and nonce, one a line, then the fields of the body as JSON with sorted names
    and without spaces: JSON, because it cannot be read in two ways.
    """
    body = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"{app_id}\n{timestamp}\n{nonce}\n{body}"


def sign(text: str, app_secret: str) -> str:
    """Return HMAC-SM3 of the text in lower-case hex."""
    return sm3.hmac(app_secret.encode(), text.encode()).hex()


def timestamp(at: datetime) -> str:
    """Return milliseconds since 1970."""
    moment = require_aware(at)
    return str(int(moment.timestamp()) * 1000 + moment.microsecond // 1000)


def headers(
    app_id: str, app_secret: str, time: str, nonce: str, fields: Mapping[str, str]
) -> dict[str, str]:
    """Return the authentication headers of one message."""
    return {
        Header.APP_ID: app_id,
        Header.TIMESTAMP: time,
        Header.NONCE: nonce,
        Header.SIGN: sign(signing_text(app_id, time, nonce, fields), app_secret),
    }


def encoded(data: bytes) -> str:
    """Return base64 as the dialect writes bytes."""
    return base64.b64encode(data).decode("ascii")


def decoded(text: str) -> bytes:
    """Return the bytes of base64, line breaks allowed; raise Malformed, also for no bytes."""
    plain = "".join(text.split())
    try:
        data = base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("a value is not base64") from None
    if len(base64.b64encode(data)) != len(plain):
        # Python takes padding beyond what is needed; the standard does not (RFC 4648, section 4).
        raise Malformed("a value is not padded as base64 is")
    if not data:
        raise Malformed("a value is empty")
    return data


def state(raw: str, table: Mapping[str, SealState]) -> SealState:
    """Return the state of ``sealStatus``; raise UnknownCode for an unlisted one."""
    found = table.get(raw)
    if found is None:
        raise UnknownCode("sealStatus", raw)
    return found
