"""Every error a caller may see has one stable code and texts for three readers in two languages."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module

import pytest

from kernel.errors import Failure, Text
from tests.support.sources import PACKAGES, modules

CHINESE = re.compile(r"[\u4e00-\u9fff]")
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def below(root: type[Failure]) -> Iterator[type[Failure]]:
    yield root
    for child in root.__subclasses__():
        yield from below(child)


def failures() -> list[type[Failure]]:
    for module in modules(*PACKAGES):
        import_module(module.name)
    found = {kind for kind in below(Failure) if kind.__module__.split(".")[0] in PACKAGES}
    return sorted(found, key=lambda kind: (kind.__module__, kind.__qualname__))


FAILURES = failures()
ids = [f"{kind.__module__}.{kind.__qualname__}" for kind in FAILURES]


def test_the_roots_are_found():
    assert len(FAILURES) > 10


def test_codes_are_unique():
    users = defaultdict(list)
    for kind in FAILURES:
        users[kind.code].append(f"{kind.__module__}.{kind.__qualname__}")
    assert {code: kinds for code, kinds in users.items() if len(kinds) > 1} == {}


@pytest.mark.parametrize("kind", FAILURES, ids=ids)
def test_a_failure_states_its_own_code(kind):
    assert "code" in vars(kind), "inherits its parent's code"
    assert CODE.fullmatch(kind.code)
    assert 400 <= kind.status < 600


@pytest.mark.parametrize("kind", FAILURES, ids=ids)
def test_a_failure_speaks_to_everybody(kind):
    for reader in ("title", "citizen", "clerk"):
        text = getattr(kind, reader)
        assert isinstance(text, Text), reader
        assert CHINESE.search(text.zh), f"{reader}: no Chinese"
        assert text.en.strip(), f"{reader}: no English"
        assert not CHINESE.search(text.en), f"{reader}: Chinese in the English text"
