"""Lays a filled template out as an OFD file: number, text, facts, signature, seal, QR code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape

import segno

import e_seal
from gateway.cases.forms.templates import Template, named
from gateway.cases.forms.values import day, values_of
from gateway.cases.model import Case, Document, Unsealed
from gateway.catalog.model import Item
from kernel.clock import beijing

_SCHEMA: Final = e_seal.TagSchema("CaseDocument", "CaseDocument", "urn:onewindow:case-document:1")
"""Name and namespace are OURS; no standard names the tags of these documents."""
_CHECK: Final = (
    "本文书加盖电子印章，与加盖实物印章的文书具有同等法律效力（《国务院关于在线政务服务的若干规定》"
    "第九条）。扫描二维码，或者凭文书编号和校验码，可以核验真伪。"
)


@dataclass(frozen=True, slots=True)
class Issue:
    """What a document says beyond its case.

    ``check_url`` is the address of public verification without number and code, ``delivered`` title
    and number of the documents that a 送达回证 lists, ``details`` what came with the order.
    """

    check_url: str
    delivered: Sequence[tuple[str, str]] = ()
    details: Mapping[str, str] = field(default_factory=dict)


def compose(document: Document, case: Case, item: Item, issue: Issue) -> Unsealed:
    """Return the document as an OFD file; the same inputs give the same bytes.

    Raises BadTemplate for a template that is not there, ValueMissing for a case that lacks a fact.
    """
    template = named(document.template, document.template_version)
    values = values_of(document, case, item, delivered=issue.delivered, details=issue.details)
    layout = e_seal.Layout()
    layout.title(template.title)
    layout.number(document.number)
    for part in template.fill(values):
        if part.rows:
            layout.space(2)
            layout.table([(row.label, row.value, row.tag) for row in part.rows])
        else:
            layout.paragraph(part.text, indent=part.indent)
    stamp = layout.signature_block(
        item.department.name,
        day(document.created_at),
        beside=code_of(issue.check_url, document.number, document.check_code),
        note=_CHECK,
    )
    ofd = e_seal.Document(
        doc_id=e_seal.doc_id_of(document.document_id),
        title=f"{template.title} {document.number}",
        pages=layout.pages(),
        author=item.department.name,
        subject=item.name,
        custom=_custom(document, case, item),
        attachments=[
            e_seal.Attachment(
                name="case_data", file_name="case.xml", data=_data(document, case, item, template)
            )
        ],
        tags=_SCHEMA,
    )
    return Unsealed(e_seal.write_ofd(ofd, document.created_at), stamp.page, *stamp.centre)


def check_address(base: str, number: str, code: str) -> str:
    """Return the address under which anybody can check a document."""
    return f"{base}/{quote(number)}?code={code}"


def code_of(check_url: str, number: str, code: str) -> e_seal.Beside:
    """Return the printed code that leads to the public check, with its captions."""
    address = check_address(check_url, number, code)
    # Trying all masks takes longer than all the rest of a document; readers read every one.
    modules = segno.make(address, error="m", micro=False, mask=2).matrix
    return e_seal.Beside(modules, ("扫码核验", f"校验码 {code[:4]} {code[4:]}"))


def _custom(document: Document, case: Case, item: Item) -> dict[str, str]:
    return {
        "办件编号": case.case_no or "",
        "实施编码": item.code,
        "文书编号": document.number,
        "模板": f"{document.template} {document.template_version}",
    }


def _data(document: Document, case: Case, item: Item, template: Template) -> bytes:
    """Return the document's data for machines, as XML, without personal data."""
    values: Mapping[str, str] = {
        "Kind": document.kind,
        "Title": template.title,
        "Template": f"{template.id} {template.version}",
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
