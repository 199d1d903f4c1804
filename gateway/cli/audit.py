"""onewindow audit: export the audit trail, verify it without the gateway, show the public key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.shared import Config, fail, with_container
from gateway.container import Container
from kernel.audit import AuditBroken, Checkpoint, Link
from kernel.crypto.errors import InvalidKey
from kernel.crypto.sm2 import PublicKey
from kernel.db import audit

app = typer.Typer(help="审计。 The audit trail.", no_args_is_help=True)

_KINDS = {"row": Link, "checkpoint": Checkpoint}


@app.command("key")
def key(config: Config = None) -> None:
    """显示检查点公钥。 Show the public key that checks checkpoints; keep it elsewhere."""

    async def act(container: Container) -> str:
        return container.sealer.public_key.to_pem()

    typer.echo(with_container(config, "onewindow audit", act), nl=False)


@app.command("seal")
def seal(config: Config = None) -> None:
    """封存并签署检查点（平时由后台任务完成）。 Seal what waits and sign a checkpoint."""

    async def act(container: Container) -> int:
        count = 0
        while sealed := await container.sealer.seal():
            count += sealed
        await container.sealer.checkpoint()
        return count

    typer.echo(with_container(config, "onewindow audit", act))


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="输出文件。 Where to write.")], config: Config = None
) -> None:
    """导出全部已封存记录与检查点（JSON 行）。 Write every sealed row and checkpoint."""

    async def act(container: Container) -> int:
        count = 0
        with file.open("w", encoding="utf-8") as out:
            async for item in audit.sealed(container.works):
                kind = "row" if isinstance(item, Link) else "checkpoint"
                out.write(json.dumps({"kind": kind, **vars(item)}, ensure_ascii=False) + "\n")
                count += 1
        return count

    try:
        typer.echo(with_container(config, "onewindow audit", act))
    except (AuditBroken, OSError) as exc:
        fail(f"导出中断 / export stopped: {exc}")


@app.command("verify")
def verify(
    file: Annotated[
        Path | None, typer.Option(help="导出文件；省略则校验数据库。 An export; else the database.")
    ] = None,
    public_key: Annotated[
        list[Path] | None,
        typer.Option(help="检查点公钥 PEM，可重复。 Public keys (PEM) that may have signed."),
    ] = None,
    config: Config = None,
) -> None:
    """校验审计链，遇第一处错误即以状态 1 结束。 Check every row; ends with 1 at the first fault."""
    try:
        trusted = [PublicKey.from_pem(path.read_text("ascii")) for path in public_key or ()]
        if file is not None:
            if not trusted:
                fail("离线校验须给出 --public-key。 / Give --public-key to verify a file.")
            found = _of_file(file, trusted)
        else:
            found = with_container(config, "onewindow audit", lambda one: _of_base(one, trusted))
    except AuditBroken as exc:
        fail(f"审计链在第 {exc.extras['seq']} 行不一致 / the audit trail is broken: {exc.detail}")
    except (OSError, ValueError, KeyError, TypeError, InvalidKey) as exc:
        fail(f"无法读取 / cannot be read: {exc}")
    typer.echo(f"rows={found.rows} checkpoints={found.checkpoints} signed_to={found.signed}")


def _of_file(file: Path, trusted: list[PublicKey]) -> audit.TrailCheck:
    check = audit.TrailCheck(trusted)
    for item in _items(file):
        check.feed(item)
    return check


def _items(file: Path) -> Iterator[Link | Checkpoint]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            values = json.loads(line)
            kind = _KINDS[values.pop("kind")]
            yield kind(**values)


async def _of_base(container: Container, trusted: list[PublicKey]) -> audit.TrailCheck:
    check = audit.TrailCheck(trusted or [container.sealer.public_key])
    async for item in audit.sealed(container.works):
        check.feed(item)
    return check
