"""The harness: prepares, interleaves the rounds, writes the file, prints the table."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import facts, profile, report, servers
from bench.profiled import STARTED
from bench.schedstat import NotMeasurable
from bench.servers import Cores, ServerFailed
from bench.stores import stores
from bench.suite import Options, Target, measure, targets
from tests.support.postgres import NoPostgresError

_BUSY: Final = 0.9


def run(
    options: Options, console: Console, results: Path, output: Path | None, *, profiling: bool
) -> int:
    """Measure or profile; return 1 when a server failed or answered errors."""
    started = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    results.mkdir(parents=True, exist_ok=True)
    try:
        if profiling:
            return _profile(options, console, started, results)
        return _measure(options, console, started, results, output or results / f"{started}.json")
    except (ServerFailed, NotMeasurable, NoPostgresError) as exc:
        console.print(f"[red]{type(exc).__name__}[/red]: {exc}", highlight=False)
        return 1


@contextmanager
def _bench(
    options: Options, progress: Progress, results: Path
) -> Iterator[tuple[list[Target], Path, Cores, list[str]]]:
    """Prepare everything; yield the targets, a folder for logs, the cores, database versions."""
    cores = Cores.of_machine()
    # PostgreSQL and the generator inherit this core; the servers are moved to the other one.
    os.sched_setaffinity(0, {cores.load})
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=results))
    try:
        with stores(options.databases, folder) as found:
            task = progress.add_task("preparing", total=None)

            def tell(what: str) -> None:
                progress.update(task, description=what)

            ready = list(targets(options, found, folder, tell))
            versions = [store.version() for store in found]
            progress.remove_task(task)
            yield ready, folder, cores, versions
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), console=console)


def _measure(options: Options, console: Console, started: str, results: Path, output: Path) -> int:
    machine = facts.machine(())
    rounds: list[dict[str, Any]] = []
    with (
        _progress(console) as progress,
        _bench(options, progress, results) as (ready, folder, cores, found),
    ):
        machine["databases"] = found
        total = options.rounds * sum(len(target.cases) for target in ready)
        task = progress.add_task("measuring", total=total)
        for number in range(options.rounds):
            for target in ready:
                for one in _round(target, options, folder, cores):
                    rounds.append({"round": number, **one})
                    figures = f"{one['cpu_us']:.0f} µs, {one['rps']:.0f}/s"
                    text = f"{one['case']}, {one['database']}: {figures}"
                    progress.update(task, advance=1, description=text)
    document = {
        "schema": 1,
        "started_at": started,
        "machine": machine,
        "options": asdict(options),
        "rounds": rounds,
    }
    output.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    report.show(report.run_table(document), console)
    console.print(f"figures: {output}", highlight=False)
    return complaints(rounds, console)


def _round(
    target: Target, options: Options, folder: Path, cores: Cores
) -> Iterator[dict[str, Any]]:
    """Start one server on a fresh database, measure each of its cases, stop it."""
    launch = target.launch()
    log = folder / f"{target.name}-{target.database}.log"
    with servers.running(launch, cores.server, log) as group:
        for name, workload in target.cases.items():
            load_before = facts.load_average()
            figures = measure(target, workload, group, launch.port, options)
            yield {
                "case": name,
                "database": target.database,
                "load_average": load_before,
                **asdict(figures),
            }


def complaints(rounds: list[dict[str, Any]], console: Console) -> int:
    """Say what spoils the figures; return 1 when there were errors."""
    for one in rounds:
        where = f"{one['case']}, {one['database']}, round {one['round'] + 1}"
        if one["generator_us"] * one["rps"] / 1e6 > _BUSY:
            console.print(f"{where}: the generator was the limit of requests/s; CPU µs still hold")
        if one["errors"]:
            sample = "\n".join(one["samples"])
            console.print(f"[red]{where}: {one['errors']} errors[/red]\n{sample}", highlight=False)
    return 1 if any(one["errors"] for one in rounds) else 0


def _profile(options: Options, console: Console, started: str, results: Path) -> int:
    """Profile one case of the gateway on each database and show where its time goes."""
    rounds: list[dict[str, Any]] = []
    with (
        _progress(console) as progress,
        _bench(options, progress, results) as (ready, folder, cores, _),
    ):
        for target in ready:
            for name, workload in target.cases.items():
                slug = f"{started}-{name.replace(' ', '-')}-{target.database}.profile.json"
                path = results.resolve() / slug
                mark = path.with_suffix(STARTED)
                launch = servers.profiled(target.launch(), path)
                with servers.running(launch, cores.server, folder / "profile.log") as group:
                    figures = measure(target, workload, group, launch.port, options, str(mark))
                mark.unlink()
                taken = json.loads(path.read_text("utf-8"))
                for table in profile.tables(taken, figures.cpu_us):
                    report.show(table, console)
                text = f"{name}, {target.database}: {figures.requests} requests, "
                console.print(f"{text}{figures.cpu_us:.0f} µs each; {results / slug}")
                one = {"case": name, "database": target.database, "round": 0}
                rounds.append(one | asdict(figures))
    return complaints(rounds, console)
