"""不再索要台账: what cases were asked for, and how much of it nobody had to bring (feature N18)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from e_license import LicenceUse
from gateway.cases.model import Case, MaterialSource, StaffScope
from gateway.catalog.model import Item, Necessity
from kernel.work import Work, WorkSource

ASKED: Final = "ASKED"
"""Still asked for: the applicant, or the window, uploaded it."""
ABSENT: Final = "ABSENT"
"""Not required and not brought."""
TARGET_BP: Final = 6000
"""60 % of what is required, in basis points."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One material of one submitted case."""

    case_id: str
    code: str
    item_code: str
    region: str
    department: str
    necessity: str
    supplied_by: str
    licence_found: bool


@dataclass(frozen=True, slots=True)
class LedgerCount:
    """How often an item's required materials were supplied in one way."""

    item_code: str
    supplied_by: str
    count: int
    found: int
    """Among them, those for which a licence had been found."""


class LedgerRows(Protocol):
    """Where the ledger is kept."""

    async def add(self, work: Work, rows: Sequence[LedgerRow]) -> None:
        """Store the rows of one case."""
        ...

    async def change(self, work: Work, case_id: str, code: str, supplied_by: str) -> None:
        """Write by what a material of a case is supplied now."""
        ...

    async def counts(self, work: Work, scope: StaffScope, necessity: str) -> Sequence[LedgerCount]:
        """Return the counts of a scope's items by the way in which materials were supplied."""
        ...


class Served(Protocol):
    """Knows which licences were found for a case."""

    async def served_in(self, work: Work, reference: str) -> Sequence[LicenceUse]:
        """Return them, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Reduction:
    """What one item still asks for; all numbers are counts of required materials of cases."""

    item_code: str
    required: int
    supplied: Mapping[str, int]
    asked: int
    asked_though_found: int
    """A file was brought although a licence had been found: the clerks or the form ask in vain."""

    @property
    def reduction_bp(self) -> int:
        """Return the share that nobody had to bring, in basis points, rounded down."""
        return (self.required - self.asked) * 10_000 // self.required if self.required else 0


class MaterialLedger:
    """Writes the ledger as cases are submitted, and counts it."""

    def __init__(self, rows: LedgerRows, licences: Served, works: WorkSource) -> None:
        self._rows = rows
        self._licences = licences
        self._works = works

    async def open(self, work: Work, case: Case, item: Item) -> None:
        """Write one row per material of the item, in the unit of work that submits the case."""
        found = {use.material_code for use in await self._licences.served_in(work, case.case_id)}
        rows = []
        for material in item.materials:
            brought = case.material(material.code)
            rows.append(
                LedgerRow(
                    case_id=case.case_id,
                    code=material.code,
                    item_code=item.code,
                    region=case.region,
                    department=case.department,
                    necessity=material.necessity,
                    supplied_by=ABSENT if brought is None else supplied_by(brought.source),
                    licence_found=material.code in found,
                )
            )
        await self._rows.add(work, rows)

    async def asked(self, work: Work, case_id: str, code: str) -> None:
        """Write that a material had to be brought after all."""
        await self._rows.change(work, case_id, code, ASKED)

    async def report(self, scope: StaffScope) -> list[Reduction]:
        """Return the reduction of each item of a scope, in the order of their codes."""
        async with self._works.read() as work:
            counts = await self._rows.counts(work, scope, Necessity.REQUIRED)
        items: dict[str, dict[str, int]] = {}
        in_vain: dict[str, int] = {}
        for one in counts:
            items.setdefault(one.item_code, {})[one.supplied_by] = one.count
            if one.supplied_by == ASKED:
                in_vain[one.item_code] = one.found
        return [
            Reduction(code, sum(ways.values()), ways, ways.get(ASKED, 0), in_vain.get(code, 0))
            for code, ways in items.items()
        ]


def supplied_by(source: MaterialSource) -> str:
    """Return how the ledger names a way in which a material came in."""
    return ASKED if source is MaterialSource.UPLOAD else source.value
