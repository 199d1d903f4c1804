"""What staff do with a case: receive, accept, review and decide it (受理、审查、决定)."""

from __future__ import annotations

from typing import Final

from gateway.cases.errors import (
    FeeUnpaid,
    LicenceLapsed,
    MaterialsMissing,
    ReasonMissing,
    ReviewExists,
    ReviewMissing,
)
from gateway.cases.material_ledger import Served
from gateway.cases.model import (
    Case,
    CaseLine,
    CaseState,
    DocumentKind,
    MaterialSource,
    Opinion,
    Outcome,
    StaffScope,
)
from gateway.cases.mover import CaseMover
from gateway.cases.orders import DocumentOrders
from gateway.cases.ports import CaseRepository
from gateway.catalog.model import CaseKind, Item
from gateway.catalog.service import CatalogService
from kernel.clock import Clock, beijing_day
from kernel.money import total
from kernel.paging import Page, decode_cursor, page_of
from kernel.work import Work, WorkSource

BILL_TASK: Final = "case.bill"
_MAX_REASON: Final = 1000


class DeskService:
    """The staff's side of cases (工作台)."""

    def __init__(
        self,
        *,
        repository: CaseRepository,
        mover: CaseMover,
        orders: DocumentOrders,
        licences: Served,
        catalog: CatalogService,
        works: WorkSource,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._mover = mover
        self._orders = orders
        self._licences = licences
        self._catalog = catalog
        self._works = works
        self._clock = clock

    async def worklist(
        self, scope: StaffScope, state: CaseState, cursor: str | None, limit: int
    ) -> Page[CaseLine]:
        """Return a page of the scope's cases in one state, oldest first."""
        after = str(decode_cursor(cursor, (str,))[0]) if cursor else ""
        async with self._works.read() as work:
            rows = await self._repository.worklist(work, scope, state, after, limit + 1)
        return page_of(rows, limit, lambda line: (line.case_id,))

    async def get(self, case_id: str, scope: StaffScope) -> Case:
        """Return a case of the scope. Raises CaseNotFound."""
        async with self._works.read() as work:
            return await self._mover.in_scope(work, case_id, scope, lock=False)

    async def receive(self, case_id: str, scope: StaffScope) -> Case:
        """Confirm that the application came in (收件) and order the receipt for its materials.

        Raises CaseNotFound, IllegalTransition.
        """
        async with self._works.begin() as work:
            case = await self._mover.in_scope(work, case_id, scope)
            case = await self._mover.move(work, case, CaseState.RECEIVED, scope.actor)
            item = await self._catalog.get(case.item_code)
            await self._orders.order(work, case, item, DocumentKind.RECEIPT, scope.actor)
            return case

    async def accept(self, case_id: str, scope: StaffScope) -> Case:
        """Accept a received case (受理) and order the notice that the law asks for (article 32).

        Raises CaseNotFound, IllegalTransition.
        """
        async with self._works.begin() as work:
            case = await self._mover.in_scope(work, case_id, scope)
            changes = {"accepted_at": self._clock.now()}
            case = await self._mover.move(
                work, case, CaseState.ACCEPTED, scope.actor, changes=changes
            )
            item = await self._catalog.get(case.item_code)
            await self._orders.order(work, case, item, DocumentKind.ACCEPTANCE, scope.actor)
            return case

    async def reject(self, case_id: str, scope: StaffScope, reason: str) -> Case:
        """Do not accept a case (不予受理). Raises ReasonMissing, IllegalTransition."""
        changes = {"outcome": Outcome.NOT_ACCEPTED, "reason": require_reason(reason)}
        async with self._works.begin() as work:
            case = await self._mover.in_scope(work, case_id, scope)
            case = await self._mover.move(
                work, case, CaseState.NOT_ACCEPTED, scope.actor, changes=changes
            )
            item = await self._catalog.get(case.item_code)
            await self._orders.order(work, case, item, DocumentKind.NON_ACCEPTANCE, scope.actor)
            return case

    async def take(self, case_id: str, scope: StaffScope) -> Case:
        """Take an accepted case into review (审查). Raises CaseNotFound, IllegalTransition."""
        async with self._works.begin() as work:
            case = await self._mover.in_scope(work, case_id, scope)
            # From where a fee is awaited only the money, or the bill's end, leads back here.
            if case.state is not CaseState.ACCEPTED:
                self._mover.refuse(case, CaseState.REVIEWING)
            return await self._mover.move(work, case, CaseState.REVIEWING, scope.actor)

    async def review(self, case_id: str, scope: StaffScope, opinion: Opinion, remark: str) -> Case:
        """Give the department's opinion; a favourable one asks for the fee, if there is one.

        Raises CaseNotFound, IllegalTransition, ReviewExists, and ReasonMissing for a FAILED one.
        """
        if opinion is Opinion.FAILED:
            require_reason(remark)
        async with self._works.begin() as work:
            case = await self._mover.in_scope(work, case_id, scope)
            if case.state is not CaseState.REVIEWING:
                self._mover.refuse(case, CaseState.REVIEWING)
            if case.review is not None:
                raise ReviewExists("the case has a review")
            changes = {
                "review_opinion": opinion,
                "review_remark": remark[:_MAX_REASON],
                "review_by": scope.actor,
                "review_at": self._clock.now(),
            }
            await self._repository.change(work, case, changes)
            await work.emit("case.reviewed", case.case_id, {"opinion": opinion})
            case = await self._mover.load(work, case.case_id, lock=False)
            return await self._ask_for_fee(work, case)

    async def _ask_for_fee(self, work: Work, case: Case) -> Case:
        item = await self._catalog.get(case.item_code)
        if case.review is None or case.review.opinion is not Opinion.PASSED:
            return case
        if fee_due(item, case) == 0:
            return case
        case = await self._mover.move(work, case, CaseState.AWAITING_PAYMENT, "system")
        await work.enqueue(BILL_TASK, case.case_id, {"case_id": case.case_id})
        return case

    async def decide(self, case_id: str, scope: StaffScope, outcome: Outcome, reason: str) -> Case:
        """Decide a case (决定): GRANTED, or REFUSED with the reason.

        A grant needs every licence of the case to be valid still, as it was recorded last, and
        every deferred material to have come. Raises ReviewMissing, FeeUnpaid, LicenceLapsed,
        MaterialsMissing, ReasonMissing, CaseNotFound, IllegalTransition.
        """
        if outcome is Outcome.REFUSED:
            require_reason(reason)
        async with self._works.begin() as work:
            case = await self._mover.in_scope(work, case_id, scope)
            item = await self._catalog.get(case.item_code)
            if case.state in {CaseState.ACCEPTED, CaseState.REVIEWING}:
                require_ready(item, case, outcome)
                if outcome is Outcome.GRANTED:
                    await self._require_materials(work, case)
            changes = {
                "outcome": outcome,
                "reason": reason,
                "decided_at": self._clock.now(),
            }
            case = await self._mover.move(
                work,
                case,
                CaseState.DECIDED,
                scope.actor,
                changes=changes,
                data={"outcome": outcome},
            )
            kind = DocumentKind.REFUSAL
            if outcome is Outcome.GRANTED:
                kind = DocumentKind.GRANT
                await self._orders.order_licence(work, case, item, scope.actor)
            if await self._orders.order(work, case, item, kind, scope.actor):
                return case
            # Without a seal there is no document to wait for.
            return await conclude(self._mover, work, case)

    async def _require_materials(self, work: Work, case: Case) -> None:
        sources = {material.source for material in case.materials}
        if MaterialSource.DEFERRED in sources:
            missing = [
                {"code": one.code}
                for one in case.materials
                if one.source is MaterialSource.DEFERRED
            ]
            raise MaterialsMissing("a deferred material has not come", missing=missing)
        if MaterialSource.LICENCE not in sources:
            return
        today = beijing_day(self._clock.now())
        over = {
            use.material_code
            for use in await self._licences.served_in(work, case.case_id)
            if (brought := case.material(use.material_code)) is not None
            and brought.licence_identifier == use.identifier
            and not use.may_replace_paper(today)
        }
        if over:
            raise LicenceLapsed("a licence is not valid any more", materials=sorted(over))


async def conclude(mover: CaseMover, work: Work, case: Case) -> Case:
    """Conclude a decided case and hold its result ready for the applicant (办结, 送达)."""
    case = await mover.move(
        work, case, CaseState.CONCLUDED, "system", data={"outcome": case.outcome}
    )
    return await mover.move(work, case, CaseState.DELIVERING, "system")


def fee_due(item: Item, case: Case) -> int:
    """Return what the applicant owes for this case, in fen."""
    return total(fee.amount(case.content.form) for fee in item.fees)


def require_reason(reason: str) -> str:
    """Return a reason. Raises ReasonMissing when there is none, or far too much of it."""
    if not reason.strip() or len(reason) > _MAX_REASON:
        raise ReasonMissing("a reason has 1 to 1000 characters")
    return reason


def require_ready(item: Item, case: Case, outcome: Outcome) -> None:
    """Raise ReviewMissing or FeeUnpaid when the case cannot be decided so yet."""
    if item.kind is CaseKind.PROMISE and case.review is None:
        raise ReviewMissing("the department has not reviewed the case")
    if outcome is not Outcome.GRANTED:
        return
    if case.review is not None and case.review.opinion is not Opinion.PASSED:
        raise ReviewMissing("the review does not support a grant")
    if fee_due(item, case) > 0 and not case.fee_paid:
        raise FeeUnpaid("the fee is not paid")
