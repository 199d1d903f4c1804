"""What every command shares: settings, one sentence for every failure, one event loop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
import uvloop

from gateway.bootstrap import build
from gateway.container import Container
from gateway.settings import BadSettings, Settings, load

T = TypeVar("T")

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="配置文件 (TOML)，默认取环境变量 ONEWINDOW_CONFIG。 "
        "Settings file, by default the one that ONEWINDOW_CONFIG names.",
    ),
]


def fail(sentence: str) -> NoReturn:
    """Say one sentence on standard error and end with status 1."""
    typer.secho(sentence, fg=typer.colors.RED, err=True)
    raise typer.Exit(1)


def settings_of(config: Path | None) -> Settings:
    """Return the settings, or end with one sentence about what is wrong with them."""
    try:
        return load(config)
    except BadSettings as exc:
        fail(f"配置有误 / settings: {exc}")


def container_of(settings: Settings, process: str) -> Container:
    """Return the services of this process, or end with one sentence."""
    try:
        return build(settings, process=process)
    except BadSettings as exc:
        fail(f"配置有误 / settings: {exc}")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run one coroutine on a fresh event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def with_container(
    config: Path | None, process: str, act: Callable[[Container], Awaitable[T]]
) -> T:
    """Build the services, do one thing with them, and close them."""
    container = container_of(settings_of(config), process)

    async def main() -> T:
        try:
            return await act(container)
        finally:
            await container.close()

    return run(main())


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
