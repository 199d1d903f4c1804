"""What Alembic runs around the revisions: which tables are wanted and how types are spelled."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from gateway.tables import metadata
from kernel.db.base import BigInt, Json, UtcDateTime


def render_item(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Spell our three types by name, so that a revision reads like a tables module."""
    names = {id(Json): "Json", id(BigInt): "BigInt"}
    if kind != "type":
        return False
    found = "UtcDateTime()" if isinstance(item, UtcDateTime) else names.get(id(item))
    if found is None:
        return False
    autogen.imports.add(f"from kernel.db.base import {found.removesuffix('()')}")
    return found


def include_object(
    item: Any, name: str | None, kind: str, _reflected: object, _other: object
) -> bool:
    """Keep a new revision to one package's tables when ``prefix`` was asked for."""
    prefix = context.config.attributes.get("prefix", "")
    table = name if kind == "table" else item.table.name
    return str(table).startswith(prefix)


def main() -> None:
    """Run the revisions on the connection that was handed over, or print them as SQL."""
    options: dict[str, Any] = {
        "target_metadata": metadata,
        "render_item": render_item,
        "include_object": include_object,
        "compare_type": True,
        "transaction_per_migration": True,
    }
    if context.is_offline_mode():
        context.configure(
            dialect_name=context.get_x_argument(as_dictionary=True).get("dialect", "postgresql"),
            literal_binds=True,
            **options,
        )
    else:
        connection = context.config.attributes.get("connection")
        if connection is None:
            msg = "run migrations by migrations/run.py or `onewindow db upgrade`"
            raise RuntimeError(msg)
        context.configure(connection=connection, **options)
    with context.begin_transaction():
        context.run_migrations()


main()
