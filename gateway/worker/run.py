"""Runs the worker: takes due tasks, listens for pushed payments, shows its metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from gateway.container import Container
from gateway.worker.auditing import follow_audit
from gateway.worker.steps import register
from gateway.worker.webhooks import follow_events
from kernel.db.task_kinds import TaskRegistry
from kernel.db.tasks import Outcome, TaskEngine

_log = structlog.get_logger("worker")
_STATS_SECONDS = 5.0


class TaskMetrics:
    """What Prometheus is told about tasks."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._runs = Counter(
            "onewindow_task_runs",
            "Runs of tasks by outcome",
            ("kind", "outcome"),
            registry=registry,
        )
        self._seconds = Histogram(
            "onewindow_task_seconds", "Seconds a run took", ("kind",), registry=registry
        )
        self._depth = Gauge("onewindow_task_depth", "Tasks that wait", ("kind",), registry=registry)
        self._late = Gauge(
            "onewindow_task_oldest_seconds",
            "Lateness of the oldest due task",
            ("kind",),
            registry=registry,
        )
        self._dead = Gauge(
            "onewindow_task_dead", "Tasks given up, to be replayed", ("kind",), registry=registry
        )

    def observe(self, kind: str, outcome: Outcome, seconds: float) -> None:
        """Count one run."""
        self._runs.labels(kind, outcome).inc()
        self._seconds.labels(kind).observe(seconds)

    async def follow(self, engine: TaskEngine) -> None:
        """Bring the gauges up to date every few seconds, for ever."""
        while True:
            for kind, stats in (await engine.stats()).items():
                self._depth.labels(kind).set(stats.ready)
                self._late.labels(kind).set(stats.oldest_due.total_seconds())
                self._dead.labels(kind).set(stats.dead)
            await asyncio.sleep(_STATS_SECONDS)


@asynccontextmanager
async def listening_for_pushes(container: Container, process: str) -> AsyncIterator[None]:
    """Listen for pushed payments while the block runs, if this kind of process is to do it.

    Raises OSError when the port is taken.
    """
    if container.listen is None or container.settings.worker.pushes != process:
        yield
        return
    listener = await container.listen()
    try:
        yield
    finally:
        await listener.close()


async def run_worker(
    container: Container, stop: asyncio.Event, *, chance: Callable[[], float]
) -> None:
    """Work until ``stop`` is set; what was begun is finished or given back.

    ``chance`` draws numbers from 0 to 1 for waiting times.
    """
    settings = container.settings.worker
    registry = TaskRegistry()
    register(registry, container)
    metrics = TaskMetrics(container.metrics)
    engine = TaskEngine(
        container.works,
        registry,
        chance=chance,
        concurrency=settings.concurrency,
        lease=timedelta(seconds=settings.lease_seconds),
        observe=metrics.observe,
    )
    async with AsyncExitStack() as stack:
        if settings.metrics_port:
            server, _ = start_http_server(
                settings.metrics_port, addr="127.0.0.1", registry=container.metrics
            )
            stack.callback(server.shutdown)
        await stack.enter_async_context(listening_for_pushes(container, "worker"))
        following = asyncio.create_task(metrics.follow(engine))
        stack.callback(following.cancel)
        sealing = asyncio.create_task(follow_audit(container))
        stack.callback(sealing.cancel)
        handing_out = asyncio.create_task(follow_events(container))
        stack.callback(handing_out.cancel)
        await stack.enter_async_context(container.availability.running(tending=True))
        _log.info("worker_started", kinds=len(registry.kinds))
        await engine.run_forever(stop)
    _log.info("worker_stopped")
