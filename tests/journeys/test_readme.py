"""The first calls of both READMEs, pasted into a shell beside a running demonstration."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.demo.installation import install
from gateway.cli.demo.processes import Processes
from kernel.clock import SystemClock
from tests.support.documents import READMES, session

pytestmark = pytest.mark.timeout(240)

ADDRESS = "http://127.0.0.1:18080"
MARK = "\nprintf '\\n--- end of block ---\\n'\n"


@contextmanager
def demonstration(folder: Path, port: int) -> Iterator[str]:
    """Run sandbox, serve and worker; yield the gateway's address."""
    installation = asyncio.run(install(folder, port, SystemClock()))
    told: list[str] = []
    with Processes(installation.settings_file, folder / "logs", told.append) as processes:
        processes.wait_until_ready(installation.url)
        yield installation.url
    assert told == [], "a process died"


def pasted(url: str, readme: Path) -> list[str]:
    """Run the page's shell session as one script; return what each block printed."""
    # curl writes no newline behind an answer, so every call gets one; a failed call stops here.
    head = "set -euo pipefail\ncurl() { command curl --no-progress-meter -w '\\n' \"$@\"; }\n"
    script = head + "".join(block + MARK for block in session(readme))
    assert ADDRESS in script
    run = subprocess.run(
        ["bash", "-c", script.replace(ADDRESS, url)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.split("--- end of block ---\n")


def answers(printed: str) -> list[Any]:
    """Every JSON document that a block printed, in its order."""
    return [json.loads(line) for line in printed.splitlines() if line.strip()]


def test_the_first_calls(tmp_path: Path, first_port: int) -> None:
    with demonstration(tmp_path / "demo", first_port) as url:
        for readme in READMES:
            look, sign_in, declare, follow, rest = pasted(url, readme)
            assert rest == ""
            check_look(answers(look))
            assert answers(sign_in)[-1]["sub"].startswith("P")
            check_declare(answers(declare))
            check_follow(answers(follow))


def check_look(found: list[Any]) -> None:
    ready, dependencies, items, item = found
    assert ready["status"] == "ok"
    assert {one["kind"] for one in dependencies["dependencies"]} == {
        "database",
        "identity",
        "second_factor",
        "e_license",
        "e_seal",
        "payments",
    }
    assert dependencies["status"] == "ok"
    assert item["code"] in {row["code"] for row in items["rows"]}
    assert [material["code"] for material in item["materials"]] == ["M01", "M02", "M03"]


def check_declare(found: list[Any]) -> None:
    outlook, first, second, upload, submitted = found
    assert (outlook["to_bring"], outlook["fee_fen"]) == (1, 8000)
    assert [one["replaced"] for one in outlook["materials"]] == [True, True, False]
    assert [first["source"], second["source"], upload["source"]] == ["LICENCE", "LICENCE", "UPLOAD"]
    assert submitted["state"] == "SUBMITTED"
    assert submitted["receipt_no"]


def check_follow(found: list[Any]) -> None:
    timeline, events, refusal = found
    types = [event["type"] for event in timeline]
    assert (types[0], types[-1]) == ("case.declared", "case.submitted")
    assert [event["sequence"] for event in timeline] == list(range(1, len(types) + 1))
    assert {event["id"] for event in timeline} <= {event["id"] for event in events["rows"]}
    assert (refusal["code"], refusal["status"]) == ("unauthenticated", 401)
    assert refusal["citizen"] == "Please sign in, or sign in again."
