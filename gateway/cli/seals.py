"""onewindow seal: verify a sealed document, and say how this machine computes SM2."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.shared import Config, fail, with_container
from kernel.crypto import sm2

app = typer.Typer(help="电子印章。 Electronic seals.", no_args_is_help=True)


@app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="OFD 文件。 The OFD file.")],
    config: Config = None,
) -> None:
    """验章：结论与全部发现。 Verify a document: the verdict and every finding."""
    try:
        content = file.read_bytes()
    except OSError as exc:
        fail(f"{file}: {exc.strerror}")
    report = with_container(config, "onewindow seal", lambda c: c.seals.verify(content))
    typer.echo(f"结论 / verdict: {report.verdict}")
    for signature in report.signatures:
        for finding in signature.findings:
            typer.echo(f"  {finding}")
    for finding in report.findings:
        typer.echo(f"  {finding}")
    if report.verdict == "INVALID":
        raise typer.Exit(1)


@app.command("backend")
def backend() -> None:
    """显示 SM2 实现与自检结果。 Show which SM2 implementation is at work, and its self-test."""
    typer.echo(str(sm2.backend_report()))
