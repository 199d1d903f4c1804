"""OFD container, writer, reader and layout."""

import contextlib
import dataclasses
import io
import stat
import zipfile

import pytest
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st

from e_seal.ofd import compose, fonts, package, reader, writer, xml
from e_seal.ofd.errors import OfdError, OfdMalformed, OfdUnsafe
from tests.unit.e_seal.samples import NOW, document, sample


def archive(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in entries:
            made.writestr(name, data)
    return out.getvalue()


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("OFD.xml")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


HOSTILE: dict[str, list[tuple[str | zipfile.ZipInfo, bytes]]] = {
    "dots": [("../OFD.xml", b"x")],
    "absolute": [("/OFD.xml", b"x")],
    "backslash": [("Doc_0\\x.xml", b"x")],
    "drive": [("C:x.xml", b"x")],
    "case": [("OFD.xml", b"x"), ("ofd.XML", b"y")],
    "link": [(link(), b"/etc/passwd")],
    "bomb": [("OFD.xml", bytes(4_000_000))],
    "many": [(f"f{n}", b"") for n in range(2001)],
    "doctype": [("OFD.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')],
    "outside": [
        ("OFD.xml", b"<OFD><DocBody><DocRoot>../../a.xml</DocRoot></DocBody></OFD>"),
    ],
    "deep": [("OFD.xml", b"<a>" * 300 + b"</a>" * 300)],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_containers_are_unsafe(name: str) -> None:
    with pytest.raises(OfdUnsafe):
        reader.read(archive(*HOSTILE[name]))


def test_duplicate_names_are_unsafe() -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = archive(("OFD.xml", b"x"), ("OFD.xml", b"y"))
    with pytest.raises(OfdUnsafe):
        package.read_package(data)


def test_encrypted_entries_are_unsafe() -> None:
    data = bytearray(archive(("OFD.xml", b"x")))
    data[data.index(b"PK\1\2") + 8] |= 1
    with pytest.raises(OfdUnsafe):
        package.read_package(bytes(data))


@pytest.mark.parametrize("name", ["OFD.xml", "Doc_0/Document.xml"])
def test_missing_or_broken_parts_are_malformed(name: str) -> None:
    whole = package.read_package(document())
    for entries in (
        {key: value for key, value in whole.entries.items() if key != name},
        {**whole.entries, name: b"<broken"},
    ):
        with pytest.raises(OfdMalformed):
            reader.read(package.Package(entries).to_bytes(NOW))


def test_names_in_gbk_are_understood() -> None:
    data = archive(("abcd.xml", b"x")).replace(b"abcd", "签章".encode("gbk"))
    assert list(package.read_package(data)) == ["签章.xml"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_files_raise_only_the_typed_error(data: st.DataObject) -> None:
    good = document()
    damaged = bytearray(good)
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(OfdError):
        reader.read(bytes(damaged)).text()


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_only_the_typed_error(data: bytes) -> None:
    with pytest.raises(OfdError):
        reader.read(data)


def test_what_is_written_is_read_back() -> None:
    data = document(pages=2)
    found = reader.read(data)
    assert found.title == "受理通知书"
    assert found.doc_id == writer.doc_id_of("doc_0001")
    assert [page.size for page in found.pages] == [writer.A4, writer.A4]
    assert found.text() == "受理通知书 No. 12\n受理通知书 No. 12"
    assert found.package.get(found.attachments[0].path) == "<受理号>12</受理号>".encode()
    assert found.signatures == ()
    assert set(found.package) == found.reachable


def test_the_same_model_gives_the_same_bytes() -> None:
    assert document() == document.__wrapped__()


def test_ids_are_unique_and_below_the_maximum() -> None:
    found = reader.read(document(pages=2))
    ids: list[int] = []
    for name, data in found.package.entries.items():
        if name.endswith(".xml") and name != "Doc_0/Attachs/fields.xml":
            ids += [int(e.get("ID", "0")) for e in xml.parse(data).iter() if e.get("ID")]
    assert len(ids) == len(set(ids))
    root = xml.parse(found.package.get("Doc_0/Document.xml"))
    assert max(ids) == int(xml.text(root, "CommonData", "MaxUnitID") or 0)


def test_advances_are_those_of_the_embedded_font() -> None:
    found = reader.read(document())
    page = xml.parse(found.package.get(found.pages[0].path))
    code = next(e for e in page.iter() if xml.local(e) == "TextCode" and e.text == "受理通知书")
    assert code.get("DeltaX") == "g 4 6"
    files = [name for name in found.package if name.endswith(".ttf")]
    assert len(files) == 2
    assert all(len(found.package.get(name)) < 20_000 for name in files)


def test_a_subset_is_reproducible_and_keeps_only_its_characters() -> None:
    han = fonts.faces()[fonts.HAN]
    one = fonts.subset(han, "受理")
    assert one == fonts.subset(han, "理受理")
    with TTFont(io.BytesIO(one)) as font:
        assert set(font.getBestCmap()) == {ord("受"), ord("理")}


def test_characters_without_glyph_are_reported_and_kept() -> None:
    model = writer.Document(
        writer.doc_id_of("x"), "x", [writer.Page((writer.Text(20, 20, "王𠮷", 5),))]
    )
    assert writer.missing_glyphs(model) == {"𠮷"}
    assert reader.read(writer.write(model, NOW)).text() == "王𠮷"


def test_wrong_models_are_refused() -> None:
    with pytest.raises(ValueError, match="page"):
        writer.write(writer.Document(writer.doc_id_of("x"), "x", []), NOW)
    with pytest.raises(ValueError, match="doc_id"):
        writer.write(writer.Document("x", "x", [writer.Page()]), NOW)


@pytest.mark.parametrize(
    ("name", "pages", "text"),
    [
        ("samples/999.ofd", 5, "050001700111"),
        ("samples/SESV4SignDoc.ofd", 1, "你好呀"),
        ("samples/n.ofd", 2, "路桥区卫生局文件"),
        ("generated/good.ofd", 1, "你好，一窗受理"),
    ],
)
def test_real_files_are_read(name: str, pages: int, text: str) -> None:
    found = reader.read(sample(name))
    assert len(found.pages) == pages
    assert text in found.text()
    assert len(found.signatures) == 1


def test_markup_in_text_stays_text() -> None:
    text = "a<b>&\"'</ofd:TextCode>"
    model = writer.Document(
        writer.doc_id_of("x"), text, [writer.Page((writer.Text(20, 20, text, 5),))]
    )
    found = reader.read(writer.write(model, NOW))
    assert (found.title, found.text()) == (text, text)


@given(st.text(alphabet="申请人，。（）《》ab12 —、", max_size=120))
def test_wrapping_loses_nothing_and_keeps_to_the_width(text: str) -> None:
    lines = compose.wrap(text, 5, 60)
    assert "".join(lines) == text
    # One closing mark may hang over the edge.
    assert all(compose.text_width(part, 5) <= 60 + 5 for part in lines)


def test_no_line_starts_with_a_closing_mark() -> None:
    lines = compose.wrap("您提交的申请材料齐全、符合法定形式，现予受理。" * 6, 5, 50)
    assert len(lines) > 10
    assert not [part for part in lines if part[0] in "，。、"]


def test_a_long_notice_flows_over_pages_and_places_its_seal() -> None:
    layout = compose.Layout()
    layout.title("受理通知书")
    layout.number("〔2026〕第 1 号")
    layout.paragraph("您提交的申请材料齐全、符合法定形式，现予受理。" * 30)
    layout.table([(f"材料{n}", "原件一份，复印件一份", "") for n in range(30)])
    beside = compose.Beside([[1, 0], [0, 1]], ("扫码核验",))
    place = layout.signature_block(
        "济南市行政审批服务局", "2026年11月24日", beside=beside, note="请妥善保管。" * 20
    )
    pages = layout.pages()
    assert place.page == len(pages) - 1 > 0
    assert place.x >= compose.LEFT
    assert place.x + place.width <= compose.LEFT + compose.WIDTH + 1
    assert compose.TOP <= place.y + place.height <= writer.A4[1]
    for page in pages:
        for item in page.items:
            assert item.y <= compose.BOTTOM + 15


@pytest.mark.parametrize("lines", range(1, 40))
def test_no_page_holds_only_the_signature(lines: int) -> None:
    layout = compose.Layout()
    layout.paragraph("\n".join(["一行正文。"] * lines))
    place = layout.signature_block("济南市行政审批服务局", "2026年11月24日")
    pages = layout.pages()
    texts = [[item for item in page.items if isinstance(item, writer.Text)] for page in pages]
    assert "一行正文。" in [item.text for item in texts[-1]]
    assert sum(item.text == "一行正文。" for page in texts for item in page) == lines
    assert place.y + place.height < writer.A4[1] - 10
    heights = [item.y for item in texts[-1]]
    assert heights == sorted(heights)


def test_every_list_of_a_document_is_followed() -> None:
    parts = {
        "OFD.xml": "<OFD><DocBody><DocRoot>D/Document.xml</DocRoot><Versions>"
        '<Version BaseLoc="D/V.xml"/></Versions></DocBody></OFD>',
        "D/V.xml": "<DocVersion><DocRoot>Document_1.xml</DocRoot></DocVersion>",
        "D/Document.xml": "<Document><CommonData><PublicRes>R/P.xml</PublicRes>"
        '<TemplatePage BaseLoc="T.xml"/></CommonData><Pages><Page ID="1" BaseLoc="P.xml"/></Pages>'
        "<Annotations>A/Annotations.xml</Annotations><CustomTags>C.xml</CustomTags></Document>",
        "D/Document_1.xml": "<Document/>",
        "D/R/P.xml": '<Res BaseLoc="F"><Fonts><Font><FontFile>a.ttf</FontFile></Font></Fonts>'
        '<ColorSpaces><ColorSpace Profile="c.icc"/></ColorSpaces></Res>',
        "D/T.xml": "<Page/>",
        "D/P.xml": "<Page><PageRes>PR.xml</PageRes></Page>",
        "D/PR.xml": "<Res><MultiMedias><MultiMedia><MediaFile>m.png</MediaFile></MultiMedia>"
        "</MultiMedias></Res>",
        "D/A/Annotations.xml": "<Annotations><Page><FileLoc>1.xml</FileLoc></Page></Annotations>",
        "D/C.xml": "<CustomTags><CustomTag><FileLoc>t.xml</FileLoc><SchemaLoc>s.xsd</SchemaLoc>"
        "</CustomTag></CustomTags>",
    }
    found = reader.read(archive(*((name, text.encode()) for name, text in parts.items())))
    files = {"D/R/F/a.ttf", "D/R/F/c.icc", "D/m.png", "D/A/1.xml", "D/t.xml", "D/s.xsd"}
    assert found.reachable == {*parts, *files}
    assert found.roots == ("D/Document.xml", "D/Document_1.xml")


def tagged() -> writer.Document:
    """Two pages over a template, with a filled path and fields that are tagged."""
    template = writer.Page((writer.Text(28, 20, "样张", 4), writer.line(28, 25, 180, 25)))
    first = (
        writer.Text(28, 60, "济南市历下区泉城路", 5, tag="地点"),
        writer.Text(28, 68, "No. 12 & more", 5, tag="地点"),
        writer.Text(28, 76, "2026年11月24日", 5, tag="日期"),
        writer.blocks(150, 200, 21, [[1, 0, 1], [0, 0, 0], [1, 1, 0]]),
    )
    return writer.Document(
        doc_id=writer.doc_id_of("x"),
        title="样张",
        pages=[writer.Page(first, template=0), writer.Page((), (297.0, 210.0), template=0)],
        subject="测试",
        keywords=["a", "b"],
        creator_version="1",
        templates=[template],
        tags=writer.TagSchema("CaseDocument", "CaseDocument", "urn:onewindow:case-document:1"),
    )


def test_templates_and_tags_are_read_back() -> None:
    found = reader.read(writer.write(tagged(), NOW))
    first, second = found.pages
    assert first.templates == second.templates == ("Doc_0/Tpls/Tpl_0/Content.xml",)
    assert second.size == (297.0, 210.0)
    assert found.page_text(second) == "样张"
    assert found.page_text(first).startswith("样张\n济南市历下区泉城路\n")
    (entry,) = found.tags
    assert entry.type_id == "CaseDocument"
    assert found.tag_values(entry) == {
        "地点": "济南市历下区泉城路No. 12 & more",
        "日期": "2026年11月24日",
    }
    assert set(found.package) == found.reachable


def test_tagged_documents_are_reproducible() -> None:
    assert writer.write(tagged(), NOW) == writer.write(tagged(), NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": None},
        {"tags": writer.TagSchema("a b", "root", "urn:x")},
        {"tags": writer.TagSchema("id", "1", "urn:x")},
        {"pages": [writer.Page((), template=1)]},
        {"pages": [writer.Page((writer.Text(1, 9, "x", 5, tag="<x>"),))]},
    ],
)
def test_wrong_templates_and_tags_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"template|tag"):
        writer.write(dataclasses.replace(tagged(), **changes), NOW)  # type: ignore[arg-type]


def test_modules_are_filled_row_by_row() -> None:
    path = writer.blocks(0, 0, 21, [[1, 0, 1], [0, 0, 0], [1, 1, 0]])
    assert path.data.count("M") == 3
    assert path.data.endswith("M 0 14 L 14 14 L 14 21 L 0 21 C")
