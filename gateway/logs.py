"""Structured logs: one JSON line per event, scrubbed of personal data before it is written."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from gateway.settings import LogSettings
from kernel import masking

_QUIET: Final = (
    "aiosqlite",
    "alembic",
    "asyncio",
    "httpx",
    "uvicorn.access",
    "uvicorn.error",
)
Line = MutableMapping[str, Any]


def _scrubbed(_logger: Any, _method: str, line: Line) -> Line:
    """Mask what looks like a number of a person, a telephone or a token, whoever logged it."""
    return {
        name: masking.scrub(value) if isinstance(value, str) and name != "trace_id" else value
        for name, value in line.items()
    }


def configure(settings: LogSettings, process: str) -> None:
    """Send structlog and the standard library's loggers to standard error in one format."""

    def named(_logger: Any, _method: str, line: Line) -> Line:
        line["process"] = process
        return line

    shared: list[Any] = [
        # First: a line that is not written must not be scrubbed.
        structlog.stdlib.filter_by_level,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        named,
        structlog.processors.format_exc_info,
        _scrubbed,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.json_lines
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared[1:],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
