"""Each table carries its package's name; no column has a type that loses an index or a fen."""

from __future__ import annotations

from importlib import import_module

import pytest
from sqlalchemy import CHAR, Float, Numeric, Table

from gateway.tables import metadata
from tests.support.sources import PACKAGES, modules

TABLE_MODULES = [
    module.name for module in modules(*PACKAGES) if module.name.split(".")[-1] == "tables"
]


def prefixes(module: str) -> tuple[str, ...]:
    """Return what names of this module's tables may begin with."""
    package = module.split(".", maxsplit=1)[0]
    return (f"{package}_", f"{package.removesuffix('s')}_", f"{package.replace('_', '')}_")


def tables() -> list[tuple[str, Table]]:
    found = []
    for name in TABLE_MODULES:
        if name != "gateway.tables":
            found += [
                (name, item)
                for item in vars(import_module(name)).values()
                if isinstance(item, Table)
            ]
    return found


TABLES = tables()


@pytest.mark.parametrize(("module", "table"), TABLES, ids=str)
def test_a_table_carries_its_packages_name(module, table):
    # A table imported for a foreign key belongs to the module that defines it.
    owners = [name for name, other in TABLES if other is table]
    assert module in owners
    assert any(table.name.startswith(prefixes(name)) for name in owners)


def test_migrations_know_every_table():
    assert {table.name for _, table in TABLES} == set(metadata.tables)


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_column_types(table):
    for column in table.columns:
        # A CHAR column is compared as bpchar and loses its index against a text parameter.
        assert not isinstance(column.type, CHAR), column
        # Money is a whole number of fen; a measured quantity is a whole number of a smaller unit.
        assert not isinstance(column.type, Float | Numeric), column
