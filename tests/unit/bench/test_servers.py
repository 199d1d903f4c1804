"""Servers under test: started, stopped in any case, and a failure told with its words."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bench.servers import Cores, Launch, ServerFailed, free_port, onewindow, profiled, running

LISTENER = (
    "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port={port}, bind='127.0.0.1')"
)
FAILING = "import sys; sys.exit('no database today')"
MORTAL = (
    "import socket, sys; s = socket.create_server(('127.0.0.1', {port})); "
    "s.accept(); sys.exit('gone')"
)


def python(text: str, port: int) -> Launch:
    return Launch((sys.executable, "-c", text.format(port=port)), port)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_server_runs_on_its_core_and_is_stopped(tmp_path: Path):
    core = Cores.of_machine().server
    with running(python(LISTENER, free_port()), core, tmp_path / "log") as group:
        assert os.sched_getaffinity(group) == {core}
        assert os.getpgid(group) == group
    assert not alive(group)


def fail_while_it_runs(log: Path, seen: list[int]) -> None:
    launch = python(LISTENER, free_port())
    with running(launch, Cores.of_machine().server, log) as pid:
        seen.append(pid)
        raise ZeroDivisionError


def test_a_server_is_stopped_when_the_measurement_fails(tmp_path: Path):
    seen: list[int] = []
    with pytest.raises(ZeroDivisionError):
        fail_while_it_runs(tmp_path / "log", seen)
    assert not alive(seen[0])


def test_a_server_that_does_not_start_is_told_with_its_words(tmp_path: Path):
    launch = python(FAILING, free_port())
    with (
        pytest.raises(ServerFailed, match="no database today"),
        running(launch, Cores.of_machine().server, tmp_path / "log"),
    ):
        pytest.fail("it never listened")


def test_a_server_that_ends_by_itself_failed(tmp_path: Path):
    launch = python(MORTAL, free_port())
    with (
        pytest.raises(ServerFailed, match="gone"),
        running(launch, Cores.of_machine().server, tmp_path / "log") as pid,
    ):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_a_profile_runs_the_same_command(tmp_path: Path):
    plain = onewindow(tmp_path / "settings.toml", 8000)
    traced = profiled(plain, tmp_path / "out.json")
    assert plain.command[0].endswith("/onewindow")
    assert (
        traced.command[-3:]
        == plain.command[-3:]
        == (
            "serve",
            "--config",
            str(tmp_path / "settings.toml"),
        )
    )
    assert traced.port == plain.port
