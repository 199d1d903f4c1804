"""Every upstream folder: quality rules, golden vectors, its port's conformance suite, and
failure drills.

Parametrised over the manifests that are found: adding a folder adds its tests.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.kit.checks import check_folder, examine, probe
from adapters.kit.conformance import ACTIONS, World, checks_of, running
from adapters.kit.conformance.campaign import campaign, undrilled
from adapters.kit.conformance.suites import Fact, suite_of
from adapters.kit.conformance.vectors import Vector, run_vector, vector_files
from adapters.kit.registry import Registry
from kernel.clock import SystemClock

REGISTRY = Registry.discover()
NAMES = REGISTRY.names()


async def _no_suite(world: World) -> None:
    """Stands in, and fails, for the suite of a port that has none."""
    suite_of(world.manifest.port)


def _facts() -> list[tuple[str, str, Fact]]:
    found: list[tuple[str, str, Fact]] = []
    for name in NAMES:
        try:
            found += [(name, *fact) for fact in checks_of(REGISTRY.manifest(name).port)]
        except ModuleNotFoundError:
            found.append((name, "no_suite", _no_suite))
    return found


def _vectors() -> list[tuple[str, str, Vector]]:
    return [
        (name, file.path.stem, vector)
        for name in NAMES
        for file in vector_files(REGISTRY.found(name).folder)
        for vector in file.vectors
    ]


FACTS = _facts()
VECTORS = _vectors()


@pytest.mark.parametrize("name", NAMES)
def test_the_folder_keeps_the_quality_rules(name: str) -> None:
    found = REGISTRY.found(name)
    broken = [
        f"{finding.rule} {finding.title}: {finding.detail}"
        for finding in check_folder(found.folder, found.package)
        if not finding.ok
    ]
    assert not broken


@pytest.mark.parametrize(
    ("name", "vector"),
    [
        pytest.param(name, vector, id=f"{name}-{file}-{vector.name}")
        for name, file, vector in VECTORS
    ],
)
def test_golden_vector(name: str, vector: Vector) -> None:
    run_vector(REGISTRY.found(name), vector)


@pytest.mark.parametrize(
    ("name", "check"),
    [pytest.param(name, check, id=f"{name}-{title}") for name, title, check in FACTS],
)
async def test_conformance(name: str, check: Fact, tmp_path: Path) -> None:
    async with running(name, tmp_path, registry=REGISTRY) as world:
        await check(world)


@pytest.mark.parametrize("name", NAMES)
async def test_self_check_and_probe_are_green_on_a_healthy_upstream(
    name: str, tmp_path: Path
) -> None:
    async with running(name, tmp_path, registry=REGISTRY) as world:
        for examination in (
            await examine(world.connected, SystemClock()),
            await probe(world.connected, SystemClock()),
        ):
            assert examination.ok, examination


@pytest.mark.parametrize("name", NAMES)
async def test_every_operation_is_drilled(name: str, tmp_path: Path) -> None:
    async with running(name, tmp_path, registry=REGISTRY) as world:
        assert not await undrilled(world)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("name", NAMES)
async def test_drill(name: str, action: str, tmp_path: Path) -> None:
    async with running(name, tmp_path, registry=REGISTRY) as world:
        assert await campaign(world, action)
