"""The demonstration as its users run it: once, twice, with processes killed, on a bad machine."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import httpx
import pytest

from gateway.bootstrap import build
from gateway.cli.demo.installation import install, require_machine
from gateway.cli.demo.play import Played, play
from gateway.cli.demo.processes import Processes
from gateway.settings import BadSettings, Settings
from kernel.clock import SystemClock
from kernel.crypto import sm2
from kernel.db.events import timeline
from kernel.ids import RandomIds

pytestmark = pytest.mark.timeout(240)

_PATH = [
    "case.declared",
    "case.submitted",
    "case.received",
    "case.accepted",
    "case.review_started",
    "case.reviewed",
    "case.payment_requested",
    "payments.paid",
    "case.payment_settled",
    "case.decided",
    "case.concluded",
    "case.delivery_started",
    "case.delivered",
]


def _demo(folder: Path, port: int, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway.cli.main", "demo", *options]
    return subprocess.run(
        [*command, "--folder", str(folder), "--port", str(port)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_once_and_twice(tmp_path: Path, first_port: int) -> None:
    first = _demo(tmp_path / "demo", first_port, "--once")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "VALID" in first.stdout
    assert list((tmp_path / "demo" / "documents").glob("acceptance-*.ofd"))
    settings = (tmp_path / "demo" / "settings.toml").read_text()
    assert (tmp_path / "demo" / "settings.toml").stat().st_mode & 0o077 == 0

    second = _demo(tmp_path / "demo", first_port, "--once")
    assert second.returncode == 0, second.stdout + second.stderr
    assert (tmp_path / "demo" / "settings.toml").read_text() == settings
    assert len(list((tmp_path / "demo" / "documents").glob("acceptance-*.ofd"))) == 2
    codes = [re.search(r"pay code:\s+(\d{20})", run.stdout) for run in (first, second)]
    assert codes[0] is not None
    assert codes[1] is not None
    assert codes[0][1] != codes[1][1]
    for log in (tmp_path / "demo" / "logs").glob("*.log"):
        text = log.read_text()
        assert "370102199003071238" not in text, log.name
        assert "13800000001" not in text, log.name
        assert not re.search(r"sd[as]t_[A-Za-z0-9_-]{43}", text), log.name


def test_processes_killed_while_it_plays(tmp_path: Path, first_port: int) -> None:
    installation = asyncio.run(install(tmp_path / "demo", first_port, SystemClock()))
    told: list[str] = []
    with Processes(installation.settings_file, tmp_path / "logs", told.append) as processes:
        processes.wait_until_ready(installation.url)

        def tell(text: str) -> None:
            told.append(text)
            if "缴款识别码" in text:
                os.kill(processes.pid("worker"), signal.SIGKILL)
            if "审批人" in text:
                os.kill(processes.pid("serve"), signal.SIGKILL)
                timer = threading.Timer(0.4, lambda: os.kill(processes.pid("worker"), 9))
                timer.start()

        played = play(installation, RandomIds(SystemClock()), tell)
        acts = _seal_acts(installation.settings.adapters["sd_seal"].options["base_url"])
    assert sum("restarted" in text for text in told) >= 2
    _require_whole(played)
    events = asyncio.run(_events(installation.settings, played.case["case_id"]))
    assert events["payments.paid"] == 1
    assert events["payments.bill_raised"] == 1
    assert events["case.document_sealed"] == 4
    # The licence that the case results in is sealed by itself; it may have come already.
    assert len(acts) in {4, 5}, "one seal act per document"
    assert set(acts.values()) == {1}


def _seal_acts(url: str) -> Counter[str]:
    found = httpx.get(f"{url}/sim/acts").json()
    return Counter(act["requestId"] for act in found["acts"])


async def _events(settings: Settings, case_id: str) -> Counter[str]:
    container = build(settings)
    try:
        async with container.works.read() as work:
            events = await timeline(work, case_id, limit=500)
    finally:
        await container.close()
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    return Counter(event.topic for event in events)


def _require_whole(played: Played) -> None:
    assert played.case["state"] == "DELIVERED"
    assert set(played.verdicts) <= {"VALID", "VALID_WITH_WARNINGS"}
    assert len(played.documents) == 4
    types = [event["type"] for event in played.timeline]
    places = [types.index(name) for name in _PATH]
    assert places == sorted(places)
    assert [event["sequence"] for event in played.timeline] == list(
        range(1, len(played.timeline) + 1)
    )


def test_taken_port_is_one_sentence(tmp_path: Path, first_port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first_port))
        taken.listen()
        run = _demo(tmp_path / "demo", first_port, "--once")
    assert run.returncode == 1
    assert str(first_port) in run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert len(run.stderr.strip().splitlines()) == 1


def test_unwritable_folder_is_one_sentence(tmp_path: Path, first_port: int) -> None:
    # A file in the way is refused to everybody, also to root.
    (tmp_path / "demo").write_text("")
    run = _demo(tmp_path / "demo" / "inside", first_port, "--once")
    assert run.returncode == 1
    assert "not writable" in run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert len(run.stderr.strip().splitlines()) == 1


def test_missing_libcrypto_is_one_sentence() -> None:
    report = sm2.BackendReport("python", can_sign=False, reason="libcrypto.so.3 was not found")
    with pytest.raises(BadSettings, match="libssl3") as caught:
        require_machine(report)
    assert len(str(caught.value).splitlines()) == 1
    assert "libcrypto.so.3 was not found" in str(caught.value)
