"""Every error of the product as a problem: complete, in both languages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import pytest

from gateway.api.problems import problem
from kernel import masking
from kernel.errors import Failure

CHINESE = re.compile(r"[一-鿿]")
PACKAGES = ("gateway", "kernel", "identity", "e_license", "e_seal", "payments")


def everything() -> list[type[Failure]]:
    for package in PACKAGES:
        module = import_module(package)
        for found in walk_packages(module.__path__, f"{package}."):
            if "__main__" not in found.name:
                import_module(found.name)
    return sorted(set(below(Failure)), key=lambda kind: kind.__qualname__)


def below(kind: type[Failure]) -> Iterator[type[Failure]]:
    # Tests may define failures of their own.
    if kind.__module__.partition(".")[0] in PACKAGES:
        yield kind
    for child in kind.__subclasses__():
        yield from below(child)


KINDS = everything()


def made(kind: type[Failure]) -> Failure:
    failure = kind.__new__(kind)
    Failure.__init__(failure, "a detail for the engineer")
    return failure


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_texts_in_both_languages(kind: type[Failure]):
    status, zh = problem(made(kind), in_english=False, trace_id="t")
    _, en = problem(made(kind), in_english=True, trace_id="t")
    assert 400 <= status <= 599
    assert re.fullmatch(r"[a-z][a-z0-9_]*", zh["code"])
    for member in ("title", "citizen", "clerk"):
        assert CHINESE.search(zh[member]), member
        assert not CHINESE.search(en[member]), member
        assert masking.scrub(zh[member]) == zh[member]
        assert masking.scrub(en[member]) == en[member]
    assert json.loads(json.dumps(zh)) == zh


def test_one_code_one_meaning():
    codes: dict[str, set[str]] = {}
    for kind in KINDS:
        codes.setdefault(kind.code, set()).add(f"{kind.status} {kind.title.en}")
    assert {code: kinds for code, kinds in codes.items() if len(kinds) > 1} == {}


def test_extras_never_hide_the_members_that_every_problem_has():
    failure = Failure("detail", code="forged", status=200, trace_id="forged", field="kept")
    _, document = problem(failure, in_english=True, trace_id="t")
    assert (document["code"], document["status"], document["trace_id"]) == (
        "internal_error",
        500,
        "t",
    )
    assert document["field"] == "kept"
