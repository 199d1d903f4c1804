"""Reads the catalogue's seed file and refuses one that contradicts itself."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from importlib.resources import files
from typing import Any, Final

from gateway.catalog.codec import from_json
from gateway.catalog.model import CaseKind, Department, ExemptMode, FieldKind, Item
from kernel import divisions, gbcodes

_CODE_LENGTH: Final = 31
_USCC_LENGTH: Final = 18


class BadCatalogue(ValueError):
    """The catalogue file says something that cannot be."""


def bundled() -> tuple[Item, ...]:
    """Return the items that come with the product."""
    text = files("gateway.catalog").joinpath("data/items.toml").read_text("utf-8")
    return read_items(tomllib.loads(text))


def read_items(data: Mapping[str, Any]) -> tuple[Item, ...]:
    """Return the items of a parsed file. Raises BadCatalogue naming item and contradiction."""
    departments = {entry["uscc"]: _department(entry) for entry in data["department"]}
    items = tuple(_item(entry, departments) for entry in data["item"])
    if len({item.code for item in items}) != len(items):
        raise BadCatalogue("an item code stands twice")
    return items


def _department(entry: Mapping[str, Any]) -> Department:
    gbcodes.parse_uscc(entry["uscc"])
    divisions.find(entry["region"])
    return Department(**entry)


def _item(entry: Mapping[str, Any], departments: Mapping[str, Department]) -> Item:
    document = {"version": 1, "visits_reason": "", **entry}
    for one, many in {"material": "materials", "field": "fields", "fee": "fees"}.items():
        document[many] = document.pop(one, [])
    if unknown := set(document) - {field.name for field in fields(Item)}:
        raise BadCatalogue(f"item {entry.get('code')}: unknown entries {sorted(unknown)}")
    document["department"] = departments[entry["department"]]
    document["online_depth"] = [str(number) for number in entry["online_depth"]]
    item = from_json(document)
    _check(item)
    return item


def _check(item: Item) -> None:
    """Apply the rules of the national catalogue's auditors, as far as the seed can break them."""
    faults = {
        "its code must have 31 characters": len(item.code) != _CODE_LENGTH,
        "its code must begin with the department's credit code": (
            item.code[:_USCC_LENGTH] != item.department.uscc
        ),
        "visits need a reason, and no visits need none": (item.visits > 0)
        != bool(item.visits_reason),
        "the promised time is longer than the legal time": item.promise_days > item.legal_days,
        "an instant item promises no days": (item.kind is CaseKind.INSTANT)
        != (item.promise_days == 0),
        "a licence fills a field that the form does not have": not {
            name for material in item.materials for name in material.field_map
        }
        <= {field.name for field in item.fields},
        "a licence stands for a material that lists no licence type": any(
            not material.licence_types
            and (material.field_map or ExemptMode.LICENCE in material.exempt)
            for material in item.materials
        ),
        "fees need a charging agency": bool(item.fees) and not item.department.charging_agency,
        "a fee's quantity must be a required number of the form": any(
            fee.quantity_field
            and not any(
                field.name == fee.quantity_field and field.kind is FieldKind.DECIMAL
                for field in item.fields
            )
            for fee in item.fees
        ),
    }
    broken = [text for text, found in faults.items() if found]
    if broken:
        raise BadCatalogue(f"item {item.code}: {'; '.join(broken)}")
