"""POST /v1/documents:verify: any signed-in caller, any sealed document, nothing stored."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from e_seal import embed_pdf, prepare_pdf
from e_seal.findings import Code
from e_seal.ses.write import make_signature
from e_seal.signing import Stamp
from gateway.api.v1.uploads import MAX_DOCUMENT
from identity import StaffRole
from tests.api.world import Caller, World, ok, refused
from tests.unit.e_seal.documents import sealed, with_scan
from tests.unit.e_seal.pdfs import BODIES, classic
from tests.unit.e_seal.samples import NOW, sample
from tests.unit.e_seal.samples import world as seal_world
from tests.unit.e_seal.tampered import CASES

PATH = "/v1/documents:verify"
OFD = "application/ofd"


async def send(
    caller: Caller, content: bytes | AsyncIterator[bytes], media_type: str = OFD, query: str = ""
) -> httpx.Response:
    async with caller.world.browser() as browser:
        headers = {"Authorization": f"Bearer {caller.token}", "Content-Type": media_type}
        return await browser.post(PATH + query, content=content, headers=headers)


async def test_staff_and_applicants_verify_documents_of_anybody(world: World, citizen: Caller):
    clerk = await world.staff(StaffRole.CLERK)
    for caller in (citizen, clerk):
        found = ok(await send(caller, sample("samples/999.ofd")))
        assert found["verdict"] == "INVALID"
        (signature,) = found["signatures"]
        assert (signature["type"], signature["seal_code"]) == ("Seal", "50011200000323")
        assert signature["signer"]
        assert len(signature["covered"]) == 20
        codes = {finding["code"] for finding in found["findings"]}
        assert codes >= {Code.SIGNER_CHAIN_UNTRUSTED, Code.SEAL_MAKER_UNTRUSTED}
        for finding in found["findings"]:
            assert finding["text"]["zh"]
            assert finding["text"]["en"]
            assert finding["severity"] in {"error", "undecided", "warning"}
        assert set(found["not_checked"]) == {"certificate_revocation", "seal_status"}


async def test_each_finding_says_where(citizen: Caller):
    found = ok(await send(citizen, CASES["page"].make()))
    where = {finding["code"]: finding["where"] for finding in found["findings"]}
    assert where[Code.REF_MODIFIED] == ["Doc_0/Pages/Page_0/Content.xml"]


async def test_what_is_no_document_is_a_verdict_not_an_error(citizen: Caller):
    for content in (b"", b"PK", b"%PDF-1.7", bytes(2_000_000)):
        found = ok(await send(citizen, content, "application/octet-stream"))
        assert found["verdict"] == "INVALID"
        kind = "PDF" if content.startswith(b"%PDF-") else "OFD"
        assert [finding["code"] for finding in found["findings"]] == [f"{kind}_MALFORMED"]


async def test_nobody_verifies_without_a_token_or_with_another_kind_of_body(
    world: World, citizen: Caller
):
    refused(await send(Caller(world, "sdat_unknown"), sealed()), 401, "unauthenticated")
    async with world.browser() as browser:
        answer = await browser.post(PATH, content=sealed(), headers={"Content-Type": OFD})
    refused(answer, 401, "unauthenticated")
    refused(await send(citizen, sealed(), "application/json"), 415, "unsupported_media_type")


async def test_large_documents_arrive_in_pieces(citizen: Caller):
    async def pieces() -> AsyncIterator[bytes]:
        whole = sealed()
        for at in range(0, len(whole), 10_000):
            yield whole[at : at + 10_000]
        for _ in range(40):
            yield bytes(100_000)

    # A ZIP may end with a comment's worth of rubbish only; so much is no container.
    assert ok(await send(citizen, pieces()))["verdict"] == "INVALID"
    refused(await send(citizen, bytes(MAX_DOCUMENT + 1)), 413, "body_too_large")


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_document_larger_than_the_memory_buffer(citizen: Caller, chunked: bool):
    whole = with_scan()
    assert len(whole) > 2_000_000

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(whole), 65_536):
            yield whole[at : at + 65_536]

    found = ok(await send(citizen, pieces() if chunked else whole))
    (signature,) = found["signatures"]
    assert "Doc_0/Attachs/scan.bin" in signature["covered"]
    assert {f["code"] for f in found["findings"]} == {
        Code.SIGNER_CHAIN_UNTRUSTED,
        Code.SEAL_MAKER_UNTRUSTED,
    }


async def test_asking_the_province_too(citizen: Caller):
    found = ok(await send(citizen, sealed(), query="?online=true"))
    assert "seal_status" not in found["not_checked"]


def sealed_pdf(scan: int = 0) -> bytes:
    """A sealed PDF with an unused stream of so many octets."""
    blob = f"<</Length {scan}>>\nstream\n{'x' * scan}\nendstream"
    keys = seal_world()
    pdf = classic({**BODIES, 5: blob})
    frozen = prepare_pdf(pdf, keys.seal, Stamp(0, 100, 200, 42, 42), at=NOW)
    value = make_signature(keys.seal, frozen.digest, frozen.property_info, NOW, keys.signer)
    return embed_pdf(frozen, value)


@pytest.mark.parametrize("media_type", ["application/pdf", "application/octet-stream"])
@pytest.mark.parametrize("scan", [10, 2_000_000])
async def test_pdf_files_get_the_same_report(citizen: Caller, media_type: str, scan: int):
    found = ok(await send(citizen, sealed_pdf(scan), media_type))
    assert found.keys() == ok(await send(citizen, sealed())).keys()
    (signature,) = found["signatures"]
    assert (signature["id"], signature["type"], signature["covered"]) == ("Seal1", "Seal", [])
    assert {finding["code"] for finding in found["findings"]} == {
        Code.SIGNER_CHAIN_UNTRUSTED,
        Code.SEAL_MAKER_UNTRUSTED,
    }
    tampered = sealed_pdf(scan).replace(b"100 700", b"100 701")
    found = ok(await send(citizen, tampered, media_type))
    where = {finding["code"]: finding["where"] for finding in found["findings"]}
    assert where[Code.DATA_HASH_MISMATCH] == ["Seal1"]
