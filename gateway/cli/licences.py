"""onewindow licence: export the records that the national catalogue of licences must be told."""

from __future__ import annotations

import csv
import json
import sys
from enum import StrEnum
from itertools import takewhile
from typing import Annotated, Final

import typer

import e_license
from gateway.cli.shared import Config, with_container
from gateway.container import Container
from kernel.audit import AuditEvent, Category

app = typer.Typer(help="电子证照。 Electronic licences.", no_args_is_help=True)

_PAGE: Final = 500


class Format(StrEnum):
    """How records are written."""

    CSV = "csv"
    JSONL = "jsonl"


@app.callback()
def licence() -> None:
    """电子证照。 Electronic licences."""


@app.command("export")
def export(
    form: Annotated[
        Format, typer.Option("--format", help="CSV 或 JSON 行。 CSV or JSON lines.")
    ] = Format.JSONL,
    after: Annotated[
        int, typer.Option(min=0, help="上次导出的末号。 Number where the last export ended.")
    ] = 0,
    limit: Annotated[
        int, typer.Option(min=1, max=100_000, help="最多条数。 How many at the most.")
    ] = 10_000,
    config: Config = None,
) -> None:
    """导出证照目录记录 (up_lic_data)，遇到缺项即停。 Export catalogue records up to a gap.

    Records go to standard output, the number to go on from to standard error.
    """

    async def act(container: Container) -> tuple[list[e_license.issuing.IndexRow], bool]:
        rows: list[e_license.issuing.IndexRow] = []
        while len(rows) < limit:
            last = rows[-1].sequence if rows else after
            page = await container.issued.index_page(last, min(_PAGE, limit - len(rows)))
            # In order or not at all: a change must never arrive before what it changes.
            ready = list(takewhile(lambda row: not row.lacks, page))
            rows += ready
            if len(ready) < len(page) or not page:
                return await _noted(container, rows), bool(page)
        return await _noted(container, rows), False

    rows, is_stopped = with_container(config, "onewindow licence", act)
    _write(rows, form)
    end = rows[-1].sequence if rows else after
    typer.echo(f"--after {end}", err=True)
    if is_stopped:
        typer.secho(
            "下一条记录缺项，未导出。 The next record lacks columns and was not exported.", err=True
        )
        raise typer.Exit(1)


async def _noted(
    container: Container, rows: list[e_license.issuing.IndexRow]
) -> list[e_license.issuing.IndexRow]:
    async with container.works.begin() as work:
        event = AuditEvent(
            action="licence.index_exported",
            category=Category.SENSITIVE,
            actor="system",
            object_type="licence_index",
            object_id=str(rows[-1].sequence) if rows else "",
            fields=e_license.issuing.COLUMNS,
        )
        await container.audit.record(work, event)
    return rows


def _write(rows: list[e_license.issuing.IndexRow], form: Format) -> None:
    if form is Format.JSONL:
        for row in rows:
            typer.echo(json.dumps({"sequence": row.sequence, **row.record}, ensure_ascii=False))
        return
    writer = csv.DictWriter(sys.stdout, ("sequence", *e_license.issuing.COLUMNS))
    writer.writeheader()
    for row in rows:
        writer.writerow({"sequence": row.sequence, **row.record})
