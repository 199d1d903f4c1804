"""onewindow sign, verify-callback: for developers of programs that sign their requests."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from gateway.cli.shared import fail
from kernel.clock import SystemClock
from kernel.crypto import sm2
from kernel.crypto.errors import InvalidKey
from kernel.ids import RandomIds
from kernel.signing import callbacks, sdgw1
from kernel.signing.canonical import Covered, NotCanonical

_NONCE: Final = 32

Method = Annotated[str, typer.Argument(help="请求方法。 Method.")]
Url = Annotated[str, typer.Argument(help="完整地址。 The whole address.")]


def add_to(app: typer.Typer) -> None:
    """Add both commands."""
    app.command("sign")(sign)
    app.command("verify-callback")(verify_callback)


def sign(
    method: Method,
    url: Url,
    client: Annotated[str, typer.Option(help="AppKey。 The key's id.")],
    key_file: Annotated[
        Path, typer.Option(help="密钥文件：HMAC 十六进制或 SM2 私钥 PEM。 Hex secret, or SM2 PEM.")
    ],
    body: Annotated[
        str | None, typer.Option(help="请求体，@文件名 表示读文件。 Body, or @file.")
    ] = None,
    content_type: Annotated[str, typer.Option(help="请求体类型。 Its type.")] = "application/json",
    idempotency_key: Annotated[
        str | None, typer.Option(help="幂等键，写操作默认新生成。 By default a new one for writes.")
    ] = None,
    algorithm: Annotated[
        str | None, typer.Option(help="签名算法。 By default HMAC-SM3 or SM2-SM3, as the key is.")
    ] = None,
) -> None:
    """为请求签名，输出请求头和 curl 命令。 Sign a request; prints headers and a curl line."""
    clock = SystemClock()
    ids = RandomIds(clock)
    key = _key(key_file)
    content = _content(body)
    parts = urlsplit(url)
    verb = method.upper()
    writes = verb in {"POST", "PUT", "PATCH", "DELETE"}
    covered = Covered(
        algorithm=algorithm or ("HMAC-SM3" if isinstance(key, bytes) else "SM2-SM3"),
        method=verb,
        path=parts.path or "/",
        query=parts.query,
        key_id=client,
        timestamp=str(int(clock.now().timestamp())),
        nonce=ids.secret()[:_NONCE],
        idempotency_key=idempotency_key or (ids.new("key") if writes else ""),
        content_type=content_type if body is not None else "",
        digest=sdgw1.digest_of(content),
    )
    try:
        headers = sdgw1.sign(covered, key)
    except (NotCanonical, ValueError) as exc:
        fail(f"无法签名 / cannot be signed: {exc}")
    if covered.idempotency_key:
        headers["Idempotency-Key"] = covered.idempotency_key
    if covered.content_type:
        headers["Content-Type"] = covered.content_type
    for name, value in headers.items():
        typer.echo(f"{name}: {value}")
    typer.echo("")
    words = ["curl", "-sS", "-X", verb, url]
    for name, value in headers.items():
        words += ["-H", f"{name}: {value}"]
    if body is not None:
        words += ["--data-binary", body]
    typer.echo(shlex.join(words))


def verify_callback(
    url: Annotated[str, typer.Argument(help="订阅时登记的地址。 The address that was subscribed.")],
    headers: Annotated[
        Path, typer.Option(help="收到的请求头，每行一个。 The headers that came, one a line.")
    ],
    body: Annotated[Path, typer.Option(help="收到的请求体文件。 The body that came.")],
    keys: Annotated[
        Path, typer.Option(help="/v1/.well-known/gw-keys 的内容。 What gw-keys answered.")
    ],
    at: Annotated[
        int | None, typer.Option(help="验签时刻，默认现在。 Unix seconds; by default now.")
    ] = None,
) -> None:
    """验证网关回调的签名。 Verify the signature of a callback; ends with 1 when it is wrong."""
    pairs = [
        (name.strip(), value.strip())
        for name, colon, value in (
            line.partition(":") for line in _text(headers).splitlines() if line.strip()
        )
        if colon
    ]
    now = at if at is not None else int(SystemClock().now().timestamp())
    try:
        nonce = callbacks.verify(url, pairs, _bytes(body), _keys(keys), now)
    except callbacks.NotFromGateway as exc:
        fail(f"签名无效 / not from the gateway: {exc}")
    typer.echo(f"签名有效 / signature is right; nonce {nonce} must not have come before")


def _keys(path: Path) -> dict[str, sm2.PublicKey]:
    try:
        document: Any = json.loads(_text(path))
        return {
            key["key_id"]: sm2.PublicKey.from_pem(key["public_key"]) for key in document["keys"]
        }
    except (ValueError, KeyError, TypeError, InvalidKey) as exc:
        fail(f"{path}: 不是 gw-keys 的内容 / not what gw-keys answers ({exc})")


def _key(path: Path) -> bytes | sm2.PrivateKey:
    text = _text(path).strip()
    try:
        if text.startswith("-----BEGIN"):
            return sm2.PrivateKey.from_pem(text)
        return bytes.fromhex(text)
    except (ValueError, InvalidKey):
        fail(f"{path}: 既不是十六进制密钥也不是 SM2 私钥 / neither a hex secret nor an SM2 key")


def _content(body: str | None) -> bytes:
    if body is None:
        return b""
    return _bytes(Path(body[1:])) if body.startswith("@") else body.encode()


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        fail(f"{path}: 不是文本 / not a text")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        fail(f"{path}: {exc.strerror}")
