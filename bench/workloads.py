"""What is asked of a server: one kind of request, rendered again and again with fresh values."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

NUMBER: Final = "{n}"
VALUE: Final = "{value}"
_DIGITS: Final = "%09d"


@dataclass(frozen=True)
class Workload:
    """One kind of request. ``{n}`` counts the requests; ``{value}`` is the next of ``values``.

    ``{n}`` has nine digits, so that a body's length never changes; ``{value}`` belongs into the
    path. ``spent`` tells that each value works only once: the round ends when they are used up.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    values: tuple[str, ...] = ()
    spent: bool = False

    def as_json(self) -> str:
        """Return the workload for the generator's standard input."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Workload:
        """Return the workload of ``as_json``."""
        data: dict[str, Any] = json.loads(text)
        data["headers"] = tuple((name, value) for name, value in data["headers"])
        data["values"] = tuple(data["values"])
        return Workload(**data)


def get(path: str, token: str = "", values: tuple[str, ...] = ()) -> Workload:
    """Return a read."""
    return Workload("GET", path, _authorization(token), values=values)


def post(
    path: str, key: str, token: str = "", body: Any = None, values: tuple[str, ...] = ()
) -> Workload:
    """Return a write whose every request has an Idempotency-Key of its own."""
    headers = (*_authorization(token), ("Idempotency-Key", f"{key}-{NUMBER}"))
    if body is None:
        return Workload("POST", path, headers, values=values, spent=bool(values))
    text = json.dumps(body, ensure_ascii=False)
    headers = (*headers, ("Content-Type", "application/json"))
    return Workload("POST", path, headers, text, values=values, spent=bool(values))


def _authorization(token: str) -> tuple[tuple[str, str], ...]:
    return (("Authorization", f"Bearer {token}"),) if token else ()


def renderer(workload: Workload, host: str) -> Callable[[int], bytes]:
    """Return a function from the request's number to its bytes; all but the values is prepared."""
    body = _escaped(workload.body)
    length = len((body % ((0,) * body.count(_DIGITS))).encode())
    lines = [f"{workload.method} {workload.path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in workload.headers]
    lines += [f"Content-Length: {length}"] if workload.method != "GET" else []
    head = _escaped("\r\n".join(lines) + "\r\n\r\n")
    text = (head + body).encode()
    numbers = text.count(_DIGITS.encode())
    if VALUE not in workload.path:
        return lambda n: text % ((n,) * numbers)
    before, after = (part.encode() for part in (head + body).split(VALUE))
    ahead, behind = before.count(_DIGITS.encode()), after.count(_DIGITS.encode())
    values = [value.encode() for value in workload.values]

    def render(n: int) -> bytes:
        value = values[n % len(values)]
        return b"".join((before % ((n,) * ahead), value, after % ((n,) * behind)))

    return render


def _escaped(text: str) -> str:
    return text.replace("%", "%%").replace(NUMBER, _DIGITS)
