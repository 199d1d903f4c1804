"""What an applicant does with a case: declare it, submit it, take it back, collect its result."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.cases.errors import (
    ApplicantDiffers,
    ApplicantNotEligible,
    FormInvalid,
    MaterialsMissing,
)
from gateway.cases.material_ledger import MaterialLedger
from gateway.cases.model import (
    Applicant,
    Case,
    CaseId,
    CaseLine,
    CaseState,
    Channel,
    Content,
    DocumentKind,
    Outcome,
)
from gateway.cases.mover import CaseMover
from gateway.cases.numbers import Numbering
from gateway.cases.orders import DocumentOrders
from gateway.cases.ports import CaseRepository, OnlineGate
from gateway.catalog.model import Item, Necessity
from gateway.catalog.service import CatalogService
from kernel.clock import Clock
from kernel.ids import IdSource
from kernel.paging import Page, decode_cursor, page_of
from kernel.work import Work, WorkSource

VOID_TASK: Final = "case.void_bills"
"""The bills of a withdrawn case are voided upstream; one that was paid meanwhile stays paid."""


class CaseService:
    """The applicant's side of cases (申请人端)."""

    def __init__(
        self,
        *,
        repository: CaseRepository,
        mover: CaseMover,
        orders: DocumentOrders,
        numbering: Numbering,
        ledger: MaterialLedger,
        catalog: CatalogService,
        works: WorkSource,
        clock: Clock,
        ids: IdSource,
        gate: OnlineGate,
    ) -> None:
        self._gate = gate
        self._repository = repository
        self._mover = mover
        self._orders = orders
        self._numbering = numbering
        self._ledger = ledger
        self._catalog = catalog
        self._works = works
        self._clock = clock
        self._ids = ids

    async def declare(
        self,
        *,
        owner: str,
        client_id: str,
        ial: int,
        applicant: Applicant,
        item_code: str,
        form: dict[str, str],
        channel: Channel,
    ) -> Case:
        """Open a draft (暂存).

        Raises ItemNotFound, ApplicantNotEligible, and FormInvalid for unknown fields.
        """
        item = await self._catalog.get(item_code)
        require_eligible(item, applicant, ial)
        require_known_fields(item, form)
        case = Case(
            case_id=CaseId(self._ids.new("case")),
            item_code=item.code,
            item_version=item.version,
            item_name=item.name,
            region=item.region,
            department=item.department.uscc,
            state=CaseState.DRAFT,
            version=1,
            owner=owner,
            client_id=client_id,
            channel=channel,
            content=Content(applicant, dict(form)),
            created_at=self._clock.now(),
        )
        async with self._works.begin() as work:
            await self._repository.add(work, case)
            await work.emit(
                "case.declared",
                case.case_id,
                {"item_code": item.code, "state": case.state, "channel": channel},
            )
        return case

    async def get(self, case_id: str, owner: str) -> Case:
        """Return a case to its owner. Raises CaseNotFound."""
        async with self._works.read() as work:
            return await self._mover.own(work, case_id, owner, lock=False)

    async def look(self, case_id: str) -> Case:
        """Return a case to whoever decides who may see it. Raises CaseNotFound."""
        async with self._works.read() as work:
            return await self._mover.load(work, case_id, lock=False)

    async def mine(self, owner: str, cursor: str | None, limit: int) -> Page[CaseLine]:
        """Return a page of an owner's cases, newest first."""
        before = str(decode_cursor(cursor, (str,))[0]) if cursor else ""
        async with self._works.read() as work:
            rows = await self._repository.mine(work, owner, before, limit + 1)
        return page_of(rows, limit, lambda line: (line.case_id,))

    async def ids_of(self, owner: str) -> list[str]:
        """Return the ids of an owner's newest cases, at most a thousand."""
        async with self._works.read() as work:
            return list(await self._repository.ids_of(work, owner))

    async def rewrite(self, case_id: str, owner: str, form: dict[str, str]) -> Case:
        """Replace a draft's form. Raises CaseNotFound, IllegalTransition after submission."""
        async with self._works.begin() as work:
            case = await self._draft(work, case_id, owner)
            item = await self._catalog.get(case.item_code)
            require_known_fields(item, form)
            content = replace(case.content, form=dict(form))
            await self._repository.change(work, case, {"content": content})
            return await self._mover.load(work, case.case_id, lock=False)

    async def submit(self, case_id: str, owner: str) -> Case:
        """Submit a draft (申报): everything that is missing is told at once.

        Raises CaseNotFound, IllegalTransition, FormInvalid, MaterialsMissing, and what the gate
        raises while a system that the item cannot do without is away.
        """
        async with self._works.begin() as work:
            case = await self._draft(work, case_id, owner)
            item = await self._catalog.get(case.item_code)
            self._gate.require_open(item)
            require_complete(item, case)
            await self._ledger.open(work, case, item)
            changes = {
                "case_no": await self._numbering.case_no(work, item.code),
                "receipt_no": await self._numbering.receipt_no(work, item.region),
                "submitted_at": self._clock.now(),
            }
            return await self._mover.move(
                work, case, CaseState.SUBMITTED, f"citizen:{owner}", changes=changes
            )

    async def withdraw(self, case_id: str, owner: str) -> Case:
        """Take a case back before it is decided (撤回); a bill that waits is voided afterwards.

        Raises CaseNotFound, IllegalTransition.
        """
        async with self._works.begin() as work:
            case = await self._mover.own(work, case_id, owner)
            if case.state is CaseState.AWAITING_PAYMENT:
                await work.enqueue(VOID_TASK, case.case_id, {"case_id": case.case_id})
            return await self._mover.move(
                work,
                case,
                CaseState.WITHDRAWN,
                f"citizen:{owner}",
                changes={"outcome": Outcome.WITHDRAWN},
            )

    async def discard(self, case_id: str, owner: str) -> Case:
        """Throw a draft away. Raises CaseNotFound, IllegalTransition."""
        async with self._works.begin() as work:
            case = await self._mover.own(work, case_id, owner)
            return await self._mover.move(work, case, CaseState.DISCARDED, f"citizen:{owner}")

    async def collect(self, case_id: str, owner: str) -> Case:
        """Confirm that the result was received (签收) and order the proof of delivery (送达回证).

        Raises CaseNotFound, IllegalTransition.
        """
        async with self._works.begin() as work:
            case = await self._mover.own(work, case_id, owner)
            case = await self._mover.move(work, case, CaseState.DELIVERED, f"citizen:{owner}")
            item = await self._catalog.get(case.item_code)
            await self._orders.order(work, case, item, DocumentKind.DELIVERY, "system")
            return case

    async def _draft(self, work: Work, case_id: str, owner: str) -> Case:
        case = await self._mover.own(work, case_id, owner)
        if case.state is not CaseState.DRAFT:
            self._mover.refuse(case, CaseState.SUBMITTED)
        return case


