"""The documents of a case: every kind for every item says what the law asks for, on one page."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest

import e_seal
from gateway.cases import forms
from gateway.cases.forms.compose import check_address
from gateway.cases.forms.values import reviewing_body
from gateway.cases.model import DocumentKind
from gateway.catalog.model import Item
from gateway.catalog.seed import bundled
from tests.unit.cases.papers import CHECK_URL, issue, whole_case
from tests.unit.cases.samples import COMPANY, ID_NUMBER, document_of, item

ROAD = item()
ITEMS = bundled()
EVERY = [(kind, of) for kind in DocumentKind for of in ITEMS]
NEGATIVE = (DocumentKind.NON_ACCEPTANCE, DocumentKind.REFUSAL)


def made(kind: DocumentKind, of: Item = ROAD, **changes: Any) -> e_seal.OfdDocument:
    case = whole_case(of, **changes)
    return e_seal.read_ofd(forms.compose(document_of(kind, of), case, of, issue()).ofd)


def said(document: e_seal.OfdDocument) -> str:
    return "".join(document.text().split())


@pytest.mark.parametrize(("kind", "of"), EVERY, ids=[f"{kind}-{of.code}" for kind, of in EVERY])
def test_every_document_of_every_item(kind: DocumentKind, of: Item):
    document, case = document_of(kind, of), whole_case(of)
    unsealed = forms.compose(document, case, of, issue())
    assert unsealed == forms.compose(document, case, of, issue())
    found = e_seal.read_ofd(unsealed.ofd)
    text = said(found)
    title = forms.newest(kind, is_permit=of.is_permit).title
    assert text.startswith(f"{title}{document.number}")
    assert "校验码7KQ2MX9P" in text
    assert of.department.name in text
    assert "2026年3月2日" in text
    assert case.content.applicant.name in text
    assert len(found.pages) == 1
    assert (unsealed.page, "{" in text, "None" in text) == (0, False, False)
    assert 0 < unsealed.centre_x < 210
    assert 0 < unsealed.centre_y < 280
    assert ID_NUMBER.encode() not in b"".join(found.package.entries.values())
    assert ID_NUMBER not in text
    assert ("行政许可法" in text) <= of.is_permit
    (tags,) = found.tags
    assert found.tag_values(tags)["Applicant"] == case.content.applicant.name
    assert found.tag_values(tags)["CaseNo"] == case.case_no


def test_numbers_of_people_are_masked_and_those_of_organisations_are_not():
    assert "370102********1238" in said(made(DocumentKind.GRANT))
    company = whole_case(ROAD).content
    content = dataclasses.replace(company, applicant=COMPANY)
    assert COMPANY.id_number in said(made(DocumentKind.GRANT, content=content))


def test_a_long_reason_goes_over_pages_and_the_seal_follows_it():
    document, short = document_of(DocumentKind.REFUSAL), whole_case(ROAD)
    long = forms.compose(document, whole_case(ROAD, reason="理由" * 500), ROAD, issue())
    found = e_seal.read_ofd(long.ofd)
    assert long.page == len(found.pages) - 1 > 0
    assert said(found).count("理由") >= 500
    assert forms.compose(document, short, ROAD, issue()).page == 0


@pytest.mark.parametrize(
    "reason", ["<b>&amp;</b>", "𠮷野家", "①②③ “引号”—— ·", "a\tb\nc", "\x00\ufffe"]
)
def test_reasons_with_unusual_characters(reason: str):
    found = made(DocumentKind.REFUSAL, reason=f"因为{reason}")
    shown = "".join(char for char in reason if char.isprintable() and not char.isspace())
    assert shown.replace("\ufffe", "") in said(found)


@pytest.mark.parametrize("kind", NEGATIVE)
def test_negative_documents_state_reason_and_remedies(kind):
    text = said(made(kind))
    assert "理由：申请材料与事实不符" in text
    assert "六十日内向济南市历下区人民政府申请行政复议" in text
    assert "六个月内" in text
    assert "人民法院提起行政诉讼" in text


@pytest.mark.parametrize("kind", [kind for kind in DocumentKind if kind not in NEGATIVE])
def test_other_documents_have_no_remedies(kind):
    assert "行政复议" not in said(made(kind))


@pytest.mark.parametrize(
    ("region", "body"),
    [
        ("370000", "山东省人民政府"),
        ("370100", "济南市人民政府"),
        ("370102", "济南市历下区人民政府"),
        ("370190", "济南市人民政府"),
    ],
)
def test_reconsideration_is_asked_of_the_government_of_the_level(region, body):
    assert reviewing_body(region) == body


def test_money_stands_in_capitals_where_it_is_due():
    due = said(made(DocumentKind.ACCEPTANCE))
    assert "应缴金额人民币捌拾元整（¥80.00），收费依据：" in due
    assert "人民币捌拾元整（¥80.00），已缴清" in said(made(DocumentKind.GRANT))
    assert "人民币" not in said(made(DocumentKind.GRANT, fee_paid=False))
    free = next(of for of in ITEMS if not of.fees)
    assert "人民币" not in said(made(DocumentKind.ACCEPTANCE, free))


def test_the_receipt_lists_what_came_in():
    text = said(made(DocumentKind.RECEIPT))
    assert "1.申请人身份证明（电子证照调用，免提交）" in text
    assert "3.施工方案及平面图（电子文件1份）" in text
    assert "不作为受理凭证" in text
    assert "（无需提交材料）" in said(made(DocumentKind.RECEIPT, materials=()))


def test_the_proof_of_delivery_lists_what_was_delivered():
    text = said(made(DocumentKind.DELIVERY))
    assert "《准予行政许可决定书》〔2026〕370102准000001号" in text
    assert "2026年3月2日12时00分" in text


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        (DocumentKind.CORRECTION, "corrections"),
        (DocumentKind.SPECIAL_PROCEDURE, "procedure_days"),
        (DocumentKind.EXTENSION, "extended_until"),
    ],
)
def test_what_comes_with_the_order_must_be_there(kind, missing):
    details = {name: value for name, value in issue().details.items() if name != missing}
    with pytest.raises(forms.ValueMissing, match=missing):
        forms.compose(document_of(kind), whole_case(ROAD), ROAD, issue(details))


def test_details_that_no_template_uses_are_refused():
    with pytest.raises(ValueError, match="unknown details"):
        forms.compose(
            document_of(DocumentKind.GRANT), whole_case(ROAD), ROAD, issue({"reason": "x"})
        )


def test_a_decision_without_its_reason_is_not_made():
    with pytest.raises(forms.ValueMissing, match="reason"):
        made(DocumentKind.REFUSAL, reason="")


def test_an_old_document_keeps_its_wording():
    gone = dataclasses.replace(document_of(DocumentKind.GRANT), template_version=99)
    with pytest.raises(forms.BadTemplate, match="version 99"):
        forms.compose(gone, whole_case(ROAD), ROAD, issue())


def test_the_address_in_the_code_names_document_and_code():
    address = check_address(CHECK_URL, "〔2026〕370102受000001号", "7KQ2MX9P")
    assert address.isascii()
    assert address.startswith(f"{CHECK_URL}/%E3%80%94")
    assert address.endswith("?code=7KQ2MX9P")


def test_a_notice_is_made_in_milliseconds():
    document, case = document_of(DocumentKind.ACCEPTANCE), whole_case(ROAD)
    forms.compose(document, case, ROAD, issue())
    spent = []
    for _ in range(20):
        start = time.thread_time()
        forms.compose(document, case, ROAD, issue())
        spent.append(time.thread_time() - start)
    print(f"one notice: {min(spent) * 1000:.1f} ms of processor time")
    # The target is 10 ms; a busy machine may take several times that.
    assert min(spent) < 0.05
