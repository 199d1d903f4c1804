"""Pictures of pages: what is drawn is there, where it belongs, and nothing a file says hurts."""

import contextlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from e_seal.ofd import package, writer
from e_seal.ofd.errors import OfdError
from e_seal.preview import NoSuchPage, render_page
from tests.unit.e_seal.samples import NOW, document, sample

DPI = 60


def picture(ofd: bytes, page: int = 0, dpi: int = DPI) -> Image.Image:
    return Image.open(io.BytesIO(render_page(ofd, page, dpi=dpi))).convert("RGB")


def ink(image: Image.Image, box: tuple[float, float, float, float]) -> float:
    """How dark an area (mm: left, top, right, bottom) is, from 0 to 1."""
    left, top, right, bottom = (round(edge * DPI / 25.4) for edge in box)
    grey = image.crop((left, top, right, bottom)).convert("L")
    return 1 - sum(grey.tobytes()) / (255 * grey.width * grey.height)


def drawn(*items: writer.Item, template: tuple[writer.Item, ...] = ()) -> Image.Image:
    templates = [writer.Page(template)] if template else []
    page = writer.Page(items, template=0 if template else None)
    model = writer.Document(writer.doc_id_of("x"), "x", [page], templates=templates)
    return picture(writer.write(model, NOW))


def test_the_page_has_the_size_that_it_states() -> None:
    assert picture(document()).size == (496, 702)
    assert render_page(document(), 0) == render_page(document(), 0)


def test_text_stands_on_its_baseline() -> None:
    image = drawn(writer.Text(50, 100, "一窗受理", 8))
    assert ink(image, (50, 92, 82, 102)) > 0.15
    assert ink(image, (0, 0, 210, 91)) == ink(image, (0, 103, 210, 297)) == 0


def test_bold_text_has_more_ink() -> None:
    thin = drawn(writer.Text(50, 100, "受理通知书", 8))
    bold = drawn(writer.Text(50, 100, "受理通知书", 8, weight=700))
    assert ink(bold, (50, 90, 90, 104)) > ink(thin, (50, 90, 90, 104)) * 1.1


def test_templates_lie_below() -> None:
    image = drawn(writer.Text(50, 100, "页", 8), template=(writer.line(20, 30, 190, 30, width=2),))
    assert ink(image, (20, 28, 190, 32)) > 0.3
    assert ink(image, (50, 92, 60, 102)) > 0.1


def test_fills_and_pictures() -> None:
    image = drawn(
        writer.blocks(20, 20, 30, [[1, 0], [0, 1]]),
        writer.Image(100, 20, 40, 40, sample("StampImg.png")),
    )
    assert ink(image, (21, 21, 34, 34)) > 0.95
    assert ink(image, (36, 21, 49, 34)) < 0.05
    assert ink(image, (100, 20, 140, 60)) > 0.05


@pytest.mark.parametrize("name", ["generated/good.ofd", "generated/riding.ofd"])
def test_seals_are_shown(name: str) -> None:
    sealed = sample(name)
    bare = package.read_package(sealed).entries
    unsealed = {key: value for key, value in bare.items() if "Sign" not in key}
    image = picture(sealed)
    red, green, _ = image.split()
    assert sum(ImageChops.subtract(red, green).histogram()[80:]) > 50
    assert image != picture(package.Package(unsealed).to_bytes(NOW))


def test_missing_pages_are_named() -> None:
    with pytest.raises(NoSuchPage, match="1 pages"):
        render_page(document(), 1)
    with pytest.raises(NoSuchPage):
        render_page(document(), -1)


LONG_RUN = '<TextCode DeltaX="g 999999999 1">a</TextCode>'
CURVES = "M 0 0 Q 1 1 2 2 B 1 1 2 2 3 3 A 1 1 0 0 0 5 5 C"
ODD = [
    '<TextObject Boundary="0 0 9 9" Size="1e99"><TextCode X="0">a</TextCode></TextObject>',
    f'<TextObject Boundary="0 0 9 9" Size="4" CTM="x">{LONG_RUN}</TextObject>',
    '<PathObject Boundary="0 0 9 9"><AbbreviatedData>M 0 L</AbbreviatedData></PathObject>',
    f'<PathObject Boundary="0 0 9 9"><AbbreviatedData>{CURVES}</AbbreviatedData></PathObject>',
    '<PathObject Boundary="0 0 nan 9"/><ImageObject Boundary="0 0 1999 1999" ResourceID="3"/>',
    '<ImageObject Boundary="0 0 9 9" ResourceID="none"/>',
]


@pytest.mark.parametrize("content", ODD)
def test_odd_content_is_left_out(content: str) -> None:
    entries = dict(package.read_package(document()).entries)
    entries["Doc_0/Pages/Page_0/Content.xml"] = f"<Page>{content}</Page>".encode()
    assert picture(package.Package(entries).to_bytes(NOW)).size == (496, 702)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_damaged_pages_raise_only_the_typed_error(data: st.DataObject) -> None:
    entries = dict(package.read_package(document()).entries)
    name = data.draw(st.sampled_from([key for key in entries if key.endswith((".xml", ".png"))]))
    damaged = bytearray(entries[name])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    entries[name] = bytes(damaged)
    with contextlib.suppress(OfdError, NoSuchPage):
        render_page(package.Package(entries).to_bytes(NOW), 0, dpi=20)