def require_eligible(item: Item, applicant: Applicant, ial: int) -> None:
    """Raise ApplicantNotEligible when this applicant may not apply for the item."""
    if applicant.type not in item.applicants:
        raise ApplicantNotEligible(
            "the item is not for this kind of applicant",
            applicants=[str(kind) for kind in item.applicants],
        )
    if ial < item.min_ial:
        raise ApplicantNotEligible(
            "the proofing level is too low", required_ial=item.min_ial, actual_ial=ial
        )


def require_same(applicant: Applicant, name: str, id_number: str) -> None:
    """Raise ApplicantDiffers unless a form names the applicant as the province proved it."""
    differs = [
        {"field": field, "fault": "differs"}
        for field, told, proved in (
            ("applicant.name", name, applicant.name),
            ("applicant.id_number", id_number.upper(), applicant.id_number),
        )
        if told != proved
    ]
    if differs:
        raise ApplicantDiffers("the form names somebody else", fields=differs)


def require_known_fields(item: Item, form: dict[str, str]) -> None:
    """Raise FormInvalid for fields that the item's form does not have."""
    unknown = sorted(set(form) - {field.name for field in item.fields})
    if unknown:
        raise FormInvalid(
            "the form has unknown fields",
            fields=[{"field": name, "fault": "unknown"} for name in unknown],
        )


def require_complete(item: Item, case: Case) -> None:
    """Raise FormInvalid or MaterialsMissing with everything that is wrong or missing."""
    form = case.content.form
    faults = [
        {"field": field.name, "fault": fault}
        for field in item.fields
        if (fault := field.fault(form.get(field.name, ""))) is not None
    ]
    if faults:
        raise FormInvalid("the form is incomplete or wrong", fields=faults)
    missing = [
        {"code": material.code, "name": material.name}
        for material in item.materials
        if material.necessity is Necessity.REQUIRED and case.material(material.code) is None
    ]
    if missing:
        raise MaterialsMissing("required materials are missing", missing=missing)
