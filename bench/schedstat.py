"""Reads how much processor time a group of processes has used, from Linux's /proc."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")


class NotMeasurable(RuntimeError):
    """This machine does not say how much processor time a process has used."""


def parse_schedstat(text: str) -> int:
    """Return the nanoseconds on a processor: the first of the file's three numbers."""
    return int(text.split(maxsplit=1)[0])


def parse_stat(text: str) -> tuple[int, int]:
    """Return parent and process group of a /proc/PID/stat line."""
    # The command's name stands in parentheses and may itself hold spaces and parentheses.
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), int(fields[2])


def group_members(group: int, proc: Path = PROC) -> list[int]:
    """Return the processes of a process group."""
    return [pid for pid, (_, pgrp) in _processes(proc).items() if pgrp == group]


def family(parent: int, proc: Path = PROC) -> list[int]:
    """Return a process and its children: PostgreSQL's backends leave the group of their parent."""
    return [parent, *(pid for pid, (ppid, _) in _processes(proc).items() if ppid == parent)]


def cpu_ns(pids: list[int], proc: Path = PROC) -> int:
    """Return the nanoseconds that the threads of these processes have used so far.

    A thread or process that has just ended counts nothing. Raises NotMeasurable where the kernel
    keeps no such figures.
    """
    if not (proc / "self" / "schedstat").exists():
        raise NotMeasurable(
            "no /proc/self/schedstat here: the benchmark needs Linux with CONFIG_SCHED_INFO"
        )
    total = 0
    for pid in pids:
        for task in _entries(proc / str(pid) / "task"):
            try:
                total += parse_schedstat((task / "schedstat").read_text("ascii"))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return total


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return []


def _processes(proc: Path) -> dict[int, tuple[int, int]]:
    found = {}
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            found[int(entry.name)] = parse_stat((entry / "stat").read_text("utf-8", "replace"))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
