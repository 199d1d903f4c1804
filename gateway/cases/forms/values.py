"""What a case says in its documents: every placeholder of a template and its value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from gateway.cases.model import Case, CaseMaterial, Document, MaterialSource
from gateway.catalog.model import ApplicantType, Item
from kernel import divisions, masking
from kernel.clock import beijing
from kernel.money import format_yuan, to_capital, total

DETAILS: Final = frozenset(
    {
        "corrections",
        "correction_deadline",
        "procedure",
        "procedure_days",
        "extension_days",
        "extended_until",
        "reason_of_extension",
    }
)
"""Placeholders whose values come with the order of the document, not from the case."""

PLACEHOLDERS: Final = DETAILS | {
    "accepted",
    "applicant",
    "applicant_id",
    "basis",
    "case_no",
    "decided",
    "delivered",
    "department",
    "fee_basis",
    "fee_capital",
    "fee_due",
    "fee_names",
    "fee_paid",
    "fee_yuan",
    "instant",
    "is_permit",
    "is_service",
    "issued",
    "issued_at",
    "item",
    "item_code",
    "legal_days",
    "materials",
    "promise_days",
    "reason",
    "receipt_no",
    "remedies",
    "submitted",
    "terms",
    "you",
}
_MARK: Final = "1"
"""Value of placeholders that only say whether something applies."""


def values_of(
    document: Document,
    case: Case,
    item: Item,
    *,
    delivered: Sequence[tuple[str, str]] = (),
    details: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the values by placeholder; what does not apply is absent.

    ``delivered`` are title and number of the documents that a 送达回证 lists. Raises ValueError for
    details that no template may use.
    """
    if unknown := set(details or {}) - DETAILS:
        raise ValueError(f"unknown details {sorted(unknown)}")
    issued = document.created_at
    values = {
        **_applicant(case),
        **_dates(case),
        **_fees(case, item),
        **_terms(item),
        "item": item.name,
        "item_code": item.code,
        "case_no": case.case_no or "",
        "receipt_no": case.receipt_no,
        "department": item.department.name,
        "issued": day(issued),
        "issued_at": f"{day(issued)}{beijing(issued):%H时%M分}",
        "reason": case.reason,
        "remedies": remedies(item.region),
        "materials": "\n".join(_materials(case, item)) or "（无需提交材料）",
        "terms": _declared(case, item),
        "delivered": "\n".join(f"《{title}》{number}" for title, number in delivered),
        **(details or {}),
    }
    return {name: value for name, value in values.items() if value}


def day(at: datetime) -> str:
    """Return a day as documents write it, in Beijing."""
    local = beijing(at)
    return f"{local.year}年{local.month}月{local.day}日"


def reviewing_body(region: str) -> str:
    """Return whom to ask for reconsideration (行政复议机关): the government of the same level.

    Administrative Reconsideration Law (行政复议法, 2023), article 24. A zone's committee was set
    up by the government above it.
    """
    place = divisions.find(region)
    above = divisions.find(place.parent) if place.parent else None
    if above is None or place.level is divisions.Level.CITY:
        return f"{place.name}人民政府"
    if place.kind is divisions.Kind.ZONE:
        return f"{above.name}人民政府"
    return f"{above.name}{place.name}人民政府"


def remedies(region: str) -> str:
    """Return what a negative decision must tell (行政许可法 article 38, 行政诉讼法 article 46)."""
    return (
        f"如不服本决定，可以自收到本决定之日起六十日内向{reviewing_body(region)}申请行政复议，"
        "也可以自收到本决定之日起六个月内依法向有管辖权的人民法院提起行政诉讼。"
    )


def _applicant(case: Case) -> dict[str, str]:
    applicant = case.content.applicant
    if applicant.type is ApplicantType.NATURAL_PERSON:
        number = masking.mask_citizen_id(applicant.id_number)
        return {"applicant": applicant.name, "applicant_id": number, "you": "你"}
    return {"applicant": applicant.name, "applicant_id": applicant.id_number, "you": "你单位"}


def _dates(case: Case) -> dict[str, str]:
    moments = {
        "submitted": case.submitted_at,
        "accepted": case.accepted_at,
        "decided": case.decided_at,
    }
    return {name: day(at) for name, at in moments.items() if at is not None}


def _fees(case: Case, item: Item) -> dict[str, str]:
    form = case.content.form
    due = total(fee.amount(form) for fee in item.fees)
    if due == 0:
        return {}
    return {
        "fee_names": "、".join(fee.name for fee in item.fees),
        "fee_basis": "；".join(dict.fromkeys(fee.basis for fee in item.fees)),
        "fee_yuan": format_yuan(due),
        "fee_capital": to_capital(due),
        "fee_due": _MARK,
        "fee_paid": _MARK if case.fee_paid else "",
    }


def _terms(item: Item) -> dict[str, str]:
    return {
        "basis": "、".join(item.basis),
        "legal_days": str(item.legal_days),
        "promise_days": str(item.promise_days) if item.promise_days else "",
        "instant": "" if item.promise_days else _MARK,
        "is_permit": _MARK if item.is_permit else "",
        "is_service": "" if item.is_permit else _MARK,
    }


def _declared(case: Case, item: Item) -> str:
    form = case.content.form
    parts = [f"{field.title}：{form[field.name]}" for field in item.fields if field.name in form]
    return "；".join(parts)


def _materials(case: Case, item: Item) -> list[str]:
    names = {material.code: material.name for material in item.materials}
    return [
        f"{number}. {names.get(brought.code, brought.code)}（{_form_of(brought)}）"
        for number, brought in enumerate(case.materials, start=1)
    ]


def _form_of(material: CaseMaterial) -> str:
    if material.source is MaterialSource.LICENCE:
        return "电子证照调用，免提交"
    return "电子文件1份"
