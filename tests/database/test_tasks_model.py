"""The task engine against a model of it, rule by rule, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete

from kernel.clock import FrozenClock
from kernel.db import counters
from kernel.db import task_store as store
from kernel.db.engine import Database
from kernel.db.tables import counter_deltas, tasks
from kernel.db.task_kinds import Backoff, TaskRegistry
from kernel.db.task_run import Abandon, Run, Snooze
from kernel.db.tasks import Outcome, TaskEngine
from kernel.db.work import SqlWorks, connection
from kernel.errors import UpstreamUnavailable
from kernel.ids import SequentialIds

KINDS = ("k0", "k1", "k2")
STEPS = 3
MAX_ATTEMPTS = 2
LEASE = timedelta(seconds=30)
NAP = timedelta(seconds=7)
WAIT = timedelta(seconds=5)
MOMENT = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Expected:
    state: str
    step: int
    attempts: int
    due: datetime


class Machine(RuleBasedStateMachine):
    """One worker with one task at a time; each kind has one task, so the observer names it."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
        self.database = Database(url, pool_size=2, durable=False)
        self.works = SqlWorks(self.database, self.clock, SequentialIds())
        self.script: list[str] = []
        self.told: list[tuple[str, Outcome]] = []
        registry = TaskRegistry()
        for kind in KINDS:
            registry.register(
                kind,
                [self.step] * STEPS,
                max_attempts=MAX_ATTEMPTS,
                backoff=Backoff(2 * WAIT, 2 * WAIT),
            )
        self.engine = TaskEngine(
            self.works,
            registry,
            chance=lambda: 0.5,
            concurrency=1,
            lease=LEASE,
            observe=lambda kind, outcome, _: self.told.append((kind, outcome)),
        )
        self.model: dict[str, Expected] = {}
        self.effects: dict[str, int] = {}
        self.runner.run(self.clear())

    def teardown(self) -> None:
        self.runner.run(self.database.dispose())
        self.runner.close()

    async def clear(self) -> None:
        async with self.works.begin() as work:
            await connection(work).execute(delete(tasks))
            await connection(work).execute(delete(counter_deltas))

    async def step(self, run: Run) -> None:
        match self.script.pop(0) if self.script else "ok":
            case "ok":
                async with run.checkpoint() as work:
                    await counters.add(work, f"{run.kind}.{run.step}")
            case "fail":
                async with run.checkpoint() as work:
                    await counters.add(work, f"{run.kind}.{run.step}")
                    raise UpstreamUnavailable(retry_after=1)
            case "fail after":
                await self.step(run)
                raise UpstreamUnavailable(retry_after=1)
            case "snooze":
                raise Snooze(NAP)
            case "abandon":
                raise Abandon("hopeless")

    @rule(kind=st.sampled_from(KINDS), later=st.sampled_from([0, 0, 10]))
    def enqueue(self, kind: str, later: int) -> None:
        self.clock.advance(MOMENT)
        due = self.clock.at + timedelta(seconds=later)

        async def write() -> bool:
            async with self.works.begin() as work:
                return await work.enqueue(kind, "key", due=due)

        assert self.runner.run(write()) == (kind not in self.model)
        self.model.setdefault(kind, Expected("READY", 0, 0, due))

    @rule(seconds=st.sampled_from([1, 5, 7, 30]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    @rule(
        script=st.lists(
            st.sampled_from(["ok", "ok", "fail", "fail after", "snooze", "abandon"]), max_size=4
        ),
    )
    def work(self, script: list[str]) -> None:
        self.script[:] = script
        self.told.clear()
        taken = self.runner.run(self.engine.run_once())
        due = {kind: row.due for kind, row in self.model.items() if self.is_due(row)}
        assert taken == len(self.told) == (1 if due else 0)
        if due:
            kind, outcome = self.told[0]
            assert due[kind] == min(due.values())
            assert outcome == self.expect(kind, list(script))
        self.script.clear()

    def is_due(self, row: Expected) -> bool:
        return row.state == "READY" and row.due <= self.clock.at

    def expect(self, kind: str, script: list[str]) -> Outcome:
        """Play the script on the model; return what the engine must tell."""
        now = self.clock.at
        row = replace(self.model[kind], attempts=self.model[kind].attempts + 1)
        if row.attempts > MAX_ATTEMPTS:
            self.model[kind] = replace(row, state="DEAD")
            return "dead"
        while True:
            act = script.pop(0) if script else "ok"
            while act == "fail after":
                # What the nested step does comes first.
                inner = script.pop(0) if script else "ok"
                if inner == "fail after":
                    continue
                if inner == "ok":
                    row = self.pass_step(kind, row)
                    act = "fail"
                else:
                    act = inner
            if act == "ok":
                row = self.pass_step(kind, row)
            if row.step == STEPS:
                self.model[kind] = replace(row, state="DONE")
                return "done"
            if act == "ok":
                continue
            if act == "snooze":
                self.model[kind] = replace(row, attempts=row.attempts - 1, due=now + NAP)
                return "snoozed"
            if act == "abandon" or row.attempts == MAX_ATTEMPTS:
                self.model[kind] = replace(row, state="DEAD")
                return "dead"
            self.model[kind] = replace(row, due=now + WAIT)
            return "retried"

    def pass_step(self, kind: str, row: Expected) -> Expected:
        name = f"{kind}.{row.step}"
        self.effects[name] = self.effects.get(name, 0) + 1
        return replace(row, step=row.step + 1, attempts=1)

    @rule()
    def a_worker_takes_one_and_dies(self) -> None:
        async def take() -> list[str]:
            async with self.works.begin() as work:
                found = await store.take(
                    work, KINDS, owner="dead", now=self.clock.at, lease=LEASE, limit=1
                )
                return [taken.kind for taken in found]

        found = self.runner.run(take())
        assert bool(found) == any(map(self.is_due, self.model.values()))
        for kind in found:
            row = self.model[kind]
            self.model[kind] = replace(row, attempts=row.attempts + 1, due=self.clock.at + LEASE)

    @rule(kind=st.sampled_from(KINDS))
    def replay(self, kind: str) -> None:
        row = self.model.get(kind)
        dead = row is not None and row.state == "DEAD"
        assert self.runner.run(self.engine.replay(kind, "key")) == dead
        if row is not None and dead:
            self.model[kind] = replace(row, state="READY", attempts=0, due=self.clock.at)

    @invariant()
    def rows_and_effects_are_as_modelled(self) -> None:
        async def look() -> tuple[dict[str, store.Task | None], dict[str, int]]:
            async with self.works.read() as work:
                rows = {kind: await store.find(work, kind, "key") for kind in KINDS}
                return rows, await counters.read(work, "")

        rows, effects = self.runner.run(look())
        assert effects == self.effects
        for kind, row in rows.items():
            expected = self.model.get(kind)
            assert (row is None) == (expected is None)
            if row is None or expected is None:
                continue
            assert (row.state, row.step, row.attempts) == (
                expected.state,
                expected.step,
                expected.attempts,
            )
            if row.state == "READY":
                assert row.due == expected.due
        assert all(count == 1 for count in effects.values())


def test_the_engine_does_what_the_model_does(database_url: str) -> None:
    class OnThisDatabase(Machine):
        def __init__(self) -> None:
            super().__init__(database_url)

    run_state_machine_as_test(
        OnThisDatabase,
        settings=settings(
            max_examples=40,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
