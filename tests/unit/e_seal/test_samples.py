"""Every shared sample gets the verdict it deserves, and the page that says so is up to date."""

import hashlib

import pytest

from e_seal.findings import Code, Severity
from e_seal.texts import FINDINGS, NOT_CHECKED, VERDICTS
from tests.unit.e_seal import table
from tests.unit.e_seal.samples import VECTORS


@pytest.mark.parametrize("name", table.SAMPLES)
def test_each_sample(name: str) -> None:
    expected = table.SAMPLES[name]
    result, codes = table.check(name)
    assert result is expected.verdict, codes
    assert expected.codes <= codes


def test_every_document_and_seal_of_the_set_is_in_the_table() -> None:
    there = {
        path.relative_to(VECTORS).as_posix()
        for pattern in ("**/*.ofd", "**/*.esl", "**/*.DER", "**/SignedValue.dat")
        for path in VECTORS.glob(pattern)
    }
    assert there <= set(table.SAMPLES)


def test_the_page_is_up_to_date() -> None:
    assert table.PAGE.read_text("utf-8") == table.page()


def test_every_file_has_an_origin_and_a_licence() -> None:
    rows = (VECTORS / "MANIFEST.tsv").read_text("utf-8").splitlines()[1:]
    listed = {row.split("\t")[0]: row.split("\t") for row in rows}
    files = {
        path.relative_to(VECTORS).as_posix(): path
        for path in VECTORS.rglob("*")
        if path.is_file() and path.name != "MANIFEST.tsv"
    }
    assert set(listed) == set(files)
    for name, (_, size, digest, origin, licence, _note) in listed.items():
        data = files[name].read_bytes()
        assert (int(size), digest) == (len(data), hashlib.sha256(data).hexdigest()), name
        assert origin
        assert licence


def test_every_finding_has_texts() -> None:
    assert set(FINDINGS) == set(Code)
    for texts in (*FINDINGS.values(), *VERDICTS.values(), *NOT_CHECKED.values()):
        assert texts.zh
        assert texts.en.isascii() or "‖" in texts.en
    assert {code.severity for code in Code} == set(Severity)
