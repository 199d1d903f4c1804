"""The seal service on PDF files: the same act, the same recovery, the same checks as for OFD."""

import asyncio
import mmap
from collections.abc import Callable
from dataclasses import replace
from tempfile import TemporaryFile

import pytest

from e_seal.errors import (
    DocumentNotSealed,
    EarlierSignatureUnsound,
    InvalidSealOrder,
    SealOrderDiffers,
    SealOrderNotForPdf,
)
from e_seal.findings import Code, Verdict
from e_seal.model import (
    ActKind,
    ActState,
    FailureReason,
    MediaType,
    SealOrder,
    SealRecord,
    SealState,
    SignRequest,
    StampPosition,
)
from e_seal.pdf.file import open_pdf
from e_seal.ses import write
from kernel.errors import UpstreamOutcomeUnknown
from tests.unit.e_seal.documents import changed, seal_again
from tests.unit.e_seal.documents import sealed as sealed_ofd
from tests.unit.e_seal.pdfs import FILES, classic
from tests.unit.e_seal.samples import SEAL_CODE, document, draft, world
from tests.unit.e_seal.tampered import PAGE, entry, loosely, stranger
from tests.unit.e_seal.test_pdf import sealed as sealed_pdf
from tests.unit.e_seal.test_service import HAPPY, Desk, order

CLASSIC = FILES["classic"]
CERTIFIED = classic(
    {
        1: "<</Type/Catalog/Pages 2 0 R/Perms<</DocMDP 5 0 R>>>>",
        2: "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
        4: "null",
        5: "<</Reference[<</TransformMethod/DocMDP/TransformParams<</P 1>>>>]>>",
    }
)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def pdf_order(content: bytes = CLASSIC, **changes: object) -> SealOrder:
    return order(content=content, media_type=MediaType.PDF, **changes)


@pytest.mark.parametrize("name", FILES)
async def test_a_pdf_is_sealed(desk: Desk, name: str) -> None:
    act = await desk.service.seal_document(pdf_order(FILES[name]))
    assert act.state is ActState.VERIFIED, act
    assert (act.media_type, act.page_count) == (MediaType.PDF, 1)
    assert desk.works.path() == HAPPY
    (request,) = desk.province.requests
    assert (request.digest, request.property_info) == (act.digest, "Seal1")
    sealed = await desk.service.sealed_document(act.act_id)
    assert sealed.startswith(FILES[name])
    report = await desk.service.verify(sealed, online=True)
    assert report.verdict is Verdict.VALID, report
    assert "seal_status" not in report.not_checked
    kept = desk.acts.bytes[act.act_id]
    assert (kept.unsigned, kept.prepared, kept.signature_xml) == (None, None, None)


async def test_the_picture_is_centred_where_it_was_ordered(desk: Desk) -> None:
    act = await desk.service.seal_document(pdf_order())
    file = open_pdf(await desk.service.sealed_document(act.act_id))
    (page,) = file.pages()
    (widget,) = [file.entries(item) for item in file.items(page.entries["Annots"])]
    box = [n for n in file.items(widget["Rect"]) if isinstance(n, int | float)]
    left, bottom, right, top = (n * 25.4 / 72 for n in box)
    assert round((left + right) / 2, 2) == 140
    assert round(842 * 25.4 / 72 - (bottom + top) / 2, 2) == 220


async def test_the_names_of_the_vendors_viewer_are_settings() -> None:
    desk = Desk(pdf_filter="Some.Vendor", pdf_sub_filter="GM.other")
    act = await desk.service.seal_document(pdf_order())
    sealed = await desk.service.sealed_document(act.act_id)
    assert b"/Filter /Some.Vendor /SubFilter /GM.other" in sealed


async def test_the_same_order_again_changes_nothing(desk: Desk) -> None:
    first = await desk.service.seal_document(pdf_order())
    assert await desk.service.seal_document(pdf_order()) == first
    assert len(desk.province.requests) == 1
    with pytest.raises(SealOrderDiffers):
        await desk.service.seal_document(pdf_order(FILES["modern"]))
    with pytest.raises(SealOrderDiffers):
        await desk.service.seal_document(order())


