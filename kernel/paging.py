"""Keyset paging (键集分页): a page ends with an opaque cursor, never with an offset or a count."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from kernel.errors import InvalidInput, Text

MAX_PAGE: Final = 200
DEFAULT_PAGE: Final = 50
_MAX_CURSOR: Final = 512

Row = TypeVar("Row")
Key = tuple[str | int, ...]


class InvalidCursor(InvalidInput):
    """A paging cursor that this system did not issue."""

    code = "invalid_cursor"
    title = Text("翻页标记无效", "Invalid paging cursor")
    citizen = Text("翻页标记已失效，请从第一页重新查看。", "Please start from the first page.")
    clerk = Text("翻页标记无效，请从第一页重新查询。", "Invalid cursor; start again.")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Up to ``limit`` rows and the cursor of the next page, which is None on the last one."""

    rows: Sequence[Row]
    next_cursor: str | None


def encode_cursor(key: Key) -> str:
    """Return the opaque text of a sort key."""
    raw = json.dumps(list(key), separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode_cursor(cursor: str, shape: tuple[type, ...]) -> Key:
    """Return the sort key of a cursor; ``shape`` is the expected types. Raises InvalidCursor."""
    if len(cursor) > _MAX_CURSOR:
        raise InvalidCursor("cursor too long")
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        values = json.loads(raw)
    except (binascii.Error, ValueError) as exc:
        raise InvalidCursor("cursor is not one of ours") from exc
    if not isinstance(values, list) or len(values) != len(shape):
        raise InvalidCursor("cursor has another shape")
    for value, kind in zip(values, shape, strict=True):
        if type(value) is not kind or (isinstance(value, str) and "\0" in value):
            raise InvalidCursor("cursor has another shape")
    return tuple(values)


def page_of(rows: Sequence[Row], limit: int, key: Callable[[Row], Key]) -> Page[Row]:
    """Cut ``rows`` (fetched with ``limit + 1``) into a page; ``key`` gives a row's sort key."""
    if len(rows) <= limit:
        return Page(rows, None)
    kept = rows[:limit]
    return Page(kept, encode_cursor(key(kept[-1])))
