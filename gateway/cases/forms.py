"""Writes what each document (文书) says: title, facts, legal basis, remedies, place of the seal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from xml.sax.saxutils import escape

import e_seal
from gateway.cases.model import Case, Document, DocumentKind, Unsealed
from gateway.catalog.model import ApplicantType, Item
from kernel import masking
from kernel.clock import beijing

_REMEDIES: Final = (
    "如不服本决定，可以自收到本决定书之日起六十日内依法申请行政复议，"
    "或者自收到之日起六个月内依法向人民法院提起行政诉讼。"
)
_CHECK: Final = "本文书加盖电子印章，与纸质文书具有同等法律效力；可以通过出具机关的验章服务核验。"


def title_of(kind: DocumentKind, item: Item) -> str:
    """Return the document's name; only permits have decisions on permits."""
    match kind:
        case DocumentKind.ACCEPTANCE:
            return "受理通知书"
        case DocumentKind.NON_ACCEPTANCE:
            return "不予受理通知书"
        case DocumentKind.GRANT:
            return "准予行政许可决定书" if item.is_permit else "办理结果通知书"
        case DocumentKind.REFUSAL:
            return "不予行政许可决定书" if item.is_permit else "不予办理通知书"


def compose(document: Document, case: Case, item: Item) -> Unsealed:
    """Return the document as an OFD file; the same inputs give the same bytes.

    Administrative Licensing Law (行政许可法), articles 32 and 38.
    """
    issued = document.created_at
    title = title_of(document.kind, item)
    layout = e_seal.Layout()
    layout.title(title)
    layout.number(document.number)
    layout.paragraph(f"{case.content.applicant.name}：", indent=0)
    for paragraph in _body(document.kind, case, item):
        layout.paragraph(paragraph)
    layout.space(3)
    layout.table(_facts(case, item))
    if document.kind in {DocumentKind.NON_ACCEPTANCE, DocumentKind.REFUSAL}:
        layout.paragraph(_REMEDIES)
    stamp = layout.signature_block(item.department.name, _day(issued))
    layout.note(_CHECK)
    ofd = e_seal.Document(
        doc_id=e_seal.doc_id_of(document.document_id),
        title=f"{title} {document.number}",
        pages=layout.pages(),
        author=item.department.name,
        custom={"办件编号": case.case_no or "", "实施编码": item.code},
        attachments=[
            e_seal.Attachment(
                name="case_data", file_name="case.xml", data=_data(document, case, item, title)
            )
        ],
    )
    return Unsealed(
        e_seal.write_ofd(ofd, issued),
        stamp.page,
        stamp.x + stamp.width / 2,
        stamp.y + stamp.height / 2,
    )


def _body(kind: DocumentKind, case: Case, item: Item) -> list[str]:
    name = item.name
    submitted = _day(case.submitted_at) if case.submitted_at else ""
    match kind:
        case DocumentKind.ACCEPTANCE:
            lawful = (
                "经审查，申请材料齐全、符合法定形式，"
                "根据《中华人民共和国行政许可法》第三十二条的规定，决定予以受理。"
            )
            taken = lawful if item.is_permit else "材料齐全，现予以受理。"
            return [f"你（单位）于{submitted}提出的“{name}”申请，{taken}", _promise(item)]
        case DocumentKind.NON_ACCEPTANCE:
            return [
                f"你（单位）于{submitted}提出的“{name}”申请，经审查不予受理。理由：{case.reason}"
            ]
        case DocumentKind.GRANT:
            basis = "；".join(item.basis)
            lawful = f"，经审查，符合法定条件、标准。根据{basis}的规定，决定准予行政许可。"
            granted = lawful if item.is_permit else f"已办理完成。依据：{basis}。"
            return [f"你（单位）于{submitted}提出的“{name}”申请{granted}", *_terms(case, item)]
        case DocumentKind.REFUSAL:
            refused = "不予行政许可" if item.is_permit else "不予办理"
            result = f"经审查，决定{refused}。理由：{case.reason}"
            return [f"你（单位）于{submitted}提出的“{name}”申请，{result}"]


def _promise(item: Item) -> str:
    if item.promise_days == 0:
        return "本事项为即办件，当场办理。"
    return (
        f"本事项法定办结时限为{item.legal_days}个工作日，"
        f"承诺办结时限为{item.promise_days}个工作日，自受理之日起计算。"
    )


def _terms(case: Case, item: Item) -> list[str]:
    form = case.content.form
    parts = [f"{field.title}：{form[field.name]}" for field in item.fields if field.name in form]
    return [f"许可内容：{'；'.join(parts)}。"] if parts else []


def _facts(case: Case, item: Item) -> list[tuple[str, str]]:
    applicant = case.content.applicant
    number = (
        masking.mask_citizen_id(applicant.id_number)
        if applicant.type is ApplicantType.NATURAL_PERSON
        else applicant.id_number
    )
    rows = [
        ("申请人", applicant.name),
        ("证件号码", number),
        ("事项名称", item.name),
        ("实施编码", item.code),
        ("办件编号", case.case_no or ""),
        ("收件编号", case.receipt_no),
    ]
    if case.accepted_at is not None:
        rows.append(("受理日期", _day(case.accepted_at)))
    return rows


def _data(document: Document, case: Case, item: Item, title: str) -> bytes:
    """Return the document's data for machines, as XML, without personal data."""
    values: Mapping[str, str] = {
        "Title": title,
        "Number": document.number,
        "CaseNo": case.case_no or "",
        "ReceiptNo": case.receipt_no,
        "ItemCode": item.code,
        "ItemName": item.name,
        "Department": item.department.uscc,
        "IssuedAt": beijing(document.created_at).isoformat(timespec="seconds"),
        "Outcome": case.outcome or "",
    }
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())
    return f'<?xml version="1.0" encoding="UTF-8"?><CaseDocument>{inner}</CaseDocument>'.encode()


def _day(at: datetime) -> str:
    local = beijing(at)
    return f"{local.year}年{local.month}月{local.day}日"
