"""Receipts, refunds and files as the agency side writes and reads them; no network."""

from __future__ import annotations

import io
import zipfile
import zlib
from datetime import UTC, datetime

import defusedxml.ElementTree as SafeTree
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dialects.cfx import BadFrame, Head, read_xml, write_voucher, write_xml
from adapters.kit.cfx import einvoice, files, receipts, recon, refunds
from adapters.sandbox.finance.pdf import Line, receipt_pdf
from adapters.upstreams.cnnontax_tcp.options import Options
from kernel.crypto import sm2
from kernel.money import Fen
from payments import (
    Channel,
    ReceiptNumber,
    ReceiptOrder,
    RefundOrder,
    RefundProgress,
)
from tests.unit.cnnontax_tcp.support import OPTIONS
from tests.unit.cnnontax_tcp.test_adapter import bill

NUMBER = ReceiptNumber("32010121", "0013933922")
AT = datetime(2026, 3, 2, 1, 2, 3, tzinfo=UTC)
CHOSEN = Options(**OPTIONS, receipt_series="370101", extensions=True)


def order(amount: int = 8040, red_of: ReceiptNumber | None = None) -> ReceiptOrder:
    return ReceiptOrder(
        bill=bill(),
        number=NUMBER,
        amount_fen=Fen(amount),
        paid_at=AT,
        channel=Channel.ALIPAY,
        channel_raw="51",
        red_of=red_of,
    )


def document(made: ReceiptOrder) -> dict[str, list[str]]:
    data = einvoice.invoice_data(CHOSEN, made, "a1b2c3", AT)
    root = SafeTree.fromstring(f"<EInvoice>{data.decode()}</EInvoice>")
    found: dict[str, list[str]] = {}
    for node in root.iter():
        found.setdefault(node.tag, []).append(node.text or "")
    return found


def test_the_id_is_number_and_code_reversed() -> None:
    assert einvoice.invoice_id(NUMBER) == "2293393100-12101023"


def test_the_document_of_a_receipt() -> None:
    found = document(order())
    assert found["EInvoiceTag"] == ["CZ-EI-37"]
    assert found["EInvoiceCode"] + found["EInvoiceNumber"] == ["32010121", "0013933922"]
    assert found["RandomNumber"] == ["a1b2c3"]
    assert (found["TotalAmount"], found["IssueDate"]) == (["80.40"], ["20260302"])
    assert found["IssueTime"] == ["09:02:03"]
    assert (found["ItemAmount"], found["ItemName"]) == (
        ["80.00", "0.40"],
        ["不动产登记费", "滞纳金"],
    )
    assert found["RelatedInvoiceNumber"] == [""]


def test_a_red_receipt_takes_back_and_names_the_other() -> None:
    found = document(order(red_of=ReceiptNumber("37010126", "0000000007")))
    assert found["TotalAmount"] == ["-80.40"]
    assert found["ItemAmount"] == ["-80.00", "-0.40"]
    assert found["RelatedInvoiceCode"] + found["RelatedInvoiceNumber"] == [
        "37010126",
        "0000000007",
    ]


@given(st.integers(min_value=1, max_value=20_000))
def test_the_lines_sum_to_the_amount(amount: int) -> None:
    lines = einvoice.receipt_lines(order(amount))
    assert sum(line[2] for line in lines) == amount
    assert all(line[2] > 0 for line in lines)


def test_the_signature_is_over_the_bytes_that_are_sent() -> None:
    key = sm2.generate()
    data = einvoice.invoice_data(CHOSEN, order(), "a1b2c3", AT)
    signature = einvoice.sign(key, data)
    assert data.startswith(b"<Header>")
    assert data.endswith(b"</EInvoiceData>")
    assert sm2.verify(key.public, data, signature)
    assert not sm2.verify(key.public, data + b" ", signature)
    fields = dict(receipts.issue_fields(CHOSEN, order(), data, signature, AT))
    assert fields["Sign_Info/Format"] + fields["Sign_Info/Algorithm"] == "DETACHSM2"
    assert "Sign_Info/Key_Info/Number" not in fields
    certified = CHOSEN.model_copy(update={"certificate_number": "0A"})
    fields = dict(receipts.issue_fields(certified, order(), data, signature, AT))
    assert fields["Sign_Info/Key_Info/Number"] == "0A"


def test_groups_of_a_voucher_survive_the_wire() -> None:
    fields = [
        ("PayCode", "1"),
        ("Sign_Info/Value", "v"),
        ("Sign_Info/Key_Info/Number", "n"),
        ("Sign_Info/Time", ""),
        ("Hold1", "h"),
    ]
    raw = write_voucher(fields)
    assert b"<Sign_Info><Value>v</Value><Key_Info><Number>n</Number></Key_Info><Time/>" in raw
    head = Head("K3700000001", "F370000", "8981", "1", "1", "20260115")
    assert list(read_xml(write_xml(head, [raw])).voucher.items()) == fields


@pytest.mark.parametrize(
    "plain",
    [
        b"<Voucher><A><B>1</B></A></Voucher>",
        b"<Voucher><Sign_Info><A>1</A></Sign_Info><Sign_Info><A>2</A></Sign_Info></Voucher>",
        b"<Voucher><Sign_Info><Sign_Info><A>1</A></Sign_Info></Sign_Info></Voucher>",
        b"<Voucher><Sign_Info>x<A>1</A></Sign_Info></Voucher>",
    ],
)
def test_groups_that_nobody_agreed_on_are_refused(plain: bytes) -> None:
    head = Head("K3700000001", "F370000", "8981", "1", "1", "20260115")
    with pytest.raises(BadFrame):
        read_xml(write_xml(head, [plain]))


