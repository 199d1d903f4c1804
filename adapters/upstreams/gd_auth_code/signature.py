"""``sign`` of an answer: HMAC-SM3 over its lines, in lower-case hexadecimal (OURS)."""

from __future__ import annotations

import json
from typing import Any

from kernel.crypto import sm3


def answer_sign(
    secret: str, ack_code: str, correlation_id: str, response_id: str, timestamp: str, data: Any
) -> str:
    """Return the signature; raise TypeError for data that are not plain JSON."""
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    lines = [ack_code, correlation_id, response_id, timestamp, text]
    return sm3.hmac(secret.encode(), "\n".join(lines).encode()).hex()
