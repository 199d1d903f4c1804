"""onewindow case: read a case's timeline and the tasks that could not be finished."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gateway.cli.shared import Config, fail, with_container
from gateway.container import Container
from kernel.clock import beijing
from kernel.db import task_store
from kernel.db.events import timeline

app = typer.Typer(help="办件与任务。 Cases and tasks.", no_args_is_help=True)
_MOST = 1000


@app.command("timeline")
def show_timeline(
    case_id: Annotated[str, typer.Argument(help="办件标识。 The case's id.")],
    config: Config = None,
) -> None:
    """显示办件的全部事件。 Show everything that happened to a case."""

    async def act(container: Container) -> Table:
        table = Table("#", "时间 time", "事件 event", "内容 data")
        async with container.works.read() as work:
            for event in await timeline(work, case_id, limit=_MOST):
                at = f"{beijing(event.at):%m-%d %H:%M:%S}"
                table.add_row(str(event.sequence), at, event.topic, str(dict(event.data)))
        return table

    table = with_container(config, "onewindow case", act)
    if not table.row_count:
        fail(f"没有办件 {case_id} 的事件。 / There are no events of case {case_id}.")
    Console().print(table)


@app.command("dead")
def dead(config: Config = None) -> None:
    """列出失败的任务。 List the tasks that were given up."""
    table = Table("任务 kind", "键 key", "原因 code", "说明 detail")

    async def act(container: Container) -> None:
        async with container.works.read() as work:
            for task in await task_store.dead(work):
                table.add_row(task.kind, task.key, task.error_code, task.error_detail)

    with_container(config, "onewindow case", act)
    Console().print(table)


@app.command("replay")
def replay(
    kind: Annotated[str, typer.Argument(help="任务类型。 The task's kind.")],
    key: Annotated[str, typer.Argument(help="任务键。 The task's key.")],
    config: Config = None,
) -> None:
    """重新执行一个失败的任务。 Make a task that was given up due again."""

    async def act(container: Container) -> bool:
        async with container.works.begin() as work:
            return await task_store.replay(work, kind, key)

    if not with_container(config, "onewindow case", act):
        fail(f"没有失败的任务 {kind} {key}。 / There is no dead task {kind} {key}.")
    typer.echo("已重新排队 / due again")
