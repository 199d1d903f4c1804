"""The command line's front door: every command and group of commands by its name."""

from __future__ import annotations

import typer

from gateway.cli import (
    adapters,
    audit,
    cases,
    clients,
    data,
    keys,
    licences,
    processes,
    seals,
    sign,
    staff,
)
from gateway.cli.demo import command as demo

app = typer.Typer(
    name="onewindow",
    help="OneWindow 一窗：一窗受理网关。 The one-window acceptance gateway.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
processes.add_to(app)
sign.add_to(app)
app.add_typer(data.app, name="db")
app.add_typer(adapters.app, name="adapter")
app.add_typer(cases.app, name="case")
app.add_typer(seals.app, name="seal")
app.add_typer(licences.app, name="licence")
app.add_typer(staff.app, name="staff")
app.add_typer(clients.app, name="client")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")


def main() -> None:
    """Run the command that the arguments name."""
    app()


if __name__ == "__main__":
    main()
