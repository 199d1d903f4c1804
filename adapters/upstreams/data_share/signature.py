"""签名: HMAC-SM3 over the lines of a message, in lower-case hexadecimal (OURS)."""

from __future__ import annotations

from collections.abc import Mapping

from kernel.crypto import sm3


def request_sign(
    secret: str, app_id: str, timestamp: str, request_id: str, data: Mapping[str, str]
) -> str:
    """Return the signature of a request: ids first, then the fields in the order of their names."""
    fields = [f"{name}={data[name]}" for name in sorted(data)]
    return _mac(secret, [app_id, timestamp, request_id, *fields])


def answer_sign(secret: str, request_id: str, code: str, result: str, serial: str) -> str:
    """Return the signature of an answer; result and serial number are empty without data."""
    return _mac(secret, [request_id, code, result, serial])


def _mac(secret: str, lines: list[str]) -> str:
    return sm3.hmac(secret.encode(), "\n".join(lines).encode()).hex()
