"""Measures one day's reconciliation on PostgreSQL: ``python -m bench.reconciliation [LINES]``."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
from sqlalchemy import insert, text

from kernel.clock import FrozenClock, SystemClock
from kernel.crypto.fields import Algorithm, FieldCipher
from kernel.crypto.keys import KeyRing
from kernel.db.engine import Database
from kernel.db.work import SqlWorks, connection
from kernel.ids import RandomIds, random_bytes
from kernel.money import Fen
from payments import FactSource, PaymentFact, PaymentOptions, PaymentService, ReconFile
from payments import tables as t
from payments.repository import SqlBills
from tests.support.databases import PostgresDatabases
from tests.support.postgres import running_server
from tests.unit.payments.full_finance import FullFinance, ntdz

_AT = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
_NOW = datetime(2026, 3, 3, 0, 0, tzinfo=UTC)
_DAY = _AT.date()
_PAGE = 1000


def facts(lines: int) -> list[PaymentFact]:
    """Return the payments of a day, all of different bills."""
    return [
        PaymentFact(
            FactSource.PUSH, f"370000261{n:010d}0", f"T{n:024d}", Fen(8000), _AT, channel_raw="51"
        )
        for n in range(lines)
    ]


async def fill(url: str, lines: int) -> None:
    """Write as many paid bills as there will be lines, straight into the tables."""
    works = SqlWorks(Database(url, durable=False), SystemClock(), RandomIds(SystemClock()))
    many = facts(lines)
    for start in range(0, lines, _PAGE):
        bills = [_bill(n, many[n]) for n in range(start, min(start + _PAGE, lines))]
        money = [_attempt(n, many[n]) for n in range(start, min(start + _PAGE, lines))]
        async with works.begin() as work:
            await connection(work).execute(insert(t.bill), bills)
            await connection(work).execute(insert(t.attempt), money)
    # As autovacuum would have by the next morning.
    async with works.begin() as work:
        await connection(work).execute(text("ANALYZE"))
    await works.database.dispose()


def _bill(n: int, fact: PaymentFact) -> dict[str, object]:
    return {
        "bill_id": f"bill_{n:026d}",
        "reference": f"case_{n:026d}",
        "fee_version": "1",
        "pay_code": fact.pay_code,
        "order_no": fact.pay_code,
        "pay_url": "http://pay.example/",
        "division": "370000",
        "agency": "0370001",
        "account": "3700001",
        "payer": b"0" * 60,
        "original_fen": 8000,
        "delay_fen": 0,
        "deadline": _AT,
        "pay": "paid",
        "fund": "none",
        "receipt": "none",
        "refund": "none",
        "recon": "unchecked",
        "exceptions": "",
        "failure_code": "",
        "paid_fen": 8000,
        "paid_at": _AT,
        "created_at": _AT,
        "updated_at": _AT,
        "version": 3,
    }


def _attempt(n: int, fact: PaymentFact) -> dict[str, object]:
    return {
        "attempt_id": f"attempt_{n:026d}",
        "bill_id": f"bill_{n:026d}",
        "opened_here": False,
        "state": "succeeded",
        "tra_no": fact.tra_no,
        "amount_fen": 8000,
        "channel": "alipay",
        "channel_raw": "51",
        "opened_at": _AT,
        "settled_at": _AT,
        "day": _DAY,
    }


async def measure(url: str, file: ReconFile) -> None:
    """Reconcile the file once, and print seconds and the process's highest memory."""
    clock = FrozenClock(_NOW)
    works = SqlWorks(Database(url), clock, RandomIds(clock))
    finance = FullFinance(clock)
    finance.files[_DAY] = file
    cipher = FieldCipher(KeyRing({"k": bytes(32)}, "k"), Algorithm.AES_256_GCM, random_bytes)
    service = PaymentService(
        provider=finance,
        repository=SqlBills(cipher),
        works=works,
        clock=clock,
        ids=RandomIds(clock),
        options=PaymentOptions(upstream="bench_finance"),
    )
    begun, busy, server = time.monotonic(), time.process_time(), server_seconds(url)
    report = await service.recon.reconcile(_DAY)
    first, busy = time.monotonic() - begun, time.process_time() - busy
    server = server_seconds(url) - server
    begun = time.monotonic()
    await service.recon.reconcile(_DAY)
    again = time.monotonic() - begun
    memory = peak_megabytes()
    if report is None or not report.agrees:
        raise SystemExit("the day does not agree")
    print(
        f"{report.matched.count} lines: {first:.1f} s ({busy:.1f} s of CPU here, "
        f"{server:.1f} s in the server), "
        f"again {again:.1f} s, memory {memory} MB at most"
    )
    await works.database.dispose()


def peak_megabytes() -> int:
    """Return the most memory this process ever had resident; getrusage would add its parent's."""
    status = Path("/proc/self/status").read_text("ascii")
    kilobytes = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes.split()[1]) // 1024


def server_seconds(url: str) -> float:
    """Return the CPU seconds of the server's processes up to now."""
    folder = url.partition("?host=")[2].removesuffix("/socket")
    keepers = [
        process
        for process in psutil.process_iter()
        if process.name() == "postgres" and any(folder in part for part in process.cmdline())
    ]
    family = {child for keeper in keepers for child in [keeper, *keeper.children(recursive=True)]}
    return sum(sum(process.cpu_times()[:4]) for process in family)


def main() -> None:
    """Prepare a server of its own, and measure in a process of its own."""
    if len(sys.argv) == 3:
        path = Path(sys.argv[2])
        told = json.loads(path.with_suffix(".json").read_text("utf-8"))
        asyncio.run(measure(sys.argv[1], ReconFile(**told, content=path.read_bytes())))
        return
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with (
        running_server() as server,
        tempfile.TemporaryDirectory() as folder,
        PostgresDatabases(server).fresh() as url,
    ):
        asyncio.run(fill(url, lines))
        file = ntdz(_DAY, facts(lines), [])
        path = Path(folder) / file.name
        path.write_bytes(file.content)
        told = {"name": file.name, "revision": 1, "count": file.count}
        told |= {"total_fen": file.total_fen, "sha256": file.sha256}
        path.with_suffix(".json").write_text(json.dumps(told), "utf-8")
        command = [sys.executable, "-m", "bench.reconciliation", url, str(path)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
