"""The long-running commands: serve, worker, sandbox."""

from __future__ import annotations

import asyncio
import errno
from typing import Final

import structlog
import typer

from gateway import logs
from gateway.bootstrap import province_of, run_sandbox
from gateway.cli.department import Department
from gateway.cli.shared import (
    Config,
    container_of,
    fail,
    run,
    settings_of,
    stop_on_signals,
)
from gateway.container import Container
from gateway.http_server import HttpServer
from gateway.settings import BadSettings, Settings
from gateway.worker.run import listening_for_pushes, run_worker
from kernel.clock import SystemClock
from kernel.crypto import sm2
from kernel.ids import chance
from migrations.run import current, head

_log = structlog.get_logger("cli")
_PUSH_PORT_TAKEN: Final = (
    '推送监听端口已被占用；本机其他进程已在监听时，请设置 worker.pushes = "none"。 / '
    "The port for pushed payments is taken; where another process listens already, "
    "set worker.pushes to none."
)


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("serve")(serve)
    app.command("worker")(worker)
    app.command("sandbox")(sandbox)


def serve(config: Config = None) -> None:
    """启动 HTTP 服务。 Run the HTTP interface."""
    settings = settings_of(config)
    logs.configure(settings.logs, "serve")
    container = container_of(settings, "onewindow serve")
    server = HttpServer(container)

    async def main() -> None:
        await _require_schema(container)
        async with listening_for_pushes(container, "serve"):
            await server.serve()

    try:
        run(main())
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            pushes = settings.worker.pushes == "serve"
            fail(_PUSH_PORT_TAKEN if pushes else _taken(settings.server.host, settings.server.port))
        raise
    if not server.started:
        fail(_taken(settings.server.host, settings.server.port))


def worker(config: Config = None) -> None:
    """启动后台任务进程。 Run the background worker."""
    settings = settings_of(config)
    logs.configure(settings.logs, "worker")
    container = container_of(settings, "onewindow worker")

    async def main() -> None:
        await _require_schema(container)
        try:
            await run_worker(container, stop_on_signals(), chance=chance)
        finally:
            await container.close()

    try:
        run(main())
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            fail(_PUSH_PORT_TAKEN)
        raise


def sandbox(config: Config = None) -> None:
    """启动仿真上游与仿真部门。 Run the simulated province and its departments."""
    settings = settings_of(config)
    logs.configure(settings.logs, "sandbox")

    async def main() -> None:
        if settings.sandbox is None:
            raise BadSettings("there is no sandbox section")
        province = province_of(
            settings.sandbox,
            gateway_url=settings.server.public_url,
            push=_push_address(settings),
            clock=SystemClock(),
        )
        stop = stop_on_signals()
        bots = [
            asyncio.create_task(_department(settings, token.get_secret_value()).work(stop))
            for token in settings.sandbox.department_tokens
        ]
        try:
            await run_sandbox(province, stop)
        finally:
            stop.set()
            await asyncio.gather(*bots)

    try:
        run(main())
    except BadSettings as exc:
        fail(f"仿真上游无法启动 / sandbox: {exc}")


def _department(settings: Settings, token: str) -> Department:
    url = f"http://{settings.server.host}:{settings.server.port}"
    return Department(url, token)


def _push_address(settings: Settings) -> tuple[str, int]:
    options = settings.adapters[settings.payments.upstream].options
    return str(options.get("listen_host", "127.0.0.1")), int(options.get("listen_port", 9602))


async def _require_schema(container: Container) -> None:
    # The known-answer test runs here, before anything depends on it.
    _log.info("sm2_backend", report=str(sm2.backend_report()))
    url = container.settings.database.url.get_secret_value()
    if not await container.database.reachable():
        fail("无法连接数据库，请检查 database.url。 / The database cannot be reached.")
    if await current(url) != head():
        fail(
            "数据库结构不是最新，请先运行 onewindow db upgrade。 / "
            "The database is not up to date; run: onewindow db upgrade"
        )


def _taken(host: str, port: int) -> str:
    return (
        f"端口 {host}:{port} 已被占用，请关闭占用者或更换端口。 / "
        f"Port {host}:{port} is taken; stop what uses it or choose another."
    )
