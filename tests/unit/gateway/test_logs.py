"""The log as a process writes it: JSON lines on standard error, scrubbed whoever logged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
ID_NUMBER, MOBILE, TOKEN = "370102199003071238", "13800000001", "sdat_" + "aB3" * 15
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PROGRAM = f"""
import logging
import structlog
from gateway.logs import configure
from gateway.settings import LogSettings

configure(LogSettings(level="INFO", json_lines={{json_lines}}), "onewindow test")
own, foreign = structlog.get_logger("own"), logging.getLogger("foreign.library")
with structlog.contextvars.bound_contextvars(trace_id="{TRACE}"):
    own.info("signed_in", number="{ID_NUMBER}", note="call {MOBILE}", count=3)
    foreign.warning("token %s of %s", "{TOKEN}", "{ID_NUMBER}")
    foreign.warning("with extra", extra={{{{"mobile": "{MOBILE}", "code": "late"}}}})
    own.debug("not shown")
    logging.getLogger("httpx").info("GET http://upstream/?ticket=ST-1")
    try:
        raise ValueError("{ID_NUMBER} {MOBILE}")
    except ValueError:
        own.exception("crashed")
"""


def written(*, json_lines: bool) -> str:
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(json_lines=json_lines)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == ""
    return found.stderr


def require_scrubbed(text: str) -> None:
    for secret in (ID_NUMBER, MOBILE, TOKEN, "ticket=ST-1"):
        assert secret not in text
    assert "370102********1238" in text


def test_json_lines():
    text = written(json_lines=True)
    require_scrubbed(text)
    lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    assert [line["event"].split()[0] for line in lines] == [
        "signed_in",
        "token",
        "with",
        "crashed",
    ]
    for line in lines:
        assert line["trace_id"] == TRACE
        assert line["process"] == "onewindow test"
        assert line["timestamp"].endswith("Z")
        assert line["level"] in {"info", "warning", "error"}
        assert line["logger"] in {"own", "foreign.library"}
    assert lines[0]["count"] == 3
    assert (lines[2]["code"], lines[2]["mobile"]) == ("late", "138****0001")
    assert "ValueError" in lines[3]["exception"]


def test_lines_for_people():
    text = written(json_lines=False)
    require_scrubbed(text)
    assert "signed_in" in text
    assert "\x1b" not in text
