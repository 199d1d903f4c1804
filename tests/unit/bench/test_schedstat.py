"""Reading processor time: the kernel's files as they are, also of processes that are gone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.facts import cpu_model
from bench.schedstat import (
    NotMeasurable,
    cpu_ns,
    family,
    group_members,
    parse_schedstat,
    parse_stat,
)

SECOND = 10**9


def write(proc: Path, pid: int, parent: int, group: int, **threads: int) -> None:
    folder = proc / str(pid)
    for number, used in threads.items():
        task = folder / "task" / number.removeprefix("t")
        task.mkdir(parents=True)
        (task / "schedstat").write_text(f"{used} 12 3\n", "ascii")
    folder.mkdir(exist_ok=True)
    (folder / "stat").write_text(f"{pid} (a) name) S {parent} {group} 1 0 -1", "utf-8")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "schedstat").write_text("1 1 1", "ascii")
    (tmp_path / "meminfo").write_text("", "ascii")
    write(tmp_path, 10, 1, 10, t10=100, t11=20)
    write(tmp_path, 12, 10, 10, t12=3)
    write(tmp_path, 13, 10, 13, t13=1000)
    return tmp_path


def test_the_first_number_is_time_on_a_processor():
    assert parse_schedstat("12345 678 9\n") == 12345


def test_a_name_may_hold_what_separates():
    assert parse_stat("7 (a) b (c)) R 5 6 7 8") == (5, 6)


def test_a_group_is_found_and_summed_over_threads(proc):
    assert sorted(group_members(10, proc)) == [10, 12]
    assert cpu_ns(group_members(10, proc), proc) == 123


def test_a_family_crosses_groups(proc):
    assert sorted(family(10, proc)) == [10, 12, 13]


def test_what_is_gone_counts_nothing(proc):
    (proc / "10" / "task" / "11" / "schedstat").unlink()
    assert cpu_ns([10, 4711], proc) == 100


def test_a_kernel_without_figures_is_said_so(tmp_path):
    with pytest.raises(NotMeasurable, match="CONFIG_SCHED_INFO"):
        cpu_ns([1], tmp_path)


def test_a_real_process_group_uses_time():
    busy = "import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    with subprocess.Popen(
        [sys.executable, "-c", f"{busy}\nprint(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert group_members(process.pid) == [process.pid]
        assert 0.2 * SECOND <= cpu_ns(group_members(process.pid)) < 20 * SECOND
        process.communicate(b"\n")


def test_our_own_time_agrees_with_the_clock_of_the_process():
    before, started = cpu_ns([os.getpid()]), time.process_time_ns()
    while time.process_time_ns() - started < SECOND // 10:
        pass
    assert cpu_ns([os.getpid()]) - before == pytest.approx(SECOND // 10, rel=0.5)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("processor\t: 0\nmodel name\t: AMD EPYC 7763\nflags\t: fpu", "AMD EPYC 7763"),
        ("processor : 0\nCPU Model : Loongson-3A5000\n", "Loongson-3A5000"),
    ],
)
def test_the_processors_name_is_read(text, name):
    assert cpu_model(text) == name
