"""onewindow adapter: list, check, examine and scaffold upstream folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gateway.bootstrap import AdapterDesk
from gateway.cli.shared import Config, fail, run, settings_of
from gateway.settings import BadSettings
from kernel.clock import SystemClock
from kernel.ids import RandomIds

app = typer.Typer(help="上游适配器。 Adapters of upstream systems.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="适配器目录名。 Name of the adapter's folder.")]


def _desk() -> AdapterDesk:
    clock = SystemClock()
    return AdapterDesk(clock=clock, ids=RandomIds(clock))


@app.command("list")
def list_adapters() -> None:
    """列出全部适配器。 List every adapter."""
    table = Table("名称 name", "端口 port", "级别 level", "系统 system")
    for row in _desk().rows():
        table.add_row(*row)
    Console().print(table)


@app.command("check")
def check(name: Name) -> None:
    """检查适配器质量规则。 Check the quality rules that a machine can check."""
    try:
        findings = _desk().check(name)
    except ValueError as exc:
        fail(str(exc))
    table = Table("规则 rule", "结果 result", "说明 detail")
    for finding in findings:
        table.add_row(finding.rule, "✓" if finding.ok else "✗", finding.detail)
    Console().print(table)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command("examine")
def examine(name: Name, config: Config = None) -> None:
    """逐层自检已接入的上游。 Examine a connected upstream layer by layer."""
    settings = settings_of(config)
    adapter = settings.adapters.get(name)
    if adapter is None:
        fail(f"配置中没有适配器 {name}。 / The settings connect no adapter {name}.")
    try:
        found = run(_desk().examine(name, adapter))
    except BadSettings as exc:
        fail(str(exc))
    table = Table("层 layer", "步骤 step", "结果 result", "毫秒 ms", "说明 detail")
    for result in found.results:
        mark = "✓" if result.ok else "✗"
        table.add_row(str(result.layer), result.name, mark, str(result.milliseconds), result.detail)
    Console().print(table)
    if not found.ok:
        raise typer.Exit(1)


@app.command("new")
def new(
    name: Name,
    port: Annotated[str, typer.Option(help="identity | e_license | e_seal | payments")],
    root: Annotated[Path, typer.Option(help="存放目录。 Where to put it.")] = Path(
        "adapters/upstreams"
    ),
) -> None:
    """按模板新建适配器目录。 Create an adapter's folder from the templates."""
    try:
        files = AdapterDesk.new(root, name, port)
    except (ValueError, OSError) as exc:
        fail(str(exc))
    for file in files:
        typer.echo(str(file))
