"""What tests of reconciliation ask for again and again."""

from __future__ import annotations

from datetime import date

from payments import DayReport, Decision, Difference, Ruling, Subject
from tests.unit.payments.full_finance import FullTown


async def reconcile(here: FullTown, day: date) -> DayReport:
    report = await here.service.recon.reconcile(day)
    assert report is not None
    return report


async def differences(here: FullTown) -> list[Difference]:
    return list(await here.service.recon.differences())


async def decide(here: FullTown, difference: Difference, decision: Decision) -> Ruling:
    ruling = await here.service.rulings.propose(
        Subject.DIFFERENCE, difference.difference_id, decision, actor="staff:a", note="已核实"
    )
    return await here.service.rulings.confirm(ruling.ruling_id, "staff:b")


async def ties_out(here: FullTown) -> bool:
    return (await here.service.recon.books("370000")).tie_out
