"""JSON that was encoded more than once, as identity systems of the JIS family send it."""

from __future__ import annotations

import json
from typing import Any, Final

MAX_DEPTH: Final = 3


class Malformed(ValueError):
    """An answer of another shape; the text names what is wrong and never a value."""


def unwrap(data: object) -> dict[str, Any]:
    """Return the object inside JSON that was encoded up to three times; raise
    Malformed otherwise.
    """
    found = _decoded(data)
    if not isinstance(found, dict):
        raise Malformed(f"data holds no object within {MAX_DEPTH} layers")
    return found


def unwrap_list(data: object) -> list[Any]:
    """Return the list inside JSON that was encoded up to three times; raise Malformed otherwise."""
    found = _decoded(data)
    if not isinstance(found, list):
        raise Malformed(f"data holds no list within {MAX_DEPTH} layers")
    return found


def _decoded(data: object) -> object:
    for _ in range(MAX_DEPTH):
        if not isinstance(data, str):
            break
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            raise Malformed("data is not JSON") from None
    return data
