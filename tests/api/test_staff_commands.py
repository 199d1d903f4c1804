"""onewindow staff, audit and keys: bootstrap once, tokens, an export that verifies elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tomli_w
from typer.testing import CliRunner

from gateway.cli.main import app
from tests.api.installation import document_for
from tests.api.town import Town


@pytest.fixture
def config(town: Town, sqlite_url: str, tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(tomli_w.dumps(document_for(town, sqlite_url)), "utf-8")
    return path


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.output


def test_bootstrap_token_export_and_verify(config: Path, tmp_path: Path):
    status, told = run("staff", "bootstrap", "-c", config)
    assert status == 0, told
    assert [line.split("\t")[0] for line in told.splitlines()] == [
        "sysadmin",
        "secadmin",
        "auditadmin",
    ]
    status, told = run("staff", "bootstrap", "-c", config)
    assert (status, "已初始化" in told) == (1, True)
    status, told = run("staff", "token", "auditadmin", "-c", config)
    assert (status, told[:5]) == (0, "sdst_")
    assert run("staff", "token", "nobody", "-c", config)[0] == 1
    assert run("staff", "revoke", "auditadmin", "-c", config) == (0, "1\n")
    status, told = run("audit", "seal", "-c", config)
    assert status == 0
    rows = int(told)
    assert rows >= 8
    key, export = tmp_path / "audit.pem", tmp_path / "audit.jsonl"
    key.write_text(run("audit", "key", "-c", config)[1], "ascii")
    assert run("audit", "export", export, "-c", config) == (0, f"{rows + 1}\n")
    good = (0, f"rows={rows} checkpoints=1 signed_to={rows}\n")
    assert run("audit", "verify", "-c", config) == good
    assert run("audit", "verify", "--file", export, "--public-key", key) == good
    assert run("audit", "verify", "--file", export)[0] == 1
    lines = export.read_text("utf-8").splitlines()
    third = json.loads(lines[2])
    third["body"] = third["body"].replace("system", "nobody")
    export.write_text("\n".join([*lines[:2], json.dumps(third), *lines[3:]]), "utf-8")
    status, told = run("audit", "verify", "--file", export, "--public-key", key)
    assert status == 1
    assert "row 3" in told


def test_the_keys_of_the_gateway_rotate(config: Path):
    status, told = run("keys", "list", "-c", config)
    assert (status, len(told.splitlines())) == (0, 1)
    status, made = run("keys", "rotate", "-c", config)
    assert status == 0
    new, old = run("keys", "list", "-c", config)[1].splitlines()
    assert new == made.strip()
    assert old.split()[0] == told.split()[0]
    # The old one signs until the new one does.
    assert old.rpartition(" ")[2] == new.split()[3]
