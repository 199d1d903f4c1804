"""POST /v1/public/documents:verify and :preview: anybody, any file, nothing stored or logged."""

from __future__ import annotations

import io
import struct
import time
import zipfile
import zlib
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from PIL import Image

from e_seal import picture_of_page
from e_seal.findings import Code
from e_seal.model import Authorisation, MediaType, SealOrder, Signer, StampPosition
from e_seal.ofd.errors import OfdUnsafe
from e_seal.ofd.package import read_package
from gateway.api.v1.public_verification import _PER_MINUTE
from gateway.api.v1.uploads import MAX_DOCUMENT
from tests.api.test_documents import received
from tests.api.test_verification import send
from tests.api.world import ROAD, Caller, World, ok, refused
from tests.unit.e_seal.documents import changed, seal_again, sealed, with_scan
from tests.unit.e_seal.pdfs import classic
from tests.unit.e_seal.samples import document, sample
from tests.unit.e_seal.samples import world as keys
from tests.unit.e_seal.tampered import CASES

VERIFY = "/v1/public/documents:verify"
PREVIEW = "/v1/public/documents:preview"
PAGE = "Doc_0/Pages/Page_0/Content.xml"


async def post(
    world: World,
    where: str,
    content: bytes | AsyncIterator[bytes],
    media_type: str = "application/ofd",
) -> httpx.Response:
    return await world.http.post(where, content=content, headers={"Content-Type": media_type})


async def pieces(whole: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(whole), 65_536):
        yield whole[at : at + 65_536]


