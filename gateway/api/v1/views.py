"""What the interface shows: answer models, made from the domain's types and from nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, Field

import payments
from gateway.cases.materials import MaterialOutlook
from gateway.cases.model import Case, CaseLine, CaseMaterial, Document
from gateway.cases.states import LABELS, PUBLIC, TABLE
from gateway.catalog.model import FeeRule, Item, Material
from gateway.catalog.model import Field as FormField
from kernel import divisions, masking
from kernel.clock import beijing
from kernel.db.events import Event
from kernel.money import format_yuan, to_capital
from kernel.work import Json

T = TypeVar("T")


def shown(at: datetime | None) -> str | None:
    """Return a moment as people here read it: ISO 8601 with Beijing's offset."""
    return None if at is None else beijing(at).isoformat(timespec="milliseconds")


class PageView(BaseModel, Generic[T]):
    """One page. Follow ``next`` with ``?cursor=`` until it is null."""

    rows: list[T]
    next: str | None


class Named(BaseModel):
    """A name in Chinese and English."""

    zh: str
    en: str


class DepartmentView(BaseModel):
    """The implementing body (实施主体)."""

    uscc: str
    name: Named


class MaterialNeed(BaseModel):
    """One material that an item asks for."""

    code: str
    name: Named
    necessity: str
    licence_types: list[str] = Field(description="Licence types of which one replaces the material")

    @classmethod
    def of(cls, material: Material) -> MaterialNeed:
        return cls(
            code=material.code,
            name=Named(zh=material.name, en=material.name_en),
            necessity=material.necessity,
            licence_types=list(material.licence_types),
        )


class FieldView(BaseModel):
    """One field of the application form; every value is sent as text."""

    name: str
    title: Named
    kind: str
    max_length: int
    minimum: str | None
    maximum: str | None

    @classmethod
    def of(cls, field: FormField) -> FieldView:
        return cls(
            name=field.name,
            title=Named(zh=field.title, en=field.title_en),
            kind=field.kind,
            max_length=field.max_length,
            minimum=None if field.minimum is None else str(field.minimum),
            maximum=None if field.maximum is None else str(field.maximum),
        )


class FeeView(BaseModel):
    """One fee of an item; ``unit_price_fen`` is in 分."""

    code: str
    name: Named
    unit: str
    unit_price_fen: int
    quantity_field: str
    basis: str

    @classmethod
    def of(cls, fee: FeeRule) -> FeeView:
        return cls(
            code=fee.code,
            name=Named(zh=fee.name, en=fee.name_en),
            unit=fee.unit,
            unit_price_fen=fee.unit_price_fen,
            quantity_field=fee.quantity_field,
            basis=fee.basis,
        )


class ItemLine(BaseModel):
    """One service item in a list."""

    code: str
    basic_code: str
    version: int
    name: Named
    level: str
    region: str
    region_name: str
    department: DepartmentView
    kind: str
    task_type: str
    applicants: list[str]
    declared_online: bool = Field(description="Whether the catalogue declares it 网上可办")
    visits: int
    has_fee: bool

    @classmethod
    def of(cls, item: Item) -> ItemLine:
        department = item.department
        return cls(
            code=item.code,
            basic_code=item.basic_code,
            version=item.version,
            name=Named(zh=item.name, en=item.name_en),
            level=item.level.value,
            region=item.region,
            region_name=divisions.find(item.region).name,
            department=DepartmentView(
                uscc=department.uscc, name=Named(zh=department.name, en=department.name_en)
            ),
            kind=item.kind,
            task_type=item.task_type,
            applicants=[str(kind) for kind in item.applicants],
            declared_online=item.declared_online,
            visits=item.visits,
            has_fee=bool(item.fees),
        )


class ItemView(ItemLine):
    """A service item with everything that an applicant needs to know."""

    min_ial: int
    legal_days: int
    promise_days: int
    visits_reason: str
    online_depth: list[str]
    basis: list[str]
    accept_condition: str
    materials: list[MaterialNeed]
    fields: list[FieldView]
    fees: list[FeeView]

    @classmethod
    def of(cls, item: Item) -> ItemView:
        return cls(
            **ItemLine.of(item).model_dump(),
            min_ial=item.min_ial,
            legal_days=item.legal_days,
            promise_days=item.promise_days,
            visits_reason=item.visits_reason,
            online_depth=[str(depth) for depth in item.online_depth],
            basis=list(item.basis),
            accept_condition=item.accept_condition,
            materials=[MaterialNeed.of(material) for material in item.materials],
            fields=[FieldView.of(field) for field in item.fields],
            fees=[FeeView.of(fee) for fee in item.fees],
        )


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
        )


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


class OutlookView(BaseModel):
    """How one material can be brought in right now."""

    code: str
    name: Named
    necessity: str
    licence_status: str | None
    replaced: bool = Field(description="Whether a valid licence of the applicant replaces it")
    advice: Named

    @classmethod
    def of(cls, outlook: MaterialOutlook) -> OutlookView:
        material = outlook.material
        return cls(
            code=material.code,
            name=Named(zh=material.name, en=material.name_en),
            necessity=material.necessity,
            licence_status=outlook.status,
            replaced=outlook.usable,
            advice=Named(zh=outlook.advice, en=outlook.advice_en),
        )


class PrecheckView(BaseModel):
    """The answer of a pre-check (预检)."""

    item_code: str
    eligible: bool
    materials: list[OutlookView]
    to_bring: int = Field(description="Required materials that no licence replaces")
    fee_fen: int | None = Field(description="What will be due; null while the form is incomplete")
    promise_days: int
    visits: int


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
    number: str
    state: str
    created_at: str | None
    sealed_at: str | None
    size: int
    sha256: str
    verdict: str = Field(description="Verdict of the gateway's own verification of the seal")
    findings: list[str]

    @classmethod
    def of(cls, document: Document) -> DocumentView:
        return cls(
            document_id=document.document_id,
            kind=document.kind,
            number=document.number,
            state=document.state,
            created_at=shown(document.created_at),
            sealed_at=shown(document.sealed_at),
            size=document.size,
            sha256=document.sha256,
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
    data: dict[str, Json]

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
