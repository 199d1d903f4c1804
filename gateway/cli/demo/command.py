"""onewindow demo: set up, start, play, show, and stay up until interrupted."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from gateway.cli.demo.installation import (
    Installation,
    install,
    require_machine,
    require_ports,
)
from gateway.cli.demo.play import Played, play
from gateway.cli.demo.portal import DemoFailed
from gateway.cli.demo.processes import Processes
from gateway.cli.shared import fail, run
from gateway.settings import BadSettings
from kernel.clock import SystemClock
from kernel.crypto import sm2
from kernel.ids import RandomIds

_FOLDER: Final = Path("var/demo")
_PORT: Final = 18080


def demo(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="办件送达后退出。 End when the case is delivered.")
    ] = False,
    folder: Annotated[
        Path, typer.Option(help="数据目录。 Where the demonstration keeps its data.")
    ] = _FOLDER,
    port: Annotated[
        int,
        typer.Option(help="起始端口，连续使用 7 个。 First of seven ports.", min=1024, max=65000),
    ] = _PORT,
) -> None:
    """演示：一个办件贯通四个省级系统。 Play one real case through all four systems."""
    console = Console()
    clock = SystemClock()
    try:
        require_machine(sm2.backend_report())
        console.print("[bold]OneWindow 一窗[/bold] · 正在准备 · setting up")
        installation = run(install(folder, port, clock))
        require_ports(installation.settings)
        _show_it(console, installation, once=once)
    except (BadSettings, DemoFailed) as exc:
        fail(str(exc))


def _show_it(console: Console, installation: Installation, *, once: bool) -> None:
    ids = RandomIds(SystemClock())
    logs = installation.folder / "logs"
    steps = _Steps(console)
    with Processes(installation.settings_file, logs, steps.tell) as processes:
        with console.status("启动进程 · starting processes"):
            processes.wait_until_ready(installation.url)
        steps.tell("四个系统与网关已就绪 · Four systems and the gateway are up")
        played = play(installation, ids, steps.tell)
        _report(console, installation, played)
        if not once:
            console.print("[bold]按 Ctrl-C 结束 · Press Ctrl-C to stop[/bold]")
            _wait_for_interrupt()
    console.print("已停止 · stopped")


class _Steps:
    """Numbers the steps as they are told."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._count = 0

    def tell(self, text: str) -> None:
        """Print one step."""
        self._count += 1
        self._console.print(f"[green]{self._count:>3}[/green]  {text}", highlight=False)


def _report(console: Console, installation: Installation, played: Played) -> None:
    table = Table("#", "时间 time", "事件 event", title="办件时间线 · Timeline")
    for event in played.timeline:
        table.add_row(str(event["sequence"]), event["time"][:19], event["type"])
    console.print(table)
    console.print(f"办件编号 case number: {played.case['case_no']}")
    console.print(f"缴款识别码 pay code:   {played.pay_code}")
    for file, verdict in zip(played.documents, played.verdicts, strict=True):
        console.print(
            f"文书 document: {file}  验章 verdict: [bold]{verdict}[/bold]", soft_wrap=True
        )
    url = installation.url
    console.print(f"接口 interface: {url}/openapi.json · 健康 health: {url}/health/dependencies")
    console.print(f"指标 metrics:   {url}/metrics · 日志 logs: {installation.folder / 'logs'}")


def _wait_for_interrupt() -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    stop.wait()
