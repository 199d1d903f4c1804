"""Keeps every log line of a test as it was before the product's scrubber, and judges them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from gateway import logs
from kernel import masking

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


@dataclass
class Logbook:
    """What was logged, line by line."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def named(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of one event."""
        return [line for line in self.lines if line.get("event") == event]

    def require_clean(self, secrets: frozenset[str]) -> None:
        """Fail when a line holds personal data or a secret: nothing may be left to the scrubber."""
        for line in self.lines:
            shown = {name: value for name, value in line.items() if name != "exc_info"}
            assert masking.redact(shown, ()) == shown, f"the scrubber had to help: {shown}"
            text = json.dumps(shown, ensure_ascii=False, default=str)
            for secret in secrets:
                assert secret not in text, f"a secret stands in the log: {shown['event']}"


class _Keeper(logging.Handler):
    def __init__(self, book: Logbook) -> None:
        super().__init__(logging.INFO)
        self._book = book

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(logs._QUIET) and record.levelno < logging.WARNING:
            return
        extra = {name: value for name, value in vars(record).items() if name not in _PLAIN}
        self._book.lines.append({"event": record.getMessage(), "logger": record.name, **extra})


@contextmanager
def kept() -> Iterator[Logbook]:
    """Keep what is logged while the block runs."""
    book = Logbook()

    def keep(_logger: Any, method: str, line: MutableMapping[str, Any]) -> Any:
        book.lines.append({"level": method, **line})
        raise structlog.DropEvent

    root, handler = logging.getLogger(), _Keeper(book)
    level = root.level
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, keep],
        cache_logger_on_first_use=False,
    )
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield book
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        structlog.reset_defaults()
