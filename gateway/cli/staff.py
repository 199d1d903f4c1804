"""onewindow staff: the first administrators, once, and API tokens of members (工作人员)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from gateway.cli.shared import Config, fail, with_container
from gateway.container import Container
from identity import Activation
from kernel.clock import beijing
from kernel.errors import Failure

app = typer.Typer(help="工作人员。 Members of staff.", no_args_is_help=True)

StaffId = Annotated[str, typer.Argument(help="工号。 The member's id.")]


@app.command("bootstrap")
def bootstrap(config: Config = None) -> None:
    """建立首批三名管理员，仅可执行一次。 Make the first three administrators, once."""

    async def act(container: Container) -> list[Activation]:
        return list(await container.staff.accounts.bootstrap())

    try:
        for made in with_container(config, "onewindow staff", act):
            ends = beijing(made.expires_at).isoformat(timespec="minutes")
            typer.echo(f"{made.staff_id}\t{made.password}\t{ends}")
    except Failure as exc:
        fail(f"{exc.title.zh} / {exc.title.en}")


@app.command("token")
def token(
    staff_id: StaffId,
    hours: Annotated[int, typer.Option(help="有效小时数。 Hours of validity.", min=1)] = 8,
    config: Config = None,
) -> None:
    """为已授权人员签发接口令牌（只显示一次）。 Show a new API token of a member, once."""

    async def act(container: Container) -> str:
        return await container.staff.accounts.issue_token(staff_id, timedelta(hours=hours))

    try:
        typer.echo(with_container(config, "onewindow staff", act))
    except Failure as exc:
        fail(f"{exc.title.zh} / {exc.title.en}")


@app.command("revoke")
def revoke(staff_id: StaffId, config: Config = None) -> None:
    """吊销人员的全部接口令牌。 Revoke every API token of a member."""

    async def act(container: Container) -> int:
        return await container.staff.accounts.revoke_tokens(staff_id)

    typer.echo(with_container(config, "onewindow staff", act))
