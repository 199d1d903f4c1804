"""Tokens are verified in one room: nobody else decodes one, nor knows the library."""

from __future__ import annotations

from tests.support.sources import PACKAGES, modules

ROOM = "identity.jose"


def simulators(name: str) -> bool:
    """A simulator computes everything a second time and on its own."""
    return "simulator" in name or name.startswith("adapters.sandbox")


def test_tokens_are_decoded_in_one_room():
    elsewhere = {
        module.where
        for module in modules(*PACKAGES)
        if module.name != ROOM and not simulators(module.name)
        for called, _ in module.calls()
        if called.endswith(("jwt.decode", "deserialize_compact", "deserialize_json"))
    }
    assert elsewhere == set()


def test_the_library_is_known_in_one_room():
    naming = {
        module.name
        for module in modules(*PACKAGES)
        if not simulators(module.name)
        and ("import joserfc" in module.text or "from joserfc" in module.text)
    }
    assert naming == {ROOM}
