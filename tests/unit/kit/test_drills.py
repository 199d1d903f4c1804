"""The drills have teeth: an honest adapter passes them, one that repeats or guesses does not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.kit.conformance import Drill, World, drill_operation, operations_of, running
from adapters.kit.registry import Registry
from adapters.kit.scaffold import new_adapter

PAY = """
    async def pay(self, key: str) -> None:
        await self._kit.client.request_json("pay", "POST", "/pay", json={"key": key})

    async def pay_stubbornly(self, key: str) -> None:
        from kernel.errors import UpstreamOutcomeUnknown
        try:
            await self.pay(key)
        except UpstreamOutcomeUnknown:
            from adapters.kit.deadline import _ends
            import math
            token = _ends.set(math.inf)
            try:
                await self.pay(key)
            finally:
                _ends.reset(token)

    async def pay_blindly(self, key: str) -> None:
        from kernel.errors import UpstreamError
        try:
            await self.pay(key)
        except UpstreamError:
            pass
"""
SERVE = """
    async def pay(request: Request) -> JSONResponse:
        key = (await request.json())["key"]
        store.next_number(key)
        return JSONResponse({"ok": True})

    async def count(request: Request) -> JSONResponse:
        return JSONResponse(store.get("_number", request.path_params["key"]) or 0)

"""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    package = tmp_path / "drilled"
    new_adapter(package, "payer", "payments")
    folder = package / "payer"
    for file, old, new in (
        ("manifest.toml", "[spec]", "[operations.pay]\n[spec]"),
        ("adapter.py", "    def checks(", PAY + "\n    def checks("),
        ("simulator.py", "    async def close(", SERVE + "    async def close("),
        (
            "simulator.py",
            'Route("/status", status)',
            (
                'Route("/status", status), Route("/pay", pay, methods=["POST"]),'
                ' Route("/sim/count/{key}", count)'
            ),
        ),
    ):
        path = folder / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")
    sys.path.insert(0, str(tmp_path))
    registry = Registry()
    registry.scan(package, "drilled")
    yield registry
    sys.path.remove(str(tmp_path))
    for module in [m for m in sys.modules if m.split(".")[0] == "drilled"]:
        del sys.modules[module]


async def _pay(world: World, key: str) -> None:
    await world.provider.pay(key)


async def _pay_stubbornly(world: World, key: str) -> None:
    await world.provider.pay_stubbornly(key)


async def _pay_blindly(world: World, key: str) -> None:
    await world.provider.pay_blindly(key)


async def _effects(world: World, key: str) -> int:
    return int((await world.browser.get(f"/sim/count/{key}")).json())


@pytest.mark.parametrize("action", ["nowhere", "refuse", "timeout_after", "error", "malformed"])
async def test_an_honest_adapter_passes(action: str, registry: Registry, tmp_path: Path) -> None:
    async with running("payer", tmp_path / "var", registry=registry) as world:
        drill = Drill("pay", _pay, _effects)
        assert await operations_of(world, drill) == {"pay"}
        await drill_operation(world, drill, "pay", action)


async def test_a_second_sending_is_found(registry: Registry, tmp_path: Path) -> None:
    async with running("payer", tmp_path / "var", registry=registry) as world:
        drill = Drill("pay", _pay_stubbornly, _effects, quiet=True)
        with pytest.raises(AssertionError, match="2 effects"):
            await drill_operation(world, drill, "pay", "timeout_after")


async def test_a_claim_of_success_is_found(registry: Registry, tmp_path: Path) -> None:
    async with running("payer", tmp_path / "var", registry=registry) as world:
        for action in ("nowhere", "timeout_before", "html"):
            with pytest.raises(AssertionError, match="it claimed success"):
                await drill_operation(world, Drill("pay", _pay_blindly), "pay", action)


async def test_a_drill_that_never_meets_its_operation_is_found(
    registry: Registry, tmp_path: Path
) -> None:
    async with running("payer", tmp_path / "var", registry=registry) as world:
        with pytest.raises(AssertionError, match="never saw status"):
            await drill_operation(world, Drill("pay", _pay), "status", "slow")
