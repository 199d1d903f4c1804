"""Turns items into JSON documents for the database and back, without losing a field."""

from __future__ import annotations

from pydantic import TypeAdapter

from gateway.catalog.model import Item
from kernel.work import Json

_ITEM = TypeAdapter(Item)


def to_json(item: Item) -> Json:
    """Return the item as a JSON document; decimals travel as text."""
    document: Json = _ITEM.dump_python(item, mode="json")
    return document


def from_json(document: object) -> Item:
    """Return the item of a stored document."""
    return _ITEM.validate_python(document)
