"""onewindow keys: the gateway's own SM2 keys, which sign what it sends to clients."""

from __future__ import annotations

import typer

from gateway.cli.shared import Config, with_container
from gateway.container import Container
from gateway.events.model import SigningKey
from kernel.clock import beijing

app = typer.Typer(help="网关签名密钥。 The keys that sign callbacks.", no_args_is_help=True)


@app.command("list")
def show(config: Config = None) -> None:
    """列出已公布的密钥。 List the keys that are published."""

    async def act(container: Container) -> list[SigningKey]:
        return list(await container.gateway_keys.published())

    for key in with_container(config, "onewindow keys", act):
        typer.echo(_line(key))


@app.command("rotate")
def rotate(config: Config = None) -> None:
    """更换密钥：新密钥立即公布，24 小时后启用。 Publish a new key; it signs in 24 hours."""

    async def act(container: Container) -> SigningKey:
        return await container.gateway_keys.rotate()

    typer.echo(_line(with_container(config, "onewindow keys", act)))


def _line(key: SigningKey) -> str:
    begin, end = (beijing(at).isoformat(timespec="minutes") for at in (key.use_from, key.use_until))
    return f"{key.key_id}  自 from {begin}  至 until {end}"
