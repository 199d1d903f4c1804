"""Runs ``onewindow`` with a sampling profiler beside it: ``python -m bench.profiled OUT ARGS…``.

A thread looks at the main thread's stack about once a millisecond and weighs what it sees by the
processor time that the main thread used since it last looked. So waiting costs nothing, nor does a
machine that is busy with others, and no call is made slower, as it is under cProfile.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

STARTED: Final = ".started"
"""Suffix of the file whose appearance starts the sampling: starting up is not the question."""
_PAUSE_S: Final = 0.001
# Ask for the interpreter at once: waiting politely would mostly get it where the main thread gives
# it away by itself, at system calls, and see those far too often.
_SWITCH_S: Final = 1e-6
_OURS: Final = frozenset(
    {"gateway", "kernel", "identity", "adapters", "e_license", "e_seal", "payments"}
)


@dataclass
class Samples:
    """Nanoseconds of the main thread by what it was doing."""

    own: Counter[str] = field(default_factory=Counter)
    ours: Counter[str] = field(default_factory=Counter)
    """By function of our packages, with everything that it called."""
    packages: Counter[str] = field(default_factory=Counter)
    taken: int = 0

    def add(self, frame: FrameType, spent: int) -> None:
        """Account for one look at a stack."""
        self.taken += 1
        self.own[name(frame)] += spent
        self.packages[package(frame.f_code.co_filename)] += spent
        ours = {name(one) for one in stack(frame) if package(one.f_code.co_filename) in _OURS}
        self.ours.update(dict.fromkeys(ours, spent))

    def as_json(self) -> dict[str, Any]:
        """Return the samples for a file."""
        return {
            "taken": self.taken,
            "own": self.own,
            "ours": self.ours,
            "packages": self.packages,
        }


def stack(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield the frames of a stack, the innermost first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def name(frame: FrameType) -> str:
    """Return file, line and name of a frame's function."""
    code = frame.f_code
    short = "/".join(code.co_filename.split("/")[-3:])
    return f"{short}:{code.co_firstlineno} {code.co_qualname}"


def package(file: str) -> str:
    """Return to whom a file belongs: a distribution, one of our packages, or Python itself."""
    _, found, rest = file.rpartition("/site-packages/")
    if found:
        return rest.split("/")[0]
    parts = file.split("/")
    named = [part for part in parts if part in _OURS]
    return named[0] if named and "lib" not in parts else "python"


def sample(main: int, output: Path, samples: Samples, end: threading.Event) -> None:
    """Look at the main thread until the end."""
    started = output.with_suffix(STARTED)
    while not started.exists():
        if end.wait(_PAUSE_S * 20):
            return
    clock = time.pthread_getcpuclockid(main)
    last = time.clock_gettime_ns(clock)
    while not end.wait(_PAUSE_S):
        frame = sys._current_frames().get(main)  # noqa: SLF001 - documented, for this purpose
        now = time.clock_gettime_ns(clock)
        if frame is not None and now > last:
            samples.add(frame, now - last)
        last = now


def main() -> None:
    """Run the command line under the profiler and write the samples when it ends."""
    output = Path(sys.argv.pop(1))
    samples, end = Samples(), threading.Event()
    sys.setswitchinterval(_SWITCH_S)
    sampler = threading.Thread(
        target=sample, args=(threading.get_ident(), output, samples, end), daemon=True
    )
    sampler.start()
    from gateway.cli.main import main as onewindow

    try:
        onewindow()
    finally:
        end.set()
        sampler.join()
        output.write_text(json.dumps(samples.as_json()), "utf-8")


if __name__ == "__main__":
    main()
