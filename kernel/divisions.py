"""Shandong's administrative divisions and functional zones: names, parents, levels, and what lies
within what.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Final

from kernel.errors import InvalidInput, Text

PROVINCE: Final = "370000"
"""山东省, the province this table covers."""

_CODE: Final = re.compile(r"[0-9]{6}(?:[0-9]{6})?")
_DATA: Final = "data/divisions.csv"


class UnknownDivision(InvalidInput):
    """A code that is not a division of this province."""

    code = "division_unknown"
    title = Text("行政区划代码不存在", "Unknown division code")
    citizen = Text(
        "没有找到您选择的地区，请重新选择。", "We do not know that region; please choose again."
    )
    clerk = Text(
        "行政区划代码不在山东省区划表中，请核对。",
        "The division code is not in the province's table.",
    )


class Level(Enum):
    """区划层级."""

    PROVINCE = "PROVINCE"
    CITY = "CITY"
    COUNTY = "COUNTY"


class Kind(Enum):
    """An administrative division 行政区 or a functional zone 功能区, which has a committee but no
    people's congress.
    """

    ADMIN = "ADMIN"
    ZONE = "ZONE"


class Source(Enum):
    """Where a code comes from.

    ``GB2260`` is GB/T 2260; ``STATISTICS`` the statistical division codes (统计用区划代码), which
    number zones from 71; ``SERVICE`` the codes that government service systems use, such as 370190.
    """

    GB2260 = "GB2260"
    STATISTICS = "STATISTICS"
    SERVICE = "SERVICE"


@dataclass(frozen=True, slots=True)
class Division:
    """One division. ``superseded_by`` names the six-digit codes to use instead; empty for a code in
    force.
    """

    code6: str
    name: str
    parent: str | None
    level: Level
    kind: Kind
    source: Source
    superseded_by: tuple[str, ...] = ()

    @property
    def code12(self) -> str:
        """The twelve digits of statistics and service systems: six, and zeros for town
        and village.
        """
        return f"{self.code6}000000"

    @property
    def in_force(self) -> bool:
        """Whether no other code has taken this one's place."""
        return not self.superseded_by

    @property
    def standard(self) -> bool:
        """Whether the code is one of GB/T 2260."""
        return self.source is Source.GB2260


@cache
def _table() -> dict[str, Division]:
    with files("kernel").joinpath(_DATA).open(encoding="utf-8") as file:
        return {row["code"]: _division(row) for row in csv.DictReader(file)}


def _division(row: dict[str, str]) -> Division:
    return Division(
        row["code"],
        row["name"],
        row["parent"] or None,
        Level(row["level"]),
        Kind(row["kind"]),
        Source(row["source"]),
        tuple(row["superseded_by"].split()),
    )


def code6(code: str) -> str:
    """Return the county-level six digits of a six- or twelve-digit code; raise UnknownDivision for
    other shapes.
    """
    if _CODE.fullmatch(code) is None:
        raise UnknownDivision("a division code has 6 or 12 digits")
    return code[:6]


def code12(code: str) -> str:
    """Return twelve digits, padding six with zeros; a twelve-digit code comes back whole."""
    return code6(code) + (code[6:] or "000000")


def find(code: str) -> Division:
    """Return the division of a six- or twelve-digit code, a town's or village's code giving its
    county.

    Raise UnknownDivision when the province has no such division.
    """
    division = _table().get(code6(code))
    if division is None:
        raise UnknownDivision("the code is not a division of Shandong")
    return division


def divisions(*, level: Level | None = None, parent: str | None = None) -> Iterator[Division]:
    """Yield the divisions in force in the order of their codes, optionally of one level or one
    parent.
    """
    wanted_parent = None if parent is None else find(parent).code6
    for division in _table().values():
        if (
            division.in_force
            and level in {None, division.level}
            and wanted_parent in {None, division.parent}
        ):
            yield division


def lineage(code: str) -> tuple[Division, ...]:
    """Return the division and its ancestors up to the province, nearest first."""
    division = find(code)
    found = [division]
    while division.parent is not None:
        division = find(division.parent)
        found.append(division)
    return tuple(found)


def full_name(code: str) -> str:
    """Return the names from the province down: 山东省济南市历下区."""
    return "".join(division.name for division in reversed(lineage(code)))


def within(code: str, ancestor: str) -> bool:
    """Return whether a division is the ancestor or lies in it; a superseded code lies where its
    successors lie.
    """
    wanted = find(ancestor).code6
    chain = lineage(code)
    return any(division.code6 == wanted for division in chain) or any(
        within(successor, wanted) for division in chain for successor in division.superseded_by
    )
