"""What operators copy from deploy/ names commands, metrics and settings that exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from gateway.cli.main import app
from gateway.settings import BadSettings, load

DEPLOY = Path(__file__).parents[2] / "deploy"
PACKAGES = ("gateway", "adapters", "kernel")


def test_services_and_containers_start_commands_that_exist():
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    commands = set(group.commands)
    for unit in (DEPLOY / "systemd").glob("*.service"):
        found = re.search(r"ExecStart=\S+/onewindow (\w+)", unit.read_text())
        assert found is not None, unit.name
        assert found[1] in commands
    started = re.findall(r"command: \[(\w+)", (DEPLOY / "compose.yaml").read_text())
    assert started
    assert set(started) <= commands


def test_alerts_name_metrics_that_exist():
    rules = (DEPLOY / "alerts" / "onewindow.rules.yml").read_text()
    source = "\n".join(
        path.read_text() for package in PACKAGES for path in Path(package).rglob("*.py")
    )
    names = set(re.findall(r"onewindow_\w+", rules))
    assert names
    for name in names:
        assert f'"{name.removesuffix("_count")}"' in source, name


def test_example_settings_are_complete_and_not_usable_as_they_stand(tmp_path: Path):
    text = (DEPLOY / "settings.example.toml").read_text()
    assert tomllib.loads(text)["server"]["environment"] == "production"
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(BadSettings, match="weak secret"):
        load(file)
    strong = "5f0c9ad1e27b84633ac7"
    file.write_text(text.replace('"FILL"', f'"{strong}"').replace("FILL", "gw"))
    assert load(file).payments.upstream == "cnnontax_tcp"
