"""onewindow db: bring the database up to date, fill the catalogue."""

from __future__ import annotations

import typer

import e_license
from gateway.catalog import seed as catalogue
from gateway.cli.shared import Config, run, settings_of, with_container
from gateway.container import Container
from migrations.run import current, head
from migrations.run import upgrade as upgrade_database

app = typer.Typer(help="数据库。 The database.", no_args_is_help=True)


@app.command("upgrade")
def upgrade(config: Config = None) -> None:
    """升级数据库结构到最新版本。 Bring the schema up to date; safe to repeat."""
    url = settings_of(config).database.url.get_secret_value()
    run(upgrade_database(url))
    typer.echo(f"数据库结构已是最新 / up to date: {head()}")


@app.command("current")
def show_current(config: Config = None) -> None:
    """显示数据库结构版本。 Show the schema's revision."""
    url = settings_of(config).database.url.get_secret_value()
    typer.echo(run(current(url)) or "空 / empty")


@app.command("seed")
def seed(config: Config = None) -> None:
    """导入内置事项目录。 Take in the bundled catalogue; safe to repeat."""

    async def act(container: Container) -> int:
        await container.licence_types.take_in(e_license.bundled())
        return await container.catalog.take_in(catalogue.bundled())

    count = with_container(config, "onewindow db", act)
    typer.echo(f"已导入事项 / items taken in: {count}")
