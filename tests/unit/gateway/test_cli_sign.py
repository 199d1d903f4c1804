"""onewindow sign and verify-callback, as a portal's developer runs them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from kernel.clock import SystemClock
from kernel.crypto import sm2
from kernel.signing import sdgw1
from kernel.signing.canonical import Covered

URL = "https://gw.example.gov.cn/v1/clients/self/webhooks?b=2&a=1"
SECRET = bytes(range(32))


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == code, done.output
    return done.output


def read(output: str) -> tuple[list[tuple[str, str]], list[str]]:
    """The printed headers, and the words of the curl line."""
    head, _, line = output.strip().partition("\n\n")
    return [(n, v) for n, _, v in (one.partition(": ") for one in head.split("\n"))], shlex.split(
        line
    )


@pytest.mark.parametrize("kind", ["hmac", "sm2"])
def test_what_is_printed_is_a_right_request(tmp_path: Path, kind: str):
    pair = sm2.generate()
    key, body = tmp_path / "key", tmp_path / "body.json"
    key.write_text(SECRET.hex() if kind == "hmac" else pair.to_pem())
    body.write_text('{"url":"https://门户"}', "utf-8")
    words = ("--client", "ak-portal-01", "--key-file", str(key), "--body", f"@{body}")
    headers, curl = read(run("sign", "post", URL, *words))
    claim = sdgw1.read("POST", "/v1/clients/self/webhooks", "b=2&a=1", headers)
    text = sdgw1.text_of(claim)
    if kind == "hmac":
        assert sdgw1.mac_is_right(claim.algorithm, SECRET, text, claim.signature)
    else:
        assert sdgw1.sm2_is_right(pair.public, text, claim.signature)
    assert claim.covered.digest == sdgw1.digest_of(body.read_bytes())
    assert curl[:5] == ["curl", "-sS", "-X", "POST", URL]
    assert curl[-2:] == ["--data-binary", f"@{body}"]
    assert [tuple(word.split(": ", 1)) for word in curl[6:-2:2]] == headers


def test_what_cannot_be_signed(tmp_path: Path):
    key = tmp_path / "key"
    key.write_text("no key")
    words = ("--client", "ak-portal-01", "--key-file", str(key))
    assert "neither" in run("sign", "GET", URL, *words, code=1)
    key.write_text(SECRET.hex())
    assert "path" in run("sign", "GET", "https://gw.example/a//b", *words, code=1)
    assert "No such file" in run("sign", "POST", URL, *words, "--body", "@nothing", code=1)


def test_a_callback_is_verified(tmp_path: Path):
    pair, now = sm2.generate(), int(SystemClock().now().timestamp())
    body = b'{"id":"evt_1"}'
    covered = Covered(
        algorithm="SM2-SM3",
        method="POST",
        path="/gw/in",
        query="",
        key_id="gw-2026-1",
        timestamp=str(now),
        nonce="n" * 20,
        idempotency_key="",
        content_type="application/json",
        digest=sdgw1.digest_of(body),
    )
    lines = {**sdgw1.sign(covered, pair), "Content-Type": "application/json", "Host": "x"}
    files = {name: tmp_path / name for name in ("headers", "body", "keys")}
    files["headers"].write_text("".join(f"{n}: {v}\r\n" for n, v in lines.items()))
    files["body"].write_bytes(body)
    published = {"keys": [{"key_id": "gw-2026-1", "public_key": pair.public.to_pem()}]}
    files["keys"].write_text(json.dumps(published))
    options = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    url = "https://portal.example.gov.cn/gw/in"
    assert "signature is right" in run("verify-callback", url, *options)
    assert "wrong" in run("verify-callback", f"{url}/other", *options, code=1)
    late = ("--at", str(now + 400))
    assert "too old" in run("verify-callback", url, *options, *late, code=1)
    files["body"].write_bytes(body + b" ")
    assert "body was changed" in run("verify-callback", url, *options, code=1)
    files["keys"].write_text("{}")
    assert "gw-keys" in run("verify-callback", url, *options, code=1)
