"""Manifests that are refused, folders that are found, and connections that cannot be right."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from adapters.kit.checks import Layer, check_folder, examine, probe
from adapters.kit.conformance import running
from adapters.kit.manifest import BadManifest, load, parse
from adapters.kit.registry import BadConnection, Connected, Registry
from adapters.kit.scaffold import FolderExists, new_adapter
from adapters.kit.telemetry import Telemetry
from kernel.clock import SystemClock
from kernel.ids import SequentialIds
from tests.unit.kit.upstream import manifest


def _raw(**changes: Any) -> dict[str, Any]:
    raw: dict[str, Any] = manifest().model_dump(mode="json", by_alias=True)
    return {**raw, **changes}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"port": "weather"}, "port: input should be 'identity'"),
        ({"region": "37"}, "region: "),
        ({"surprise": 1}, "surprise: extra inputs are not permitted"),
        ({"operations": {}}, "operations: "),
        (
            {"operations": {"x": {"safe": True, "keyed": True}}},
            "operations.x: an operation is safe",
        ),
        ({"name": "Bad-Name"}, "name: "),
        ({"entry": "adapter"}, "entry: "),
        ({"limits": {"concurrency": 0}}, "limits.concurrency: "),
    ],
)
def test_a_bad_manifest_names_the_field(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadManifest) as caught:
        parse(_raw(**changes), "some/manifest.toml")
    assert str(caught.value).startswith("some/manifest.toml: ")
    assert sentence in str(caught.value)


def _folder(tmp_path: Path, name: str, port: str = "payments") -> Path:
    package = tmp_path / "outside"
    package.mkdir(exist_ok=True)
    new_adapter(package, name, port)
    return package


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[str]:
    """A package name for generated folders, importable while the test runs and forgotten after."""
    name = "outside"
    sys.path.insert(0, str(tmp_path))
    yield name
    sys.path.remove(str(tmp_path))
    for module in [m for m in sys.modules if m == name or m.startswith(f"{name}.")]:
        del sys.modules[module]


def _registry(tmp_path: Path, outside: str) -> Registry:
    registry = Registry()
    registry.scan(_folder(tmp_path, "new_upstream"), outside)
    return registry


def _connect(registry: Registry, options: dict[str, Any], secrets: dict[str, str]) -> Connected:
    clock = SystemClock()
    return registry.connect(
        "new_upstream",
        options,
        secrets,
        clock=clock,
        ids=SequentialIds(),
        telemetry=Telemetry(CollectorRegistry(), clock),
    )


OPTIONS = {"base_url": "http://127.0.0.1:1", "account": "a"}


@pytest.mark.parametrize(
    ("options", "secrets", "sentence"),
    [
        (OPTIONS, {}, "secrets of new_upstream: missing: access_key"),
        (OPTIONS, {"access_key": ""}, "secrets of new_upstream: missing: access_key"),
        (
            OPTIONS,
            {"access_key": "hidden", "other": "hidden"},
            "secrets of new_upstream: not in the manifest: other",
        ),
        (
            {"base_url": "http://x"},
            {"access_key": "hidden"},
            "options of new_upstream: account: field required",
        ),
        (
            {**OPTIONS, "account": 7},
            {"access_key": "hidden"},
            "options of new_upstream: account: input should be a valid string",
        ),
        (
            {**OPTIONS, "colour": "hidden"},
            {"access_key": "hidden"},
            "options of new_upstream: colour: extra inputs are not permitted",
        ),
        (
            {**OPTIONS, "base_url": ""},
            {"access_key": "hidden"},
            "options of new_upstream: base_url is needed by transport http",
        ),
    ],
)
def test_a_bad_connection_is_one_clear_sentence_without_values(
    options: dict[str, Any], secrets: dict[str, str], sentence: str, tmp_path: Path, outside: str
) -> None:
    registry = _registry(tmp_path, outside)
    with pytest.raises(BadConnection) as caught:
        _connect(registry, options, secrets)
    assert str(caught.value) == sentence


async def test_secrets_are_not_shown_by_repr(tmp_path: Path, outside: str) -> None:
    connected = _connect(_registry(tmp_path, outside), OPTIONS, {"access_key": "hidden-value"})
    assert "hidden-value" not in repr(connected)
    await connected.close()


def test_a_name_may_be_taken_once_and_equals_its_folder(tmp_path: Path) -> None:
    package = _folder(tmp_path, "new_upstream")
    registry = Registry()
    registry.scan(package, "outside")
    assert registry.names() == ("new_upstream",)
    with pytest.raises(BadManifest, match="the name new_upstream is taken"):
        registry.scan(package, "outside")
    (package / "new_upstream").rename(package / "renamed")
    with pytest.raises(BadManifest, match="but the folder is 'renamed'"):
        load(package / "renamed" / "manifest.toml")


def test_an_unknown_upstream_is_named_with_the_known_ones(tmp_path: Path, outside: str) -> None:
    with pytest.raises(BadConnection, match="no upstream called nosuch; known are: new_upstream"):
        _registry(tmp_path, outside).manifest("nosuch")


def test_another_package_brings_an_upstream_by_an_entry_point(tmp_path: Path, outside: str) -> None:
    _folder(tmp_path, "new_upstream")
    registry = Registry()
    registry.add_entry_point(
        EntryPoint("new_upstream", f"{outside}.new_upstream", "onewindow.adapters")
    )
    assert registry.names() == ("new_upstream",)
    assert f"{outside}.new_upstream.adapter" not in sys.modules
    with pytest.raises(BadManifest, match="is not an installed package"):
        registry.add_entry_point(EntryPoint("x", f"{outside}.nosuch", "onewindow.adapters"))


@pytest.mark.parametrize("port", ["identity", "e_license", "e_seal", "payments", "second_factor"])
def test_a_new_folder_keeps_every_rule_but_the_one_a_person_must_fill_in(
    port: str, tmp_path: Path
) -> None:
    package = _folder(tmp_path, "new_upstream", port)
    findings = check_folder(package / "new_upstream", "outside.new_upstream")
    assert [finding.rule for finding in findings if not finding.ok] == ["M3"]


async def test_a_new_folder_runs_with_its_simulator(tmp_path: Path, outside: str) -> None:
    registry = _registry(tmp_path, outside)
    clock = SystemClock()
    async with running("new_upstream", tmp_path / "var", registry=registry) as world:
        examination = await examine(world.connected, clock)
        assert examination.ok, examination
        layers = [result.layer for result in examination.results]
        assert layers == [Layer.SETTINGS, Layer.DNS, Layer.TCP, Layer.CLOCK, Layer.BUSINESS]
        assert (await probe(world.connected, clock)).ok
        await world.faults.set("html", operation="status", times=0)
        assert (await probe(world.connected, clock)).fault is Layer.PROTOCOL
        await world.faults.clear()
        world.reconnect_to_nowhere()
        assert (await examine(world.connected, clock)).fault is Layer.TCP
        world.reconnect(account="stranger")
        assert (await examine(world.connected, clock)).fault is Layer.AUTHENTICATION
        world.reconnect(base_url="http://no.such.host.invalid:1")
        assert (await examine(world.connected, clock)).fault is Layer.DNS
        world.reconnect(base_url="ftp://127.0.0.1:1")
        assert (await examine(world.connected, clock)).fault is Layer.SETTINGS


def test_a_refused_name_or_port_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadManifest, match="name: "):
        new_adapter(tmp_path, "No-Good", "payments")
    with pytest.raises(ValueError, match="weather"):
        new_adapter(tmp_path, "fine_name", "weather")
    assert not list(tmp_path.iterdir())
    new_adapter(tmp_path, "fine_name", "payments")
    with pytest.raises(FolderExists):
        new_adapter(tmp_path, "fine_name", "payments")


ADDITIONS = [
    ("adapter.py", "import httpx\n", "M5"),
    ("mapping.py", "from urllib import request\n", "M5"),
    ("adapter.py", "import e_seal\n", "P1"),
    ("mapping.py", "from adapters.upstreams.sd_jis import wire\n", "P1"),
    ("simulator.py", "from .mapping import is_running\n", "M4"),
    ("simulator.py", "from adapters.kit.kit import Kit\n", "M4"),
    ("mapping.py", "import random\n", "M7"),
    ("mapping.py", "from datetime import datetime\nNOW = datetime.now()\n", "M7"),
    ("adapter.py", "def f(kit):\n    return kit.secrets.get('access_key', 'x')\n", "M8"),
    ("adapter.py", "def f(kit):\n    return kit.secrets['undeclared']\n", "M8"),
    ("options.py", "class Worse(Options):\n    client_secret: str = ''\n", "M8"),
]


@pytest.mark.parametrize(("file", "addition", "rule"), ADDITIONS)
def test_a_broken_rule_is_found(file: str, addition: str, rule: str, tmp_path: Path) -> None:
    folder = _folder(tmp_path, "new_upstream") / "new_upstream"
    path = folder / file
    path.write_text(path.read_text("utf-8") + addition, "utf-8")
    findings = check_folder(folder, "outside.new_upstream")
    assert rule in {finding.rule for finding in findings if not finding.ok}


@pytest.mark.parametrize(
    ("file", "rule"),
    [("README.md", "M10"), ("vectors/mapping.toml", "V1"), ("simulator.py", "M4")],
)
def test_a_missing_file_is_found(file: str, rule: str, tmp_path: Path) -> None:
    folder = _folder(tmp_path, "new_upstream") / "new_upstream"
    (folder / file).unlink()
    findings = check_folder(folder, "outside.new_upstream")
    assert rule in {finding.rule for finding in findings if not finding.ok}


def test_personal_data_must_be_redacted(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "new_upstream") / "new_upstream"
    path = folder / "manifest.toml"
    text = path.read_text("utf-8").replace("personal_data = []", 'personal_data = ["name"]')
    path.write_text(text, "utf-8")
    assert tomllib.loads(text)["personal_data"] == ["name"]
    assert "M9" in {f.rule for f in check_folder(folder, "outside.new_upstream") if not f.ok}