@pytest.mark.parametrize(
    ("content", "changes"),
    [
        (document(), {}),
        (b"%PDF-1.7", {}),
        (b"", {}),
        (classic(trailer="/Encrypt 9 0 R"), {}),
        (CLASSIC, {"stamp": StampPosition(1, 10, 10)}),
        (CLASSIC, {"riding_y": 100.0}),
        (CLASSIC, {"kind": ActKind.LOCK}),
    ],
)
async def test_orders_that_cannot_be_right(
    desk: Desk, content: bytes, changes: dict[str, object]
) -> None:
    with pytest.raises(InvalidSealOrder):
        await desk.service.seal_document(pdf_order(content, **changes))
    assert desk.acts.acts == {}


async def test_a_certified_file_takes_no_seal_and_none_is_used(desk: Desk) -> None:
    act = await desk.service.seal_document(pdf_order(CERTIFIED))
    assert (act.failure, act.failure_detail) == (
        FailureReason.DOCUMENT_INVALID,
        "PDF_UNSUPPORTED",
    )
    assert desk.province.requests == []


async def test_nothing_is_repeated_after_a_lost_answer(desk: Desk) -> None:
    desk.province.after = UpstreamOutcomeUnknown("no answer")
    act = await desk.service.seal_document(pdf_order())
    assert act.state is ActState.UNKNOWN
    desk.province.after = None
    desk.wait(minutes=5)
    act = await desk.service.resume(act.act_id)
    assert act.state is ActState.VERIFIED, act
    assert len(desk.province.requests) == 1
    assert desk.works.path() == [*HAPPY[:4], "unknown", *HAPPY[4:]]


async def test_a_request_that_was_lost_is_sent_again_unchanged(desk: Desk) -> None:
    desk.province.before = UpstreamOutcomeUnknown("no answer")
    act = await desk.service.seal_document(pdf_order())
    desk.province.before = None
    with pytest.raises(UpstreamOutcomeUnknown):
        await desk.service.resume(act.act_id)
    frozen = desk.acts.bytes[act.act_id].prepared
    desk.wait(seconds=31)
    act = await desk.service.resume(act.act_id)
    assert act.state is ActState.VERIFIED, act
    first, second = desk.province.requests
    assert first == second
    sealed = await desk.service.sealed_document(act.act_id)
    assert frozen is not None
    assert len(sealed) == len(frozen)
    assert len(desk.province.made) == 1


@pytest.mark.parametrize("signed_before", [True, False])
async def test_a_process_that_dies_in_the_call_is_continued(
    desk: Desk, signed_before: bool
) -> None:
    death = asyncio.CancelledError()
    desk.province.before, desk.province.after = (None, death) if signed_before else (death, None)
    with pytest.raises(asyncio.CancelledError):
        await desk.service.seal_document(pdf_order())
    desk.province.before = desk.province.after = None
    (act,) = desk.acts.acts.values()
    desk.wait(seconds=91)
    act = await desk.service.resume(act.act_id)
    assert act.state is ActState.VERIFIED, act
    assert len(desk.province.requests) == (1 if signed_before else 2)
    assert len(desk.province.made) == 1


async def test_a_reissued_seal_is_fetched_again(desk: Desk) -> None:
    w = world()
    new = write.make_seal(draft(w.signer.certificate, name="换发"), w.maker)
    desk.province.after = UpstreamOutcomeUnknown("no answer")
    desk.province.issue = new
    act = await desk.service.seal_document(pdf_order())
    desk.province.after = None
    desk.province.record = SealRecord(SEAL_CODE, new, SealState.ACTIVE)
    act = await desk.service.resume(act.act_id)
    assert act.is_sealed, act
    assert act.first_use is not None
    assert act.first_use.is_signed
    first, second = desk.province.requests
    assert first.request_id != second.request_id


def spoilt(good: bytes) -> bytes:
    return good[:-1] + bytes([good[-1] ^ 1])


def too_long(good: bytes) -> bytes:
    return good + bytes(100_000)


