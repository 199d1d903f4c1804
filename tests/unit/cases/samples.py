"""Cases, people and documents for tests; nobody here exists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import e_license
from gateway.cases.forms import newest
from gateway.cases.model import (
    Applicant,
    Case,
    CaseId,
    CaseNo,
    CaseState,
    Channel,
    Content,
    Document,
    DocumentKind,
    DocumentState,
)
from gateway.catalog.model import ApplicantType, FieldKind, Item
from gateway.catalog.seed import bundled

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
ROAD = "11370102MB9000066L4000117010000"
ID_NUMBER = "370102199003071238"
USCC = "91370100MA3ABCDE1G"
PERSON = Applicant(
    type=ApplicantType.NATURAL_PERSON,
    name="张明轩",
    id_type=e_license.IdDocType.CITIZEN_ID,
    id_number=ID_NUMBER,
    operator_name="张明轩",
    operator_id_number=ID_NUMBER,
    mobile="13800000001",
)
COMPANY = Applicant(
    type=ApplicantType.LEGAL_PERSON,
    name="山东一窗示例科技有限公司",
    id_type=e_license.IdDocType.UNIFIED_SOCIAL_CREDIT_CODE,
    id_number=USCC,
    operator_name="张明轩",
    operator_id_number=ID_NUMBER,
    mobile="13800000001",
)


def item(code: str = ROAD) -> Item:
    return next(item for item in bundled() if item.code == code)


def form_of(item: Item) -> dict[str, str]:
    values = {
        FieldKind.TEXT: "济南市历下区泉城路“示例”段①—②",
        FieldKind.DECIMAL: "4",
        FieldKind.DATE: "2027-06-30",
    }
    return {field.name: values[field.kind] for field in item.fields}


def case_of(item: Item, applicant: Applicant | None = None, **changes: Any) -> Case:
    chosen = PERSON if ApplicantType.NATURAL_PERSON in item.applicants else COMPANY
    fields: dict[str, Any] = {
        "case_id": CaseId("case_0001"),
        "item_code": item.code,
        "item_version": item.version,
        "item_name": item.name,
        "region": item.region,
        "department": item.department.uscc,
        "state": CaseState.ACCEPTED,
        "version": 3,
        "owner": "P_0001",
        "client_id": "test-portal",
        "channel": Channel.PC_WEB,
        "content": Content(applicant or chosen, form_of(item)),
        "created_at": NOW,
        "case_no": CaseNo(f"{item.code}20260302000001"),
        "receipt_no": f"{item.region}2603020000011",
        "submitted_at": NOW + timedelta(minutes=5),
        "accepted_at": NOW + timedelta(hours=2),
        "reason": "申请材料与事实不符",
    }
    return Case(**{**fields, **changes})


def document_of(kind: DocumentKind, of: Item | None = None, **changes: Any) -> Document:
    template = newest(kind, is_permit=(of or item()).is_permit)
    fields: dict[str, Any] = {
        "document_id": "doc_0001",
        "case_id": CaseId("case_0001"),
        "kind": kind,
        "version": 1,
        "number": "〔2026〕370102不准000001号",
        "state": DocumentState.QUEUED,
        "created_at": NOW,
        "actor": "staff:clerk-1",
        "template": template.id,
        "template_version": template.version,
        "check_code": "7KQ2MX9P",
    }
    return Document(**{**fields, **changes})