def test_check_codes_differ_and_have_six_characters() -> None:
    codes = {einvoice.check_code_from(f"secret {n}") for n in range(200)}
    assert len(codes) == 200
    assert all(len(code) == 6 and code.isalnum() for code in codes)


def pdf(number: ReceiptNumber = NUMBER) -> bytes:
    return receipt_pdf([Line(1, 1, 9, "票据")], number.code, number.number)


def ofd(text: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("OFD.xml", text)
    return out.getvalue()


def test_the_file_is_the_receipt_that_was_asked_for() -> None:
    assert files.read_file(pdf(), NUMBER, text=True).media_type == "application/pdf"
    found = files.read_file(ofd("<x>32010121 0013933922</x>"), NUMBER, text=True)
    assert found.media_type == "application/ofd"
    packed = zlib.compress(b"32010121 0013933922")
    small = b"%PDF-1.4\nstream\n" + packed + b"\nendstream\n%%EOF"
    assert files.read_file(small, NUMBER, text=True).content == small


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        pdf()[:-40],
        pdf(ReceiptNumber("32010121", "0013933923")),
        ofd("<x/>"),
        ofd("<x>32010121 0013933922</x>")[:-30],
    ],
    ids=["empty", "html", "cut", "another", "no text", "cut package"],
)
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(BadFrame):
        files.read_file(content, NUMBER, text=True)


def test_a_file_of_glyphs_is_taken_when_that_was_agreed() -> None:
    other = pdf(ReceiptNumber("32010121", "0000000001"))
    assert files.read_file(other, NUMBER, text=False).content == other
    with pytest.raises(BadFrame):
        files.read_file(b"GIF89a", NUMBER, text=False)


def test_a_receipt_that_a_query_tells_of() -> None:
    assert receipts.read_found("") is None
    found = receipts.read_found("32010121|0013933922|a1b2c3|20260302090203|80.40")
    assert found is not None
    assert (found.number, found.check_code, found.amount_fen) == (NUMBER, "a1b2c3", 8040)
    assert found.issued_at == AT
    for wrong in ("x", "1|2|3|4|5", "32010121|0013933922|a-b|20260302090203|80.40"):
        with pytest.raises(BadFrame):
            receipts.read_found(wrong)


NOTICE = {
    "FileName": "NTDZ_370000_K3700000001_20260115_1.txt",
    "Rev": "1",
    "TotalCount": "3",
    "TotalAmt": "80.00",
    "Sha256": "A" * 64,
    "Url": "http://finance.example/x/recon/NTDZ_370000_K3700000001_20260115_1.txt",
}


def test_a_notice_of_a_reconciliation_file() -> None:
    found = recon.read_notice(NOTICE, "http://finance.example/x/")
    assert (found.path, found.count, found.total_fen) == (
        "/recon/NTDZ_370000_K3700000001_20260115_1.txt",
        3,
        8000,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"Url": "http://elsewhere.example/recon/1"},
        {"Url": "http://finance.example/xy/recon/1"},
        {"Url": "http://finance.example/x/../admin"},
        {"Url": "http://finance.example/x//elsewhere.example/1"},
        {"Url": "http://finance.example/x/recon/1?next=2"},
        {"Sha256": "A" * 63},
        {"FileName": "../1"},
        {"Rev": "one"},
        {"TotalAmt": "80,00"},
    ],
)
def test_notices_that_are_not_followed(wrong: dict[str, str]) -> None:
    with pytest.raises(BadFrame):
        recon.read_notice({**NOTICE, **wrong}, "http://finance.example/x/")


def test_no_file_is_fetched_without_an_agreed_address() -> None:
    with pytest.raises(BadFrame):
        recon.read_notice(NOTICE, None)


def test_the_fields_of_a_refund() -> None:
    made = RefundOrder(
        "R1", "1" * 20, "T1", Fen(8000), Fen(3000), Fen(8000), "退" * 150, "张\ud800"
    )
    fields = dict(refunds.refund_fields(made))
    assert (fields["Amt"], fields["RefundAmt"], fields["ExpectRefundable"]) == (
        "80.00",
        "30.00",
        "80.00",
    )
    assert fields["Reason"] == "退" * 100
    assert fields["RecvName"] == ""
    write_voucher(list(fields.items()))


def test_news_of_a_refund() -> None:
    unknown: list[tuple[str, str]] = []
    told = {"RefundNo": "R1", "RefundStats": "2", "RefundDate": "20260302", "TraNoRef": "X"}

    def note(field: str, code: str) -> None:
        unknown.append((field, code))

    news = refunds.read_news(told, note)
    assert (news.progress, news.tra_ref, str(news.refunded_on)) == (
        RefundProgress.PAID,
        "X",
        "2026-03-02",
    )
    for wrong in ({"RefundNo": ""}, {"RefundStats": "9"}, {"RefundDate": "20260230"}):
        with pytest.raises(BadFrame):
            refunds.read_news({**told, **wrong}, note)
    assert unknown == [("RefundStats", "9")]


def test_what_is_ours_is_not_offered_unless_agreed() -> None:
    from payments import Capability
    from tests.unit.cnnontax_tcp.support import adapter

    assert adapter().capabilities() == frozenset()
    assert adapter(receipt_series="370101").capabilities() == {Capability.RECEIPT}
    whole = adapter(receipt_series="370101", extensions=True, base_url="http://finance.example")
    assert whole.capabilities() == frozenset(Capability)
    assert Capability.RECON not in adapter(extensions=True).capabilities()