@pytest.mark.parametrize("spoil", [spoilt, too_long])
async def test_a_wrong_answer_is_never_handed_out(desk: Desk, spoil: object) -> None:
    desk.province.spoil = spoil  # type: ignore[assignment]
    act = await desk.service.seal_document(pdf_order())
    assert (act.state, act.failure) == (ActState.FAILED, FailureReason.RESPONSE_INVALID)
    with pytest.raises(DocumentNotSealed):
        await desk.service.sealed_document(act.act_id)


async def test_the_signature_of_another_file_is_refused(desk: Desk) -> None:
    sign = desk.province.sign_digest

    async def other(request: SignRequest) -> bytes:
        return await sign(replace(request, digest=bytes(32)))

    desk.province.sign_digest = other  # type: ignore[method-assign]
    act = await desk.service.seal_document(pdf_order())
    assert (act.failure, act.failure_detail) == (
        FailureReason.RESPONSE_INVALID,
        Code.DATA_HASH_MISMATCH,
    )


@pytest.mark.parametrize("damage", ["lost", "cut"])
async def test_a_stored_file_that_was_damaged_uses_no_seal(desk: Desk, damage: str) -> None:
    desk.province.before = UpstreamOutcomeUnknown("no answer")
    act = await desk.service.seal_document(pdf_order())
    desk.province.before = None
    desk.wait(seconds=31)
    kept = desk.acts.bytes[act.act_id]
    broken = None if damage == "lost" else CLASSIC
    desk.acts.bytes[act.act_id] = replace(kept, prepared=broken)
    act = await desk.service.resume(act.act_id)
    assert act.failure is FailureReason.DOCUMENT_INVALID
    assert len(desk.province.requests) == 1


async def test_a_second_seal_is_the_next_version(desk: Desk) -> None:
    first = await desk.service.seal_document(pdf_order())
    content = await desk.service.sealed_document(first.act_id)
    second = await desk.service.seal_document(pdf_order(content, version=2))
    assert second.is_sealed, second
    sealed = await desk.service.sealed_document(second.act_id)
    report = await desk.service.verify(sealed)
    assert report.verdict is Verdict.VALID_WITH_WARNINGS
    assert [one.id for one in report.signatures] == ["Seal1", "Seal2"]
    assert report.codes == {Code.W_LATER_REVISION}


async def test_a_mapped_file_is_verified_by_what_it_begins_with(desk: Desk) -> None:
    act = await desk.service.seal_document(pdf_order())
    with TemporaryFile() as file:
        file.write(await desk.service.sealed_document(act.act_id))
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            assert (await desk.service.verify(mapped)).verdict is Verdict.VALID


@pytest.mark.parametrize("changes", [{"riding_y": 100.0}, {"kind": ActKind.LOCK}])
async def test_what_only_ofd_has_is_refused_with_a_code_of_its_own(
    desk: Desk, changes: dict[str, object]
) -> None:
    with pytest.raises(SealOrderNotForPdf) as raised:
        await desk.service.seal_document(pdf_order(CLASSIC, **changes))
    assert raised.value.code == "seal_order_not_for_pdf"


def by_strangers() -> SealOrder:
    other = stranger()
    return order(content=seal_again(document(), other))


def of_a_changed_pdf() -> SealOrder:
    return pdf_order(sealed_pdf(CLASSIC).replace(b"0 0 1 RG", b"1 0 0 RG"))


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (by_strangers, Code.SIGNER_CHAIN_UNTRUSTED),
        (
            lambda: order(content=changed(sealed_ofd(), {PAGE: entry(PAGE) + b" "})),
            Code.REF_MODIFIED,
        ),
        (of_a_changed_pdf, Code.DATA_HASH_MISMATCH),
    ],
)
async def test_an_earlier_signature_that_does_not_hold_is_found_before_a_seal_is_used(
    desk: Desk, make: Callable[[], SealOrder], code: Code
) -> None:
    with pytest.raises(EarlierSignatureUnsound, match=code):
        await desk.service.seal_document(make())
    assert desk.acts.acts == {}
    assert desk.province.requests == []


async def test_a_second_seal_covers_what_the_first_left_out(desk: Desk) -> None:
    loose = loosely({PAGE})
    act = await desk.service.seal_document(order(content=loose))
    assert act.state is ActState.VERIFIED, act
