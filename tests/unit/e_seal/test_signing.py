"""From an unsigned document to a sealed one, and what is refused on the way."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from e_seal.asn1 import issue
from e_seal.checks import DEFAULT_SKEW
from e_seal.findings import Code, Verdict
from e_seal.ofd import package, reader, xml
from e_seal.ofd.errors import OfdMalformed
from e_seal.ses import write
from e_seal.signing import (
    PreparedSignature,
    SignatureListLocked,
    Stamp,
    check_response,
    embed,
    prepare,
    riding_stamps,
)
from e_seal.verify import verify
from kernel.crypto import sm3
from tests.unit.e_seal.samples import NOW, SEAL_CODE, document, draft, key, request, sample, world

STAMP = Stamp(0, 120, 200, 42, 42)


def prepared(
    ofd: bytes | None = None, stamps: Sequence[Stamp] = (STAMP,), *, lock: bool = False
) -> PreparedSignature:
    return prepare(ofd or document(), world().seal, stamps, at=NOW, lock=lock)


def answer(frozen: PreparedSignature) -> bytes:
    w = world()
    return write.make_signature(w.seal, frozen.digest, frozen.property_info, NOW, w.signer)


def seal(
    ofd: bytes | None = None, stamps: Sequence[Stamp] = (STAMP,), *, lock: bool = False
) -> bytes:
    frozen = prepared(ofd, stamps, lock=lock)
    return embed(frozen, answer(frozen))


def codes(frozen: PreparedSignature, response: bytes, **changes: object) -> set[Code]:
    arguments: dict[str, object] = {
        "seal_code": SEAL_CODE,
        "trust": world().trust,
        "now": NOW,
        "skew": timedelta(minutes=10),
    }
    found = check_response(frozen, response, **{**arguments, **changes})  # type: ignore[arg-type]
    return {item.code for item in found}


def test_a_sealed_document_is_valid_and_keeps_its_content() -> None:
    sealed = seal()
    report = verify(sealed, trust=world().trust, now=NOW)
    assert report.verdict is Verdict.VALID, report
    found = reader.read(sealed)
    before = reader.read(document())
    assert found.text() == before.text()
    assert "Doc_0/Attachs/fields.xml" in report.signatures[0].covered
    assert report.signatures[0].seal_code == SEAL_CODE
    assert report.signatures[0].signed_at == NOW
    assert report.signatures[0].covered >= before.reachable


def test_names_that_viewers_build_by_hand() -> None:
    found = reader.read(seal())
    folder = "Doc_0/Signs/Sign_0"
    assert {f"{folder}/{n}" for n in ("Signature.xml", "SignedValue.dat", "Seal.esl")} <= set(
        found.package
    )
    content = found.package.get(f"{folder}/Signature.xml")
    assert b'<ofd:References CheckMethod="1.2.156.10197.1.401">' in content
    assert content.count(b'FileRef="/') == content.count(b"FileRef=") >= 2
    assert b"Signatures.xml" not in content


def test_the_frozen_part_can_be_stored_and_continued() -> None:
    frozen = prepared()
    stored = PreparedSignature(
        frozen.ofd, frozen.signature_path, frozen.signature_xml, frozen.seal, frozen.prepared_at
    )
    response = answer(frozen)
    assert embed(stored, response) == embed(frozen, response)
    assert frozen == prepared()
    assert frozen.digest == sm3.digest(frozen.signature_xml)


def test_a_foreign_frozen_part_is_refused() -> None:
    frozen = prepared()
    with pytest.raises(OfdMalformed):
        embed(dataclasses.replace(frozen, signature_xml=b"<x/>"), answer(frozen))


def test_a_right_answer_passes() -> None:
    frozen = prepared()
    assert codes(frozen, answer(frozen)) == set()


def test_every_wrong_answer_is_refused() -> None:
    w = world()
    frozen = prepared()
    good = frozen.digest, frozen.property_info
    stranger = issue.issue(request(SEAL_CODE, 8), key(8), w.root)
    other_seal = write.make_seal(draft(w.signer.certificate, code="37010000000018"), w.maker)
    impostor = issue.Holder(key(30), w.maker.certificate)
    forged_seal = write.make_seal(draft(w.signer.certificate), impostor)
    reissued = write.make_seal(draft(w.signer.certificate, name="另一枚"), w.maker)
    tampered = bytearray(answer(frozen))
    tampered[-1] ^= 1
    outside = issue.issue_root(request("别的根", 1, is_ca=True, usages=issue.CA_USAGES), key(20))
    no_usage = issue.issue(request(SEAL_CODE, 9, usages=("nonRepudiation",)), key(3), w.root)
    unusable = write.make_seal(draft(no_usage.certificate), w.maker)

    def made(
        of_seal: bytes = w.seal,
        digest: bytes = good[0],
        path: str = good[1],
        by: issue.Holder = w.signer,
        at: datetime = NOW,
    ) -> bytes:
        return write.make_signature(of_seal, digest, path, at, by)

    assert codes(frozen, b"") == {Code.SES_FORMAT_INVALID}
    assert codes(frozen, made(digest=bytes(32))) == {Code.DATA_HASH_MISMATCH}
    assert codes(frozen, made(path="/Doc_0/x")) == {Code.PROPERTY_PATH_MISMATCH}
    assert codes(frozen, made(by=stranger)) == {Code.SIGNER_NOT_IN_SEAL}
    assert codes(frozen, made(other_seal)) == {Code.SEAL_CODE_MISMATCH, Code.SEAL_FILE_MISMATCH}
    assert codes(frozen, made(reissued)) == {Code.SEAL_FILE_MISMATCH}
    assert codes(frozen, bytes(tampered)) & {Code.SIGNATURE_INVALID, Code.SES_FORMAT_INVALID}
    forged = prepare(document(), forged_seal, [STAMP], at=NOW)
    response = write.make_signature(forged_seal, forged.digest, good[1], NOW, w.signer)
    assert codes(forged, response) == {Code.SEAL_SIGNATURE_INVALID}
    for hours in (-1, 1):
        assert codes(frozen, made(at=NOW + timedelta(hours=hours))) == {Code.SIGN_TIME_IMPLAUSIBLE}
    assert codes(frozen, made(), now=NOW + timedelta(days=1)) == set()
    untrusted = type(w.trust).of([outside.certificate])
    assert codes(frozen, made(), trust=untrusted) == {
        Code.SIGNER_CHAIN_UNTRUSTED,
        Code.SEAL_MAKER_UNTRUSTED,
    }
    weak = prepare(document(), unusable, [STAMP], at=NOW)
    response = write.make_signature(unusable, weak.digest, good[1], NOW, no_usage)
    assert codes(weak, response) == {Code.SIGNER_KEY_USAGE}


def test_a_second_signature_covers_the_first() -> None:
    first = seal()
    second = seal(first)
    report = verify(second, trust=world().trust, now=NOW)
    assert report.verdict is Verdict.VALID, report
    assert [s.id for s in report.signatures] == ["s001", "s003"]
    assert "Doc_0/Signs/Sign_0/SignedValue.dat" in report.signatures[1].covered


def test_a_locked_list_takes_no_more() -> None:
    locked = seal(lock=True)
    assert verify(locked, trust=world().trust, now=NOW).verdict is Verdict.VALID
    with pytest.raises(SignatureListLocked):
        prepared(locked)
    with pytest.raises(SignatureListLocked):
        prepared(sample("samples/h.ofd"))


def test_a_riding_seal_has_one_strip_per_page() -> None:
    stamps = riding_stamps([(210, 297)] * 5, 120, 40, 40)
    assert [s.x for s in stamps] == [202, 194, 186, 178, 170]
    assert [s.clip for s in stamps][:2] == [(0, 0, 8, 40), (8, 0, 8, 40)]
    sealed = seal(document(pages=3), riding_stamps([(210, 297)] * 3, 120, 42, 42))
    assert verify(sealed, trust=world().trust, now=NOW).verdict is Verdict.VALID
    root = xml.parse(reader.read(sealed).package.get("Doc_0/Signs/Sign_0/Signature.xml"))
    annots = [e for e in root.iter() if xml.local(e) == "StampAnnot"]
    assert [a.get("Clip") for a in annots] == ["0 0 14 42", "14 0 14 42", "28 0 14 42"]


def test_foreign_documents_can_be_sealed() -> None:
    sealed = seal(sample("samples/999.ofd"))
    report = verify(sealed, trust=world().trust, now=NOW)
    own = report.signatures[1]
    assert own.path == "Doc_0/Signs/Sign_1/Signature.xml"
    assert own.findings == ()
    assert "OFD.xml" in own.covered


@pytest.mark.parametrize("stamp", [Stamp(1, 0, 0, 1, 1), Stamp(0, 0, 0, 0, 1)])
def test_a_stamp_needs_a_page_and_a_size(stamp: Stamp) -> None:
    with pytest.raises(ValueError, match="stamp"):
        prepared(stamps=[stamp])


def test_a_document_without_a_body_end_is_refused() -> None:
    entries = dict(package.read_package(document()).entries)
    entries["OFD.xml"] = entries["OFD.xml"].decode().encode("utf-16")
    with pytest.raises(OfdMalformed):
        prepared(package.Package(entries).to_bytes(NOW))


def test_skew_default_is_the_beijing_offset() -> None:
    assert timedelta(hours=8) < DEFAULT_SKEW < timedelta(hours=9)


def test_a_long_document_is_cut_in_groups() -> None:
    stamps = riding_stamps([(210, 297)] * 11, 120, 40, 40)
    assert len(stamps) == 11
    clips = [s.clip for s in stamps if s.clip]
    assert [clip[2] for clip in clips] == [8] * 5 + [pytest.approx(40 / 6)] * 6
    # Each group shows the whole picture, from its left end to its right one.
    assert [clip[0] for clip in clips[:2]] == [0, 8]
    assert [clip[0] for clip in clips[5:7]] == [0, pytest.approx(40 / 6)]
    assert riding_stamps([(210, 297)], 120, 40, 40) == ()


def test_a_left_edge_is_the_mirror_of_a_right_one() -> None:
    left = riding_stamps([(210, 297)] * 5, 120, 40, 40, edge="left")
    assert [s.x for s in left] == [-32, -24, -16, -8, 0]
    assert [s.clip for s in left][:2] == [(32, 0, 8, 40), (24, 0, 8, 40)]
    # What is shown begins at the very edge.
    assert all(s.clip is not None and s.x + s.clip[0] == 0 for s in left)


def test_riding_strips_lie_inside_their_pages() -> None:
    sizes = [(210.0, 297.0), (297.0, 210.0), (148.0, 210.0)]
    for stamp, (width, _) in zip(riding_stamps(sizes, 50, 42, 42), sizes, strict=True):
        assert stamp.clip is not None
        assert stamp.x + stamp.clip[0] + stamp.clip[2] == pytest.approx(width)


def test_the_value_is_appended_as_if_all_was_written_again() -> None:
    frozen = prepared()
    response = answer(frozen)
    name = "Doc_0/Signs/Sign_0/SignedValue.dat"
    whole = package.read_package(frozen.ofd).with_entries({name: response})
    assert embed(frozen, response) == whole.to_bytes(frozen.prepared_at)
    twice = dataclasses.replace(frozen, ofd=embed(frozen, response))
    with pytest.raises(OfdMalformed):
        embed(twice, response)
