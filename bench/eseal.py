"""Seals: documents sealed and verified per CPU-second, threads, memory, against bare libcrypto.

``python -m bench.eseal`` prints the table; ``figures()`` returns the same numbers.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from adapters.sandbox.seals.authority import Authority, KeptSeal
from adapters.sandbox.store import Store
from e_seal import Attachment, TrustStore, Verdict
from e_seal.ofd import writer
from e_seal.signing import Stamp, embed, prepare
from e_seal.verify import verify
from kernel.clock import FrozenClock
from kernel.crypto import sm2

NOW: Final = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SEAL: Final = "37010000000104"
WANTED: Final = {"seal a document": 500.0, "verify a document": 500.0}
"""Per CPU-second."""
MOST_MEMORY: Final = 2 * 1024 * 1024
ATTACHMENT: Final = 50 * 1024 * 1024
THREADS: Final = 8
_SECONDS: Final = 1.5


@dataclass(frozen=True)
class Row:
    """One thing measured: how often in a CPU-second, and the ratio to what it is held against."""

    name: str
    per_second: float
    against: str = ""
    ratio: float | None = None
    wanted: float | None = None

    @property
    def ok(self) -> bool:
        """Return whether it is as fast as wanted."""
        return self.wanted is None or self.per_second >= self.wanted


@dataclass(frozen=True)
class Ground:
    """What is sealed, and with what."""

    seal: KeptSeal
    authority: Authority
    trust: TrustStore
    sealed: bytes


def rate(work: Callable[[], object], seconds: float = _SECONDS) -> float:
    """Return how often ``work`` runs in one second of this thread's CPU time."""
    work()
    count, start = 0, time.thread_time()
    while (spent := time.thread_time() - start) < seconds:
        work()
        count += 1
    return count / spent


def threaded(work: Callable[[], object], threads: int, seconds: float = _SECONDS) -> float:
    """Return how often ``work`` runs in a second of the clock with so many threads."""
    counts = [0] * threads
    stop = threading.Event()

    def run(number: int) -> None:
        while not stop.is_set():
            work()
            counts[number] += 1

    workers = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    start = time.monotonic()
    for worker in workers:
        worker.start()
    time.sleep(seconds)
    stop.set()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.monotonic() - start)


def document(attachments: list[Attachment] | None = None) -> bytes:
    """Return a page of text as the desk writes it."""
    lines = [writer.Text(28, 40 + 10 * row, "受理通知书示例文字一行", 4) for row in range(12)]
    model = writer.Document(
        doc_id=writer.doc_id_of("bench_0001"),
        title="受理通知书",
        pages=[writer.Page(tuple(lines))],
        attachments=attachments or [],
    )
    return writer.write(model, NOW)


def sealed(seal: KeptSeal, data: bytes, unsigned: bytes) -> bytes:
    """Return a document sealed with this issue of a seal: one signature and the container."""
    frozen = prepare(unsigned, data, [Stamp(0, 120, 200, 42, 42)], at=NOW)
    return embed(frozen, seal.sign(frozen.digest, frozen.property_info, NOW))


def ground(folder: Path) -> Ground:
    """Make the sandbox's seals."""
    clock = FrozenClock(NOW)
    authority = Authority(Store(folder), clock)
    authority.establish()
    seal = authority.seal(SEAL)
    if seal is None:
        raise RuntimeError("the sandbox has no such seal")
    trust = TrustStore.from_pem(authority.root_pem)
    return Ground(seal, authority, trust, sealed(seal, seal.data, document()))


def speed(on: Ground) -> list[Row]:
    """Return the rates of sealing and verifying, and of bare SM2 beside them."""
    key, message = on.seal.signer.key, b"m" * 1024
    value = sm2.sign(key, message)
    sign = rate(lambda: sm2.sign(key, message))
    check = rate(lambda: sm2.verify(key.public, message, value))
    unsigned = document()

    def seal_one() -> None:
        # What the province does too: its own signature over the seal counts as the second one.
        sm2.sign(key, on.seal.data)
        sealed(on.seal, on.seal.data, unsigned)

    def verify_one() -> None:
        report = verify(on.sealed, trust=on.trust, now=NOW)
        if report.verdict is Verdict.INVALID:
            raise RuntimeError("the benchmark's document is invalid")

    sealing, verifying = rate(seal_one), rate(verify_one)
    return [
        Row("bare SM2 sign", sign),
        Row("bare SM2 verify", check),
        Row("seal a document", sealing, "two bare signs", sealing / (sign / 2), 500.0),
        Row("verify a document", verifying, "two bare verifies", verifying / (check / 2), 500.0),
    ]


def scaling(on: Ground) -> list[Row]:
    """Return what eight threads do in a second of the clock, against one thread."""
    key, message = on.seal.signer.key, b"m" * 1024
    value = sm2.sign(key, message)

    def bare() -> None:
        sm2.verify(key.public, message, value)

    def whole() -> None:
        verify(on.sealed, trust=on.trust, now=NOW)

    found = []
    for name, work in (("bare SM2 verify", bare), ("verify a document", whole)):
        one, many = threaded(work, 1), threaded(work, THREADS)
        found.append(Row(f"{name}, {THREADS} threads", many, "one thread", many / one))
    return found


def memory(on: Ground, folder: Path) -> int:
    """Return the most that verifying a file with a 50 MB attachment holds at one time, in bytes.

    The one-page document's own needs are taken off: what is left is the attachment's doing.
    """
    content = os.urandom(ATTACHMENT)
    big = sealed(on.seal, on.seal.data, document([Attachment("big", "big.bin", content)]))
    path = folder / "big.ofd"
    path.write_bytes(big)
    del content, big
    small = folder / "small.ofd"
    small.write_bytes(on.sealed)
    return _peak(path, on.trust) - _peak(small, on.trust)


def _peak(path: Path, trust: TrustStore) -> int:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        tracemalloc.start()
        try:
            report = verify(mapped, trust=trust, now=NOW)
            held = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    if report.verdict is Verdict.INVALID:
        raise RuntimeError("the benchmark's document is invalid")
    return held


def figures() -> tuple[list[Row], int]:
    """Measure everything; return the rows and the memory in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        on = ground(Path(folder))
        return [*speed(on), *scaling(on)], memory(on, Path(folder))


def table(rows: list[Row], extra: int) -> Table:
    """Return the figures for people."""
    caption = f"a 50 MB attachment takes {extra / 1024:.0f} KB more to verify (at most 2048)"
    made = Table(title=f"Seals, {sm2.backend_report().backend}, {os.cpu_count()} cores")
    made.caption = caption
    for title in ("what", "per CPU-second", "against", "ratio", "wanted"):
        made.add_column(title)
    for row in rows:
        wanted = "" if row.wanted is None else f"{row.wanted:.0f} {'ok' if row.ok else 'NOT MET'}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        made.add_row(row.name, f"{row.per_second:.0f}", row.against, ratio, wanted)
    return made


def main() -> int:
    """Print the table; return 1 when something is slower or larger than wanted."""
    rows, extra = figures()
    Console(width=110).print(table(rows, extra))
    return 0 if all(row.ok for row in rows) and extra <= MOST_MEMORY else 1


if __name__ == "__main__":
    sys.exit(main())