def picture(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "no-store"
    return Image.open(io.BytesIO(answer.content))


def page(content: str, **more: bytes) -> bytes:
    """A document whose only page holds this; nothing is deflated, so that no ratio betrays it."""
    entries = {**read_package(document()).entries, PAGE: f"<Page>{content}</Page>".encode(), **more}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


# ---- verifying -----------------------------------------------------------------------------------


async def test_strangers_get_the_answer_of_those_who_are_signed_in(world: World, citizen: Caller):
    for content in (sample("samples/999.ofd"), sealed(), with_scan(), b"", classic()):
        media_type = "application/octet-stream"
        found = ok(await post(world, VERIFY, content, media_type))
        assert found == ok(await send(citizen, content, media_type))


async def test_a_document_of_ours_is_valid_until_somebody_touches_it(world: World, citizen: Caller):
    case_id, receipt = await received(world, citizen)
    where = f"/v1/cases/{case_id}/documents/{receipt['document_id']}/content"
    content = (await citizen.get(where)).content
    found = ok(await post(world, VERIFY, content))
    assert found["verdict"] == "VALID"
    assert found["text"]["zh"] == "有效"
    name = next(one for one in found["signatures"][0]["covered"] if one.endswith("Content.xml"))
    spoilt = changed(content, {name: b"<Page/>"})
    found = ok(await post(world, VERIFY, spoilt))
    assert found["verdict"] == "INVALID"
    assert Code.REF_MODIFIED in {finding["code"] for finding in found["findings"]}


async def test_a_sealed_pdf_is_valid_until_somebody_touches_it(world: World):
    seals, now = world.container.seals, world.clock.now()
    order = SealOrder(
        reference="case_pdf",
        item_code=ROAD,
        document_id="doc_pdf",
        version=1,
        name="告知书",
        content=classic(),
        seal_code="37010000000104",
        stamp=StampPosition(0, 140, 220),
        signer=Signer("staff_7"),
        authorisation=Authorisation("grant_1", "staff_9", now + timedelta(hours=1)),
        media_type=MediaType.PDF,
    )
    act = await seals.seal_document(order)
    assert act.is_sealed, act
    content = await seals.sealed_document(act.act_id)
    found = ok(await post(world, VERIFY, content, "application/pdf"))
    assert found["verdict"] == "VALID", found
    assert [one["seal_code"] for one in found["signatures"]] == ["37010000000104"]
    spoilt = content.replace(b"0 0 1 RG", b"1 0 0 RG")
    found = ok(await post(world, VERIFY, spoilt, "application/pdf"))
    assert found["verdict"] == "INVALID"
    assert {one["code"] for one in found["findings"]} == {Code.DATA_HASH_MISMATCH}
    refused(await post(world, PREVIEW, content, "application/pdf"), 422, "document_not_drawable")


async def test_hostile_containers_are_verdicts(world: World):
    for name in ("page", *[one for one in CASES if one != "page"][:6]):
        found = ok(await post(world, VERIFY, CASES[name].make()))
        assert found["verdict"] in {"INVALID", "INDETERMINATE"}, name


@pytest.mark.parametrize("route", [VERIFY, PREVIEW])
async def test_what_is_too_large_or_of_another_kind_is_refused(world: World, route: str):
    refused(await post(world, route, bytes(MAX_DOCUMENT + 1)), 413, "body_too_large")
    refused(await post(world, route, pieces(bytes(MAX_DOCUMENT + 1))), 413, "body_too_large")
    for media_type in ("application/json", "multipart/form-data; boundary=x", ""):
        refused(await post(world, route, sealed(), media_type), 415, "unsupported_media_type")


async def test_an_address_that_sends_too_much_must_wait(world: World):
    sent = 1
    late = await post(world, PREVIEW, b"x")
    # Places come back while a slow machine sends, so it may take some more requests to be refused.
    while late.status_code != 429 and sent < 3 * _PER_MINUTE:
        late = await post(world, VERIFY if sent % 2 else PREVIEW, b"x")
        sent += 1
    assert sent > _PER_MINUTE
    refused(late, 429, "too_many_requests")
    assert int(late.headers["retry-after"]) >= 1
    refused(await post(world, PREVIEW, sealed()), 429, "too_many_requests")
    world.clock.shift += timedelta(minutes=1)
    ok(await post(world, VERIFY, sealed()))


# ---- pictures ------------------------------------------------------------------------------------


async def test_pages_are_shown_with_their_seals(world: World):
    whole = seal_again(document(3), keys())
    shown = [await post(world, f"{PREVIEW}?page={number}", whole) for number in range(3)]
    assert [answer.headers["x-page-count"] for answer in shown] == ["3", "3", "3"]
    pictures = [picture(answer).convert("RGB") for answer in shown]
    assert {one.size for one in pictures} == {(992, 1403)}
    box = (567, 945, 765, 1143)
    assert pictures[0].crop(box) != pictures[1].crop(box), "the seal is on the first page"
    assert pictures[1].tobytes() == pictures[2].tobytes()


async def test_a_large_file_is_shown_from_disk(world: World):
    assert picture(await post(world, PREVIEW, pieces(with_scan()))).size == (992, 1403)


async def test_pages_that_are_not_there(world: World):
    refused(await post(world, f"{PREVIEW}?page=1", sealed()), 404, "page_not_found")
    for wrong in ("-1", "100", "x", "1e3"):
        answer = await post(world, f"{PREVIEW}?page={wrong}", sealed())
        refused(answer, 422, "fields_invalid")


async def test_what_is_no_ofd_has_no_picture(world: World):
    for content in (b"", b"PK", b"<html>", classic(), bytes(2_000_000), sealed()[:-400]):
        answer = await post(world, PREVIEW, content, "application/octet-stream")
        refused(answer, 422, "document_not_drawable")


def png(width: int, height: int, data: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def text(content: str, more: str = "") -> str:
    return f'<TextObject Boundary="0 0 200 200" {more}>{content}</TextObject>'


def path(strokes: str, more: str = "") -> str:
    inner = f"<AbbreviatedData>{strokes}</AbbreviatedData>"
    return f'<PathObject Boundary="0 0 200 200" {more}>{inner}</PathObject>'


LETTER = text('<TextCode X="0" Y="9">国</TextCode>', 'Size="190"')
FAR = " ".join(["1e300"] * 6)
FRAME = "M 0 0 L 200 0 L 200 290 L 0 290 C"
EXPENSIVE = {
    "letters": LETTER * 20_000,
    "a long text": text(f"<TextCode>{'国' * 1_000_000}</TextCode>", 'Size="4"'),
    "sizes": "".join(text("<TextCode>国</TextCode>", f'Size="{at % 99}"') for at in range(50_000)),
    "strokes": path("M 0 0 " + "L 200 200 L 0 0 " * 200_000, 'LineWidth="100"'),
    "curves": path("M 0 0 " + "B 200 290 0 0 200 200 " * 150_000),
    "fills": path(FRAME, 'Fill="true"') * 20_000,
    "runs": text(f'<TextCode DeltaX="{"g 0 1 " * 700_000}">国</TextCode>', 'Size="4"'),
    "pictures": '<ImageObject Boundary="0 0 210 297" ResourceID="8"/>' * 5_000,
    "a page of many megabytes": "<x/>" * 1_500_000,
}
SECONDS = 20.0
"""Several times of what it takes here, and far less than drawing everything would."""


@pytest.mark.parametrize("name", EXPENSIVE)
def test_pages_that_cost_too_much_are_given_up(name: str):
    started = time.process_time()
    with pytest.raises(OfdUnsafe):
        picture_of_page(page(EXPENSIVE[name]), 0)
    assert time.process_time() - started < SECONDS


async def test_a_page_that_costs_too_much_is_an_answer(world: World):
    answer = await post(world, PREVIEW, page(EXPENSIVE["fills"]))
    assert refused(answer, 422, "document_not_drawable")["reason"] == "OFD_UNSAFE"


ODD = [
    path("M 1e9 1e9 L 1e300 -1e300", f'CTM="{FAR}"'),
    path("M 0 0 L 1e8 1e8 L 1e8 -1e8", 'CTM="1e9 1e9 1e9 1e9 1e9 1e9" Fill="true"'),
    path("M 0 0 L 9 9", 'LineWidth="1e300"'),
    path("M 0 0 L 9 9 L 0 9 C", 'LineWidth="-4" Fill="true"'),
    text('<TextCode X="1e300">a</TextCode>', 'Size="4" CTM="1e200 0 0 1e200 0 0"'),
    text('<TextCode X="1e8" Y="-1e8" DeltaX="1e8">ab\U0001f600</TextCode>', 'Size="4"'),
    text("<TextCode>a</TextCode>", 'Size="1e9" CTM="1e9 0 0 1e9 0 0"'),
    '<ImageObject Boundary="-1999 -1999 1 1" ResourceID="8"/>',
]


@pytest.mark.parametrize("content", ODD, ids=range(len(ODD)))
def test_odd_pages_have_pictures(content: str):
    assert Image.open(io.BytesIO(picture_of_page(page(content), 0).png)).format == "PNG"


@pytest.mark.parametrize(
    "image",
    [
        png(60_000, 60_000, b""),
        png(12_000, 9_000, b"\0" * 1000),
        png(4_000, 4_000, b"\0" * 12_004_000 * 4),
        png(0, 0, b""),
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a" + b"\xff" * 40,
        b"BM" + b"\xff" * 60,
        b"\xff\xd8\xff\xe0" + b"\0" * 40,
    ],
    ids=range(8),
)
async def test_hostile_images_are_left_out(world: World, image: bytes):
    (name,) = (one for one in read_package(document()).entries if one.endswith(".png"))
    picture(await post(world, PREVIEW, changed(document(), {name: image})))


async def test_a_page_of_absurd_size_has_no_picture(world: World):
    for area in ("0 0 1e9 1e9", "0 0 -1 5", "0 0 nan 1"):
        inner = f"<Area><PhysicalBox>{area}</PhysicalBox></Area>"
        answer = await post(world, PREVIEW, page(inner))
        refused(answer, 422, "document_not_drawable")


async def test_nothing_of_a_file_is_logged(world: World):
    secret = "Nobody-Shall-Log-This"
    content = changed(document(), {f"Doc_0/{secret}.xml": secret.encode()})
    ok(await post(world, VERIFY, content))
    picture(await post(world, PREVIEW, content))
    assert "documents:verify" in str(world.book.lines)
    assert secret not in str(world.book.lines)
