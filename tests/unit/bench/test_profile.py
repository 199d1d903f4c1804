"""The sampling profiler: it sees what runs, ignores waiting, and knows whose code it is."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from bench.profile import shares, tables
from bench.profiled import STARTED, Samples, name, package, sample, stack


def busy(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@pytest.mark.parametrize(
    ("file", "owner"),
    [
        ("/x/lib/python3.11/site-packages/sqlalchemy/sql/base.py", "sqlalchemy"),
        ("/srv/gateway/api/once.py", "gateway"),
        ("/srv/kernel/db/work.py", "kernel"),
        ("/usr/lib/python3.11/asyncio/runners.py", "python"),
        ("<string>", "python"),
    ],
)
def test_code_belongs_to_somebody(file, owner):
    assert package(file) == owner


def test_a_stack_begins_where_the_program_is():
    found = [name(frame) for frame in stack(sys._getframe())]
    assert found[0].startswith("unit/bench/test_profile.py:")
    assert found[0].endswith(" test_a_stack_begins_where_the_program_is")
    assert len(found) > 3


def test_a_busy_thread_is_seen_and_a_waiting_one_is_not(tmp_path: Path):
    output, samples, end = tmp_path / "out.json", Samples(), threading.Event()
    output.with_suffix(STARTED).touch()
    watcher = threading.Thread(target=sample, args=(threading.get_ident(), output, samples, end))
    watcher.start()
    busy(0.3)
    time.sleep(0.3)
    end.set()
    watcher.join()
    total = sum(samples.own.values())
    seen = sum(spent for where, spent in samples.own.items() if where.endswith(" busy"))
    assert seen > 0.8 * total
    assert 0.1e9 < total < 0.4e9
    assert sum(samples.packages.values()) == total


def test_nothing_is_seen_before_the_start(tmp_path: Path):
    samples, end = Samples(), threading.Event()
    watcher = threading.Thread(
        target=sample, args=(threading.get_ident(), tmp_path / "out.json", samples, end)
    )
    watcher.start()
    busy(0.05)
    end.set()
    watcher.join()
    assert samples.taken == 0


def test_shares_are_parts_of_the_whole():
    assert shares({"a": 1, "b": 3}, 4) == [("b", 0.75), ("a", 0.25)]
    assert shares({}, 0) == []


def test_a_profile_has_three_tables():
    taken = {"taken": 2, "packages": {"kernel": 5}, "own": {"f": 5}, "ours": {"g": 5}}
    found = tables(taken, cpu_us=800)
    assert [table.row_count for table in found] == [1, 1, 1]
