"""Documents of cases: every kind for every item renders, says what the law asks, without gaps."""

from __future__ import annotations

import io
import zipfile
from xml.etree import ElementTree as ET

import pytest

from gateway.cases import forms
from gateway.cases.model import DocumentKind, Outcome
from gateway.catalog.model import ApplicantType, Item
from gateway.catalog.seed import bundled
from tests.unit.cases.samples import COMPANY, ID_NUMBER, case_of, document_of, item

ITEMS = {entry.code: entry for entry in bundled()}
NEGATIVE = {DocumentKind.NON_ACCEPTANCE, DocumentKind.REFUSAL}


def text_of(ofd: bytes) -> str:
    """Everything that stands on the pages, line by line."""
    lines: list[str] = []
    with zipfile.ZipFile(io.BytesIO(ofd)) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith("Content.xml"):
                root = ET.fromstring(archive.read(name))
                lines += [node.text or "" for node in root.iter() if node.tag.endswith("TextCode")]
    return "".join(lines)


def composed(kind: DocumentKind, of: Item) -> str:
    case = case_of(of, outcome=Outcome.GRANTED)
    return text_of(forms.compose(document_of(kind), case, of).ofd)


@pytest.mark.parametrize("kind", list(DocumentKind))
@pytest.mark.parametrize("code", ITEMS)
def test_every_document_of_every_item(kind: DocumentKind, code: str):
    of = ITEMS[code]
    text = composed(kind, of)
    assert forms.title_of(kind, of) in text
    assert "〔2026〕370102不准000001号" in text
    assert of.department.name in text
    assert of.code in text
    assert "2026年3月2日" in text
    assert ("申请材料与事实不符" in text) == (kind in NEGATIVE)
    assert ("行政复议" in text) == (kind in NEGATIVE)
    assert ("行政诉讼" in text) == (kind in NEGATIVE)


def test_only_permits_have_decisions_on_permits():
    for of in ITEMS.values():
        decided = forms.title_of(DocumentKind.GRANT, of)
        assert ("行政许可" in decided) is of.is_permit
        refused = forms.title_of(DocumentKind.REFUSAL, of)
        assert ("行政许可" in refused) is of.is_permit


def test_numbers_of_people_are_masked_and_those_of_organisations_are_not():
    of = item()
    document = document_of(DocumentKind.GRANT)
    person = forms.compose(document, case_of(of), of).ofd
    assert "370102********1238" in text_of(person)
    assert ApplicantType.LEGAL_PERSON in of.applicants
    company = forms.compose(document, case_of(of, COMPANY), of).ofd
    assert COMPANY.id_number in text_of(company)
    for ofd in (person, company):
        with zipfile.ZipFile(io.BytesIO(ofd)) as archive:
            for name in archive.namelist():
                assert ID_NUMBER.encode() not in archive.read(name), name


def test_same_inputs_same_bytes():
    of = item()
    document, case = document_of(DocumentKind.GRANT), case_of(of)
    assert forms.compose(document, case, of) == forms.compose(document, case, of)


def test_long_reason_goes_over_pages_and_the_seal_follows_it():
    of = item()
    case = case_of(of, reason="理由" * 500)
    short = forms.compose(document_of(DocumentKind.REFUSAL), case_of(of), of)
    long = forms.compose(document_of(DocumentKind.REFUSAL), case, of)
    assert text_of(long.ofd).count("理由") >= 500
    assert (long.page, long.centre_y) > (short.page, short.centre_y)


@pytest.mark.parametrize("reason", ["<b>&amp;</b>", "𠮷野家", "①②③ “引号”—— ·", "a\tb\nc"])
def test_reasons_with_unusual_characters(reason: str):
    of = item()
    ofd = forms.compose(document_of(DocumentKind.REFUSAL), case_of(of, reason=reason), of).ofd
    with zipfile.ZipFile(io.BytesIO(ofd)) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            if name.endswith(".xml"):
                ET.fromstring(archive.read(name))
