"""onewindow client: register programs that may call, and give them keys (接入应用)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer

from gateway.cli.shared import Config, fail, with_container
from gateway.container import Container
from identity import (
    Client,
    ClientKey,
    ClientKind,
    ClientStatus,
    CryptoProfile,
    KeyKind,
    RateClass,
)
from kernel.clock import beijing
from kernel.errors import Failure

T = TypeVar("T")
app = typer.Typer(help="接入应用。 Clients and their keys.", no_args_is_help=True)
ACTOR: Final = "ops:cli"

ClientId = Annotated[str, typer.Argument(help="应用标识。 The client's id.")]
Note = Annotated[str, typer.Option(help="原因。 Why.")]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="授权范围。 A scope.")]
MayAct = Annotated[list[str] | None, typer.Option("--may-act", help="可代办范围。 For a citizen.")]
Regions = Annotated[list[str] | None, typer.Option("--region", help="行政区划。 A division.")]
Networks = Annotated[list[str] | None, typer.Option("--ip", help="来源网段。 A source network.")]
Hosts = Annotated[
    list[str] | None, typer.Option("--callback-host", help="回调主机。 A host of webhooks.")
]
Redirects = Annotated[
    list[str] | None, typer.Option("--redirect", help="登录返回地址。 A return address.")
]
Uscc = Annotated[str | None, typer.Option(help="统一社会信用代码。 Its organisation's USCC.")]
Rate = Annotated[RateClass | None, typer.Option(help="流量等级。 Rate class.")]
Profile = Annotated[CryptoProfile | None, typer.Option(help="密码方案。 Which algorithms.")]


@app.command("add")
def add(
    client_id: ClientId,
    name: Annotated[str, typer.Option(help="名称。 Name.")],
    kind: Annotated[ClientKind, typer.Option(help="类型。 Kind.")],
    uscc: Uscc = None,
    scopes: Scopes = None,
    may_act: MayAct = None,
    regions: Regions = None,
    networks: Networks = None,
    hosts: Hosts = None,
    redirects: Redirects = None,
    rate: Rate = None,
    profile: Profile = None,
    config: Config = None,
) -> None:
    """登记接入应用。 Register a client."""
    given = _given(
        org_uscc=uscc,
        scopes=scopes,
        may_act_scopes=may_act,
        region_codes=regions,
        ip_cidrs=networks,
        callback_hosts=hosts,
        redirect_uris=redirects,
        rate_class=rate,
        profile=profile,
    )
    given.setdefault("org_uscc", None)
    client = Client(client_id=client_id, name=name, kind=kind, sector=client_id, **given)
    _do(config, lambda container: container.clients.register(client, ACTOR))
    typer.echo(f"已登记 / registered: {client_id}")


@app.command("change")
def change(
    client_id: ClientId,
    uscc: Uscc = None,
    scopes: Scopes = None,
    may_act: MayAct = None,
    regions: Regions = None,
    networks: Networks = None,
    hosts: Hosts = None,
    redirects: Redirects = None,
    rate: Rate = None,
    profile: Profile = None,
    config: Config = None,
) -> None:
    """变更登记内容；给出的列表整体替换。 Change a client; a list that is given replaces."""
    given = _given(
        org_uscc=uscc,
        scopes=scopes,
        may_act_scopes=may_act,
        region_codes=regions,
        ip_cidrs=networks,
        callback_hosts=hosts,
        redirect_uris=redirects,
        rate_class=rate,
        profile=profile,
    )
    _do(config, lambda container: container.clients.change(client_id, ACTOR, **given))
    typer.echo(f"已变更 / changed: {client_id}")


@app.command("list")
def show(config: Config = None) -> None:
    """列出接入应用及其密钥。 List clients and their keys."""
    for client in _do(config, lambda container: container.clients.all()):
        typer.echo(
            f"{client.client_id}  {client.kind}  {client.status}  {client.rate_class}  "
            f"{client.name}  [{' '.join(sorted(client.scopes))}]"
        )
        for key in client.keys:
            until = beijing(key.expires_at).date().isoformat()
            typer.echo(f"  {key.key_id}  {key.kind}  {key.status}  至 until {until}")


@app.command("key")
def key(
    client_id: ClientId,
    sm2: Annotated[
        Path | None, typer.Option(help="SM2 公钥 PEM 文件。 The client's SM2 public key.")
    ] = None,
    key_id: Annotated[str | None, typer.Option(help="指定 AppKey。 The AppKey to give.")] = None,
    retire: Annotated[str | None, typer.Option(help="停用此密钥。 Retire this key.")] = None,
    config: Config = None,
) -> None:
    """发放或停用密钥；HMAC 密钥只显示一次。 Give or retire a key; a secret is shown once."""
    if retire is not None:
        gone = retire
        _do(config, lambda container: container.clients.retire(client_id, gone, ACTOR))
        typer.echo(f"已停用 / retired: {retire}")
        return
    pem = None if sm2 is None else _read(sm2)

    async def act(container: Container) -> tuple[ClientKey, str | None]:
        if pem is not None:
            made = await container.clients.add_public_key(client_id, pem, ACTOR, key_id)
        else:
            made = await container.clients.add_secret(client_id, ACTOR, key_id)
        return made.key, made.secret

    made, secret = _do(config, act)
    typer.echo(f"AppKey: {made.key_id}")
    if made.kind is KeyKind.HMAC:
        typer.echo(f"secret: {secret}")
    typer.echo(f"有效期至 / until: {beijing(made.expires_at).date().isoformat()}")


@app.command("suspend")
def suspend(client_id: ClientId, note: Note = "", config: Config = None) -> None:
    """停用接入应用。 Suspend a client; its requests are refused within seconds."""
    _move(config, client_id, ClientStatus.SUSPENDED, note)


@app.command("resume")
def resume(client_id: ClientId, note: Note = "", config: Config = None) -> None:
    """恢复接入应用。 Resume a suspended client."""
    _move(config, client_id, ClientStatus.ACTIVE, note)


@app.command("close")
def close(client_id: ClientId, note: Note = "", config: Config = None) -> None:
    """注销接入应用。 Close a client for good."""
    _move(config, client_id, ClientStatus.CLOSED, note)


def _move(config: Path | None, client_id: str, status: ClientStatus, note: str) -> None:
    _do(config, lambda container: container.clients.move(client_id, status, ACTOR, note))
    typer.echo(f"{client_id}: {status}")


def _given(**options: Any) -> dict[str, Any]:
    sets = {field.name for field in fields(Client) if str(field.type).startswith("frozenset")}
    found: dict[str, Any] = {}
    for name, value in options.items():
        if value is None or value == []:
            continue
        if isinstance(value, list):
            found[name] = frozenset(value) if name in sets else tuple(value)
        else:
            found[name] = value
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as exc:
        fail(f"{path}: {exc}")


def _do(config: Path | None, act: Callable[[Container], Awaitable[T]]) -> T:
    try:
        return with_container(config, "onewindow client", act)
    except Failure as exc:
        more = ", ".join(f"{name}={value}" for name, value in exc.extras.items())
        fail(f"{exc.title.zh} / {exc.detail}{f' ({more})' if more else ''}")
