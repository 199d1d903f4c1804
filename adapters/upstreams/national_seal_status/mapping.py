"""Digests, times and texts of the national seal status system: pure functions."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from adapters.upstreams.national_seal_status.wire import (
    STAMP_FORMAT,
    TIME_FORMAT,
    RevocationData,
    RevokedSeal,
)
from e_seal import Revocation, SealState
from kernel.clock import BEIJING, beijing
from kernel.crypto import sm2, sm3
from kernel.crypto.errors import InvalidKey


class Malformed(ValueError):
    """The answer has another form; the text repeats nothing of it."""


class UnknownCode(ValueError):
    """The system used a code that its table does not list."""

    def __init__(self, field: str, code: str) -> None:
        super().__init__(f"{field} holds a value that the table does not list")
        self.field = field
        self.code = code


def password_digest(password: str, salt: str) -> str:
    """Return SM3hex(SM3hex(password) + salt), as the token is asked for."""
    inner = sm3.digest(password.encode()).hex()
    return sm3.digest((inner + salt).encode()).hex()


def signed_fields(fields: Iterable[tuple[str, str]]) -> str:
    """Return ``sign``: SM3 hex of names and values one after the other, as a client of 2019 did."""
    return sm3.digest("".join(name + value for name, value in fields).encode()).hex()


def stamp(at: datetime) -> str:
    """Return ``timestamp``, in Beijing time."""
    return beijing(at).strftime(STAMP_FORMAT)


def time_text(at: datetime) -> str:
    """Return a time of a question, in Beijing time."""
    return beijing(at).strftime(TIME_FORMAT)


def parsed_time(text: str) -> datetime:
    """Return the moment of a time in Beijing; raise Malformed."""
    try:
        naive = datetime.strptime(text, TIME_FORMAT)  # noqa: DTZ007 - the zone follows
    except ValueError:
        raise Malformed("a time has another form") from None
    return naive.replace(tzinfo=BEIJING).astimezone(UTC)


def state(raw: str, table: Mapping[str, SealState]) -> SealState:
    """Return the state of ``sealStatus``; raise UnknownCode for an unlisted one."""
    found = table.get(raw)
    if found is None:
        raise UnknownCode("sealStatus", raw)
    return found


def list_text(page: RevocationData) -> bytes:
    """Return what the signature of a page covers; OURS: head and lines, one a line, ``|`` between.

    A value that holds a bar or a line break could be read in two ways: raise Malformed.
    """
    head = (page.version, page.invalidEffectTime, page.nextUpdateTime, page.awardCompany)
    lines = page.revocationList
    rows = [head, *((one.sealCode, one.sealName, one.revocationTime) for one in lines)]
    if any("|" in value or "\n" in value for row in rows for value in row):
        raise Malformed("a value of the list holds a separator")
    return "\n".join("|".join(row) for row in rows).encode()


def list_is_genuine(page: RevocationData, public_key: str) -> bool:
    """Return whether the page is signed with the key that is known beforehand (hex point)."""
    try:
        key = sm2.PublicKey(bytes.fromhex(public_key))
        value = base64.b64decode(page.signature, validate=True)
        return sm2.verify(key, list_text(page), value)
    except (InvalidKey, binascii.Error, ValueError):
        return False


def revocations(lines: Sequence[RevokedSeal]) -> list[Revocation]:
    """Return the lines in order of time; raise Malformed."""
    found = [
        Revocation(one.sealCode, one.sealName, parsed_time(one.revocationTime)) for one in lines
    ]
    return sorted(found, key=lambda one: (one.revoked_at, one.code))
