"""Frames and CFX XML: what is written to the byte, and what is refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.upstreams.cnnontax_tcp import mac, wire
from adapters.upstreams.cnnontax_tcp.wire import BadFrame, Head
from tests.unit.cnnontax_tcp.support import TOKEN, head, seal, voucher

ANSWER = (
    '639     CNNONTAX1.05001<?xml version="1.0" encoding="GBK"?><CFX><HEAD><APP>CNNONTAX</APP>'
    "<VER>1.0</VER><SRC>F370000</SRC><DES>K3700000001</DES><MsgNo>5001</MsgNo>"
    "<MsgID>F2026011500000001</MsgID><MsgRef>NT2026011500000001</MsgRef>"
    "<WorkDate>20260115</WorkDate><Reserve/></HEAD><MSG><MOF><VoucherCount>1</VoucherCount>"
    "<VoucherBody><Voucher>PFZvdWNoZXI+PE9yaU1zZ05vPjg5OTQ8L09yaU1zZ05vPjxSZXN1bHQ+MDAwMDA8L1J"
    "lc3VsdD48SW5mb3JtYXRpb24+aHR0cDovLzEyNy4wLjAuMToxODA4MC9xcj9iaWxsSWQ9MzcwMDAwMjYxMDAwMDAwM"
    "DAwMTc8L0luZm9ybWF0aW9uPjwvVm91Y2hlcj4=</Voucher></VoucherBody></MOF></MSG></CFX>"
    "5d7efa5b0d4680805cecbdae582c94c2525f3cb686c1cfb2db7ec743dc4ec499"
).encode("ascii")

PUSH_VOUCHER = (
    "<Voucher><PayCode>37000026100000000017</PayCode><CfmDate>20260115</CfmDate>"
    "<CfmTime>150305</CfmTime><Amt>80.00</Amt><BankOutlet>00000</BankOutlet>"
    "<Operator>G000001</Operator><PayMode>51</PayMode>"
    "<TraNoBus>2026011500000000000001</TraNoBus><PayerName></PayerName><PayerAcct/><PayerOpBk/>"
    "<PayerOpBkNo/><RecAcctType>1</RecAcctType><RecAcct>3700001</RecAcct><Hold1/><Hold2/></Voucher>"
).encode("ascii")


def test_the_answer_frame_of_639_bytes_to_the_byte() -> None:
    fields = [
        ("OriMsgNo", "8994"),
        ("Result", "00000"),
        ("Information", "http://127.0.0.1:18080/qr?billId=37000026100000000017"),
    ]
    sent = Head(
        "F370000", "K3700000001", "5001", "F2026011500000001", "NT2026011500000001", "20260115"
    )
    xml = wire.write_xml(sent, [wire.write_voucher(fields)])
    made = wire.join_frame("5001", xml, mac.sign(TOKEN, xml))
    assert len(made) == 639
    assert made == ANSWER
    message = wire.read_xml(wire.split_frame(ANSWER).xml)
    assert message.head == sent
    assert list(message.voucher.items()) == fields


def test_the_push_frame_of_950_bytes_to_the_byte() -> None:
    xml = wire.write_xml(head(), [PUSH_VOUCHER])
    made = wire.join_frame("5996", xml, mac.sign(TOKEN, xml))
    assert len(made) == 950
    assert made.startswith(b"950     CNNONTAX1.05996<?xml")
    assert made.endswith(b"c6533ca6d1947d7e2431a1395402331dbe5d80157abfb6683799c390b5717121")
    assert wire.read_xml(wire.split_frame(made).xml).voucher["Amt"] == "80.00"


@pytest.mark.parametrize(
    "prefix",
    [
        b"        ",
        b"0       ",
        b"87      ",
        b"8388609 ",
        b"10485760",
        b"-950    ",
        b"+950    ",
        b" 950    ",
        b"0950    ",
        b"9 50    ",
        b"950\t    ",
        b"\xb9\xb5\xb0     ",
        b"950",
    ],
)
def test_22_length_fields_that_are_refused(prefix: bytes) -> None:
    with pytest.raises(BadFrame) as refused:
        wire.frame_length(prefix)
    assert refused.value.code == "90003"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        ANSWER[:-1],
        ANSWER + b"0",
        ANSWER.replace(b"CNNONTAX1.0", b"CNNONTAX2.0", 1),
        ANSWER.replace(b"CNNONTAX1.05001", b"CNNONTAX1.0500x", 1),
        ANSWER[:-1] + b"g",
        ANSWER[:-1] + b" ",
    ],
)
def test_22_frames_that_are_refused(raw: bytes) -> None:
    with pytest.raises(BadFrame):
        wire.split_frame(raw)


XML = wire.write_xml(head(), [voucher()])
INNER = base64.b64encode(voucher())


def outer(old: bytes, new: bytes) -> bytes:
    assert old in XML
    return XML.replace(old, new)


def inner(plain: bytes) -> bytes:
    return XML.replace(INNER, base64.b64encode(plain))


BOMB = b'<!DOCTYPE CFX [<!ENTITY a "b"><!ENTITY c "&a;&a;&a;">]><CFX>'
REFUSED = {
    "a DTD": outer(b"<CFX>", b"<!DOCTYPE CFX><CFX>"),
    "an entity bomb": outer(b"<CFX>", BOMB),
    "an external entity": outer(b"<CFX>", b'<!DOCTYPE CFX SYSTEM "file:///etc/passwd"><CFX>'),
    "an undeclared entity": outer(b"F370000", b"&x;"),
    "bytes after the end": XML + b"<x/>",
    "a blank after the end": XML + b" ",
    "a second document": XML + XML,
    "a second head": outer(b"<MSG>", b"<HEAD/><MSG>"),
    "a duplicate head field": outer(b"<VER>1.0</VER>", b"<VER>1.0</VER><VER>1.0</VER>"),
    "an unknown head field": outer(b"<Reserve/>", b"<Reserve/><More/>"),
    "a missing head field": outer(b"<SRC>F370000</SRC>", b""),
    "another version": outer(b"<VER>1.0</VER>", b"<VER>1.1</VER>"),
    "a count that is too high": outer(b"<VoucherCount>1<", b"<VoucherCount>2<"),
    "a count with a blank": outer(b"<VoucherCount>1<", b"<VoucherCount> 1<"),
    "no voucher": outer(b"<Voucher>" + INNER + b"</Voucher>", b""),
    "something else than a voucher": outer(b"</Voucher></Vo", b"</Voucher><Other/></Vo"),
    "text between elements": outer(b"<MSG>", b"x<MSG>"),
    "elements in a field": outer(b"<SRC>F370000</SRC>", b"<SRC><a/>F370000</SRC>"),
    "a voucher that is not Base64": outer(INNER, b"!" + INNER),
    "Base64 with blanks": outer(INNER, INNER[:4] + b" " + INNER[4:]),
    "not well-formed": outer(b"</MOF>", b""),
    "a duplicate element": inner(voucher().replace(b"<Amt>", b"<PayCode>1</PayCode><Amt>")),
    "a voucher inside a voucher": inner(b"<Voucher>" + voucher() + b"</Voucher>"),
    "a voucher of another name": inner(voucher().replace(b"Voucher>", b"Vaucher>")),
    "a DTD in the voucher": inner(b"<!DOCTYPE Voucher>" + voucher()),
    "two vouchers in one": inner(voucher() * 2),
    "bytes that are no GB18030": inner(b"<Voucher><PayerName>\xff\xff</PayerName></Voucher>"),
    "half a character": inner(b"<Voucher><PayerName>\xd5</PayerName></Voucher>"),
    "a control character": inner(b"<Voucher><PayerName>\x01</PayerName></Voucher>"),
    "UTF-8 labelled GBK": inner("<Voucher><PayerName>张明轩</PayerName></Voucher>".encode()),
    "an empty document": b"",
}


@pytest.mark.parametrize("xml", REFUSED.values(), ids=REFUSED)
def test_24_25_documents_that_are_refused(xml: bytes) -> None:
    with pytest.raises(BadFrame):
        wire.read_xml(xml)


def test_25_a_bad_name_is_not_quoted_in_the_error() -> None:
    with pytest.raises(BadFrame) as refused:
        wire.read_xml(inner("<Voucher><PayerName>张明轩</PayerNam></Voucher>".encode("gb18030")))
    assert refused.value.__cause__ is None
    assert "张" not in str(refused.value)


@pytest.mark.parametrize("name", ["䶮", "㛃㼆", "𠮷野", "联通", "a&b<c>\"'", "€", "张明轩"])
def test_25_rare_names_go_there_and_back(name: str) -> None:
    xml = wire.write_xml(head(), [wire.write_voucher([("PayerName", name)])])
    assert xml.isascii()
    assert wire.read_xml(xml).voucher == {"PayerName": name}


@pytest.mark.parametrize("name", ["\x00", "a\x1fb", "\ud800", "\ufffe"])
def test_25_what_cannot_be_sent_is_refused_and_never_dropped(name: str) -> None:
    with pytest.raises(BadFrame):
        wire.write_voucher([("PayerName", name)])


def test_java_line_breaks_in_base64_are_read() -> None:
    broken = b"\r\n".join(INNER[i : i + 76] for i in range(0, len(INNER), 76))
    assert wire.read_xml(XML.replace(INNER, broken)) == wire.read_xml(XML)


def test_attributes_of_the_voucher_body_are_read() -> None:
    told = outer(b"<VoucherBody>", b'<VoucherBody AdmDivCode="370000" StYear="2026">')
    assert wire.read_xml(told) == wire.read_xml(XML)


texts = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cn"]), max_size=40)


@given(
    st.dictionaries(st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,11}", fullmatch=True), texts, max_size=8)
)
def test_any_voucher_goes_there_and_back(fields: dict[str, str]) -> None:
    plain = wire.write_voucher(list(fields.items()))
    xml = wire.write_xml(head(), [plain])
    raw = wire.join_frame("5996", xml, seal(xml))
    assert wire.frame_length(raw[:8]) == len(raw)
    frame = wire.split_frame(raw)
    assert (frame.msg_no, frame.xml, frame.mac) == ("5996", xml, seal(xml))
    try:
        read = dict(wire.read_xml(frame.xml).voucher)
    except BadFrame:
        # The one text that is refused on purpose: it is well-formed UTF-8 of Chinese as well.
        read = {}
        plain.decode("utf-8")
    assert read in (fields, {})


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_refusal(raw: bytes) -> None:
    for read in (wire.split_frame, wire.read_xml, wire.frame_length):
        try:
            read(raw)
        except BadFrame:
            continue


@given(st.integers(0, len(XML) - 1), st.integers(0, 255))
def test_no_changed_byte_raises_anything_but_a_refusal(at: int, value: int) -> None:
    changed = XML[:at] + bytes([value]) + XML[at + 1 :]
    try:
        wire.read_xml(changed)
    except BadFrame:
        return
