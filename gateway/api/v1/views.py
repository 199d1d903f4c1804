"""What the interface shows of cases, bills, documents and events."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

import payments
from gateway.api.v1.shapes import Named, shown
from gateway.cases.model import Case, CaseLine, CaseMaterial, Document
from gateway.cases.papers import title_of
from gateway.cases.states import LABELS, PUBLIC, TABLE
from kernel import masking
from kernel.db.events import Event
from kernel.money import format_yuan, to_capital


class MaterialView(BaseModel):
    """One material that was brought in."""

    code: str
    source: str
    at: str | None
    media_type: str
    size: int
    sha256: str
    licence_identifier: str
    licence_name: str
    sm3: str
    seal_verdict: str = Field(description="Our verification of the licence file; NO_FILE, NO_SEAL")

    @classmethod
    def of(cls, material: CaseMaterial) -> MaterialView:
        return cls(
            code=material.code,
            source=material.source,
            at=shown(material.at),
            media_type=material.media_type,
            size=material.size,
            sha256=material.sha256,
            licence_identifier=material.licence_identifier,
            licence_name=material.licence_name,
            sm3=material.sm3,
            seal_verdict=material.seal_verdict,
        )


class ConflictView(BaseModel):
    """A field in which the applicant and a licence say different things; nothing was corrected."""

    field: str
    typed: str
    licence: str


class ReviewView(BaseModel):
    """The department's review."""

    opinion: str
    remark: str
    at: str | None


class CaseRow(BaseModel):
    """One case in a list."""

    case_id: str
    case_no: str | None
    receipt_no: str
    item_code: str
    item_name: str
    region: str
    department: str
    state: str
    state_label: Named
    public_state: str
    channel: str
    created_at: str | None
    submitted_at: str | None
    reviewed: bool
    fee_paid: bool

    @classmethod
    def of(cls, line: CaseLine) -> CaseRow:
        label = LABELS[line.state]
        return cls(
            case_id=line.case_id,
            case_no=line.case_no,
            receipt_no=line.receipt_no,
            item_code=line.item_code,
            item_name=line.item_name,
            region=line.region,
            department=line.department,
            state=line.state,
            state_label=Named(zh=label.zh, en=label.en),
            public_state=PUBLIC[line.state],
            channel=line.channel,
            created_at=shown(line.created_at),
            submitted_at=shown(line.submitted_at),
            reviewed=line.reviewed,
            fee_paid=line.fee_paid,
        )


class CaseView(BaseModel):
    """A case. Names and numbers are masked; the applicant knows its own."""

    case_id: str
    case_no: str | None
    receipt_no: str
    item_code: str
    item_version: int
    item_name: str
    region: str
    department: str
    state: str
    state_label: Named
    public_state: str
    next_states: list[str] = Field(description="States that may follow")
    channel: str
    version: int
    applicant_type: str
    applicant: str = Field(description="Masked name")
    applicant_id: str = Field(description="Masked number")
    form: dict[str, str]
    conflicts: list[ConflictView]
    materials: list[MaterialView]
    created_at: str | None
    submitted_at: str | None
    accepted_at: str | None
    decided_at: str | None
    finished_at: str | None
    outcome: str | None
    reason: str
    review: ReviewView | None
    fee_paid: bool

    @classmethod
    def of(cls, case: Case) -> CaseView:
        label = LABELS[case.state]
        applicant = case.content.applicant
        by_person = applicant.type == "NATURAL_PERSON"
        review = case.review
        return cls(
            case_id=case.case_id,
            case_no=case.case_no,
            receipt_no=case.receipt_no,
            item_code=case.item_code,
            item_version=case.item_version,
            item_name=case.item_name,
            region=case.region,
            department=case.department,
            state=case.state,
            state_label=Named(zh=label.zh, en=label.en),
            public_state=PUBLIC[case.state],
            next_states=[str(state) for state in TABLE.allowed(case.state)],
            channel=case.channel,
            version=case.version,
            applicant_type=applicant.type,
            applicant=masking.mask_name(applicant.name) if by_person else applicant.name,
            applicant_id=(
                masking.mask_citizen_id(applicant.id_number) if by_person else applicant.id_number
            ),
            form=case.content.form,
            conflicts=[
                ConflictView(field=name, typed=typed, licence=told)
                for name, (typed, told) in case.content.conflicts.items()
            ],
            materials=[MaterialView.of(material) for material in case.materials],
            created_at=shown(case.created_at),
            submitted_at=shown(case.submitted_at),
            accepted_at=shown(case.accepted_at),
            decided_at=shown(case.decided_at),
            finished_at=shown(case.finished_at),
            outcome=case.outcome,
            reason=case.reason,
            review=(
                None
                if review is None
                else ReviewView(opinion=review.opinion, remark=review.remark, at=shown(review.at))
            ),
            fee_paid=case.fee_paid,
        )


class BillView(BaseModel):
    """A bill (缴款单) of a case."""

    bill_id: str
    pay_code: str
    amount_fen: int
    amount_yuan: str
    amount_capital: str
    status: str
    status_label: Named
    pay: str
    fund: str
    receipt: str
    refund: str
    recon: str
    exceptions: list[str]
    deadline: str | None
    paid_at: str | None
    pay_url: str | None = Field(description="Address of the pay page, while the bill can be paid")

    @classmethod
    def of(cls, bill: payments.Bill, pay_url: str | None = None) -> BillView:
        status = payments.public_status(bill)
        label = payments.LABELS[status]
        return cls(
            bill_id=bill.bill_id,
            pay_code=bill.pay_code,
            amount_fen=bill.amount_fen,
            amount_yuan=format_yuan(bill.amount_fen),
            amount_capital=to_capital(bill.amount_fen),
            status=status,
            status_label=Named(zh=label.zh, en=label.en),
            pay=bill.pay,
            fund=bill.fund,
            receipt=bill.receipt,
            refund=bill.refund,
            recon=bill.recon,
            exceptions=sorted(str(flag) for flag in bill.exceptions),
            deadline=shown(bill.deadline),
            paid_at=shown(bill.paid_at),
            pay_url=pay_url,
        )


class DocumentView(BaseModel):
    """A document (文书) of a case; fetch its bytes from ``…/documents/{document_id}/content``."""

    document_id: str
    kind: str
    title: str = Field(description="Name that stands on the document")
    number: str
    check_code: str = Field(description="校验码: with the number, anybody can check the document")
    state: str
    created_at: str | None
    sealed_at: str | None
    size: int
    sha256: str
    sm3: str
    verdict: str = Field(description="Verdict of the gateway's own verification of the seal")
    findings: list[str]

    @classmethod
    def of(cls, document: Document) -> DocumentView:
        return cls(
            document_id=document.document_id,
            kind=document.kind,
            title=title_of(document),
            number=document.number,
            check_code=document.check_code,
            state=document.state,
            created_at=shown(document.created_at),
            sealed_at=shown(document.sealed_at),
            size=document.size,
            sha256=document.sha256,
            sm3=document.sm3,
            verdict=document.verdict,
            findings=list(document.findings),
        )


class EventView(BaseModel):
    """One event. ``sequence`` counts 1, 2, 3 within its subject; ``position`` orders all events."""

    id: str
    position: int | None
    subject: str
    sequence: int
    type: str
    time: str | None
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> EventView:
        return cls(
            id=event.event_id,
            position=event.position,
            subject=event.reference,
            sequence=event.sequence,
            type=event.topic,
            time=shown(event.at),
            data=dict(event.data),
        )


class EventPage(BaseModel):
    """Events behind a position; ask again with ``after`` = ``next``."""

    rows: list[EventView]
    next: int
