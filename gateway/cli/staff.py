"""onewindow staff: register a member of staff and issue a token (工作人员)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from gateway.cli.shared import Config, fail, with_container
from gateway.container import Container
from identity import StaffMember, StaffRole
from kernel.errors import Failure

app = typer.Typer(help="工作人员。 Members of staff.", no_args_is_help=True)


@app.command("issue")
def issue(
    staff_id: Annotated[str, typer.Argument(help="工号。 The member's id.")],
    name: Annotated[str, typer.Option(help="姓名。 Name.")],
    role: Annotated[StaffRole, typer.Option(help="岗位。 Role.")],
    department: Annotated[str, typer.Option(help="部门统一社会信用代码。 Department's USCC.")],
    region: Annotated[str, typer.Option(help="六位行政区划代码。 Six-digit division code.")],
    hours: Annotated[int, typer.Option(help="有效小时数。 Hours of validity.")] = 8,
    config: Config = None,
) -> None:
    """登记工作人员并签发令牌（只显示一次）。 Register staff and show a new token, once."""
    member = StaffMember(staff_id, name, role, department, region)

    async def act(container: Container) -> str:
        await container.identity.ensure_staff(member)
        return await container.identity.issue_staff_token(staff_id, timedelta(hours=hours))

    try:
        typer.echo(with_container(config, "onewindow staff", act))
    except (Failure, ValueError) as exc:
        fail(str(exc))
