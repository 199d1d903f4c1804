"""Reconciliation at the finance desk (对账): a day in figures, its differences, and the books."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

import payments
from gateway.api.body import JsonBody, Posted
from gateway.api.callers import Services
from gateway.api.once import Answer, once, once_upstream
from gateway.api.v1.shapes import shown
from gateway.api.v1.staff_payments import READERS, Finance, Note, RulingView, actor
from kernel.errors import NotFound, Text

router = APIRouter(prefix="/v1/staff/recon", tags=["finance 财务"])

_MOST: Final = 1000
Division = Annotated[str, Path(pattern=r"^[0-9]{6}$")]


class NoRecon(NotFound):
    """The finance system of this installation offers no reconciliation files."""

    code = "recon_not_offered"
    title = Text("该非税系统不提供对账文件", "No reconciliation files are offered")


class TallyView(BaseModel):
    """So many transactions of so much money."""

    count: int
    amount_fen: int

    @classmethod
    def of(cls, tally: payments.Tally) -> TallyView:
        return cls(count=tally.count, amount_fen=tally.amount_fen)


class DifferenceView(BaseModel):
    """A disagreement over one transaction, as work for a person (差异)."""

    difference_id: str
    kind: str
    pay_code: str
    tra_no: str
    refund_no: str
    bill_id: str
    ours_fen: int | None
    theirs_fen: int | None
    state: str
    owner: str
    decision: str
    note: str
    opened_at: str | None
    closed_at: str | None

    @classmethod
    def of(cls, found: payments.Difference) -> DifferenceView:
        return cls(
            difference_id=found.difference_id,
            kind=found.kind,
            pay_code=found.pay_code,
            tra_no=found.tra_no,
            refund_no=found.refund_no,
            bill_id=found.bill_id,
            ours_fen=found.ours_fen,
            theirs_fen=found.theirs_fen,
            state=found.state,
            owner=found.owner,
            decision=found.decision,
            note=found.note,
            opened_at=shown(found.opened_at),
            closed_at=shown(found.closed_at),
        )


class DayView(BaseModel):
    """A day and division in figures; ``agrees`` when nothing is open."""

    division: str
    day: str
    revision: int | None
    state: str | None
    agrees: bool
    listed: TallyView
    listed_refunds: TallyView
    matched: TallyView
    matched_refunds: TallyView
    ours: TallyView
    ours_refunds: TallyView
    open_differences: dict[str, int]
    differences: list[DifferenceView]

    @classmethod
    def of(cls, report: payments.DayReport, differences: list[DifferenceView]) -> DayView:
        return cls(
            division=report.division,
            day=report.day.isoformat(),
            revision=report.revision,
            state=report.state,
            agrees=report.agrees,
            listed=TallyView.of(report.listed),
            listed_refunds=TallyView.of(report.listed_refunds),
            matched=TallyView.of(report.matched),
            matched_refunds=TallyView.of(report.matched_refunds),
            ours=TallyView.of(report.ours),
            ours_refunds=TallyView.of(report.ours_refunds),
            open_differences=dict(report.differences),
            differences=differences,
        )


class BooksView(BaseModel):
    """Σ paid − Σ refunded = Σ booked (勾稽), and invariants that do not hold."""

    paid_fen: int
    refunded_fen: int
    booked_fen: int
    unlisted_fen: int
    unfound_fen: int
    tie_out: bool
    violations: list[str]


class Resolve(Posted):
    """What is to be done about a difference."""

    decision: payments.Decision
    note: Note


class TakeOver(Posted):
    """Who looks after a difference from now on."""

    owner: Annotated[str, Field(min_length=1, max_length=64)]


async def _day(services: Services, report: payments.DayReport) -> DayView:
    found = await services.payments.recon.differences(
        division=report.division, day=report.day, only_open=False, limit=_MOST
    )
    return DayView.of(report, [DifferenceView.of(one) for one in found])


@router.get("/{division}/books", dependencies=READERS)
async def books(services: Services, division: Division) -> BooksView:
    """Sum everything of a division up and say whether it ties out."""
    found = await services.payments.recon.books(division)
    broken = await services.payments.recon.violations()
    return BooksView(
        paid_fen=found.paid_fen,
        refunded_fen=found.refunded_fen,
        booked_fen=found.booked_fen,
        unlisted_fen=found.unlisted_fen,
        unfound_fen=found.unfound_fen,
        tie_out=found.tie_out,
        violations=[f"{one.invariant}: {one.entity}" for one in broken],
    )


@router.get("/{division}/{day}", dependencies=READERS)
async def read_day(services: Services, division: Division, day: date) -> DayView:
    """Read a day's figures and every difference; nothing is fetched."""
    return await _day(services, await services.payments.recon.report(division, day))


@router.post("/{division}/{day}/fetch", response_model=DayView)
async def fetch_day(
    request: Request, services: Services, member: Finance, division: Division, day: date
) -> Response:
    """Fetch a day's file now and compare it; repeating it changes nothing that was settled."""

    async def act() -> Answer:
        report = await services.payments.recon.reconcile(day, division)
        if report is None:
            raise NoRecon("the finance system offers no files")
        return Answer(await _day(services, report))

    return await once_upstream(request, services, actor(member), act)


@router.post("/differences/{difference_id}/resolve", status_code=201, response_model=RulingView)
async def resolve_difference(
    request: Request,
    services: Services,
    member: Finance,
    difference_id: str,
    body: Annotated[Resolve, Depends(JsonBody(Resolve))],
) -> Response:
    """Propose what is to be done about a difference; somebody else must confirm it."""

    async def act() -> Answer:
        ruling = await services.payments.rulings.propose(
            payments.Subject.DIFFERENCE,
            difference_id,
            body.decision,
            actor=actor(member),
            note=body.note,
        )
        return Answer(RulingView.of(ruling), 201)

    return await once(request, services, actor(member), act)


@router.post("/differences/{difference_id}/take-over", response_model=DifferenceView)
async def take_over(
    request: Request,
    services: Services,
    member: Finance,
    difference_id: str,
    body: Annotated[TakeOver, Depends(JsonBody(TakeOver))],
) -> Response:
    """Name who looks after an open difference."""

    async def act() -> Answer:
        found = await services.payments.recon.take_over(difference_id, body.owner)
        return Answer(DifferenceView.of(found))

    return await once(request, services, actor(member), act)
