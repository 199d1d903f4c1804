"""What figures mean nothing without: the machine, the versions, and the commit."""

from __future__ import annotations

import os
import platform
import subprocess
import sysconfig
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = (
    "fastapi", "starlette", "uvicorn", "uvloop", "httptools", "pydantic", "sqlalchemy", "asyncpg",
    "aiosqlite", "cryptography", "structlog",
)  # fmt: skip


def machine(databases: Iterable[str]) -> dict[str, Any]:
    """Return the facts; ``databases`` are the versions of those that take part."""
    configured = str(sysconfig.get_config_var("CONFIG_ARGS"))
    return {
        "cpu": cpu_model(Path("/proc/cpuinfo").read_text("utf-8", "replace")),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "python_optimised": "--enable-optimizations" in configured,
        "databases": list(databases),
        "packages": {name: version(name) for name in PACKAGES},
        "commit": commit(),
    }


def cpu_model(cpuinfo: str) -> str:
    """Return the processor's name from the text of /proc/cpuinfo."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip().lower() in {"model name", "hardware", "cpu model"}:
            return value.strip()
    return platform.processor() or "unknown"


def load_average() -> float:
    """Return how many processes wanted to run, on average over the last minute."""
    return os.getloadavg()[0]


def commit() -> str:
    """Return the commit's short id, with ``+changes`` when files differ; empty outside git."""
    head = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return head + ("+changes" if head and changed else "")


def _git(*arguments: str) -> str:
    root = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
