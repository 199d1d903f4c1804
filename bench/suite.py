"""Which servers are measured with which requests, and one measured round of one of them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench import servers, workloads
from bench.baselines import naive_orm
from bench.generator import Figures, Plan
from bench.names import AGAINST, BARE, NAIVE_INSERT, NAIVE_READ, NO_DATABASE
from bench.prepare import Prepared, install_gateway, prepare, settings_for
from bench.servers import Launch, ServerFailed
from bench.stores import Store
from bench.workloads import Workload

_NAIVE_CASES: Final = 200


@dataclass(frozen=True)
class Target:
    """One server on one database, and what it is asked."""

    name: str
    database: str
    database_pid: int
    launch: Callable[[], Launch]
    """Copies the database afresh and says how to start the server on it."""
    cases: dict[str, Workload]


@dataclass(frozen=True)
class Options:
    """How long and how hard to measure."""

    rounds: int
    seconds: float
    warm_up: float
    connections: int
    cases: int
    databases: tuple[str, ...]
    only: tuple[str, ...]


def targets(
    options: Options, found: list[Store], folder: Path, tell: Callable[[str], None]
) -> Iterator[Target]:
    """Prepare every database and yield every server with something to measure."""
    port = servers.free_port()
    base = asyncio.run(install_gateway(folder / "installation", port))
    wanted = [
        _bare(port),
        *(_naive(store, port) for store in found),
        *(_gateway(store, port, base, folder, options, tell) for store in found),
    ]
    for make in wanted:
        target = make(options.only)
        if target is not None:
            yield target


Make = Callable[[tuple[str, ...]], Target | None]


def _chosen(cases: dict[str, Workload], only: tuple[str, ...]) -> dict[str, Workload]:
    return {name: work for name, work in cases.items() if not only or name in only}


def _wants(only: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return not only or any(name in only for name in names)


def _bare(port: int) -> Make:
    def make(only: tuple[str, ...]) -> Target | None:
        cases = _chosen({BARE: workloads.get("/bare")}, only)
        start = servers.uvicorn("bench.baselines.bare_starlette:app", port, {}, factory=False)
        return Target("starlette", NO_DATABASE, 0, lambda: start, cases) if cases else None

    return make


def _naive(store: Store, port: int) -> Make:
    def make(only: tuple[str, ...]) -> Target | None:
        if not _wants(only, (NAIVE_INSERT, NAIVE_READ)):
            return None
        ids = asyncio.run(naive_orm.fill(store.template("naive"), _NAIVE_CASES))
        materials = [{"code": f"M0{number}", "name": "申请人身份证明"} for number in range(4)]
        body = {
            "item_code": naive_orm.ITEM,
            "applicant": "测试申请人",
            "form": {"location": "济南市历下区泉城路示例段", "remark": workloads.NUMBER},
            "materials": materials,
        }
        token = naive_orm.TOKEN
        cases = {
            NAIVE_READ: workloads.get("/cases/{value}", token, tuple(ids)),
            NAIVE_INSERT: workloads.post("/cases", "naive", token, body),
        }

        def launch() -> Launch:
            environment = {naive_orm.DATABASE_VARIABLE: store.copy("naive")}
            app = "bench.baselines.naive_orm:app"
            return servers.uvicorn(app, port, environment, factory=True)

        return Target("naive", store.name, store.pid(), launch, _chosen(cases, only))

    return make


def _gateway(
    store: Store,
    port: int,
    base: Path,
    folder: Path,
    options: Options,
    tell: Callable[[str], None],
) -> Make:
    def make(only: tuple[str, ...]) -> Target | None:
        if not _wants(only, tuple(AGAINST)):
            return None
        file = folder / f"{store.name}.toml"
        settings = settings_for(base, store.template("onewindow"), file)

        def say(done: int) -> None:
            tell(f"{store.name}: {done} of {options.cases} cases prepared")

        prepared = asyncio.run(prepare(settings, options.cases, say))
        cases = _chosen(gateway_cases(prepared), only)

        def launch() -> Launch:
            settings_for(base, store.copy("onewindow"), file)
            return servers.onewindow(file, port)

        return Target("gateway", store.name, store.pid(), launch, cases)

    return make


def gateway_cases(prepared: Prepared) -> dict[str, Workload]:
    """Return what the gateway is asked; the reads first, since they see the same rows then."""
    citizen, clerk, ids = prepared.citizen, prepared.clerk, prepared.received
    declaration = {
        "item_code": prepared.item,
        "channel": "PC_WEB",
        "form": {**prepared.form, "location": f"{prepared.form['location']} {workloads.NUMBER}"},
    }
    accept = "/v1/staff/cases/{value}/accept"
    return {
        "item list": workloads.get("/v1/items"),
        "case status": workloads.get("/v1/cases/{value}", citizen, ids),
        "declare a case": workloads.post("/v1/cases", "declare", citizen, declaration),
        "accept a case": workloads.post(accept, "accept", clerk, values=ids),
    }


def measure(
    target: Target, workload: Workload, group: int, port: int, options: Options, mark: str = ""
) -> Figures:
    """Run the generator once. Raises ServerFailed when it could not finish."""
    plan = Plan(
        host=servers.HOST,
        port=port,
        connections=options.connections,
        seconds=options.seconds,
        warm_up=options.warm_up,
        server_group=group,
        database_pid=target.database_pid,
        workload=workload.as_json(),
        mark=mark,
    )
    done = subprocess.run(
        [sys.executable, "-m", "bench.generator"],
        input=json.dumps(asdict(plan)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServerFailed(f"the load generator failed:\n{done.stderr.strip()[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return Figures(**figures)
