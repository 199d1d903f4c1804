"""The shape of the source: sizes, opening sentences, and what is written in one place only."""

from __future__ import annotations

import ast

import pytest

from tests.support.sources import DOMAINS, PACKAGES, Module, modules

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
# A ratchet: an entry may go, none may come.
TOO_LONG: frozenset[str] = frozenset()

OURS = modules(*PACKAGES, "migrations")
ALL = tuple(
    module
    for module in (*OURS, *modules("tests"))
    if not module.name.startswith("migrations.versions.")  # written by a tool, read once
)
MONEY_WORDS = ("amount", "fen", "price", "fee", "total", "money", "balance", "paid")


def each(found: tuple[Module, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("module", found, ids=lambda module: module.where)


def test_modules_are_found():
    assert {module.name for module in OURS} >= {*PACKAGES, "kernel.errors"}


def test_modules_are_short():
    long = {
        module.where: lines
        for module in ALL
        if (lines := len(module.text.splitlines())) > MAX_MODULE_LINES
    }
    assert set(long) == TOO_LONG, long


def test_functions_are_short():
    long = {
        f"{module.where}:{function.lineno} {function.name}": lines
        for module in ALL
        for function in module.functions()
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > MAX_FUNCTION_LINES
    }
    assert long == {}


@each(ALL)
def test_a_module_opens_with_its_job(module):
    opening = (ast.get_docstring(module.tree) or "").split("\n\n")[0]
    assert len(opening) > 15, "no sentence"
    assert opening.rstrip()[-1] in ".。", opening


@each(OURS)
def test_only_the_command_line_prints(module):
    if module.name.startswith("gateway.cli"):
        return
    assert [call.lineno for name, call in module.calls() if name == "print"] == []


@each(tuple(module for module in OURS if module.name.split(".")[0] in {*DOMAINS, "gateway"}))
def test_no_float_near_money(module):
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            name = node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
            words = name.lower().split("_")
            if "float" in ast.unparse(node.annotation) and set(words) & set(MONEY_WORDS):
                found.append(f"{node.lineno} {name}")
    assert found == []


@each(tuple(module for module in OURS if module.name.split(".")[0] == "payments"))
def test_payments_know_no_float(module):
    names = [node for node in ast.walk(module.tree) if isinstance(node, ast.Name)]
    assert [node.lineno for node in names if node.id == "float"] == []
    constants = [node for node in ast.walk(module.tree) if isinstance(node, ast.Constant)]
    assert [node.lineno for node in constants if isinstance(node.value, float)] == []


@each(modules("tests"))
def test_fakes_come_by_the_constructor(module):
    # Joined here, so that this module does not find itself.
    banned = ("mock." + "patch", "unittest." + "mock", "monkeypatch." + "setattr", "mark." + "skip")
    assert [word for word in banned if word in module.text] == []
