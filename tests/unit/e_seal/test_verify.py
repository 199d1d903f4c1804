"""The verifier: real files, forged files, and every byte of a sealed document."""

import io
import ssl
import zipfile
from datetime import timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e_seal.asn1 import issue, tlv
from e_seal.asn1.chain import TrustStore
from e_seal.findings import Code, Finding, Verdict, verdict
from e_seal.model import SealState
from e_seal.ofd import package, reader
from e_seal.ses import write
from e_seal.signing import Stamp, embed, prepare
from e_seal.verify import Report, verify
from kernel.crypto import sm2
from tests.unit.e_seal.documents import with_scan
from tests.unit.e_seal.samples import (
    NOW,
    SEAL_CODE,
    World,
    document,
    draft,
    key,
    request,
    sample,
    world,
)

TIMES = {Code.SIGN_TIME_OUTSIDE_CERT, Code.SIGN_TIME_OUTSIDE_SEAL}
OLD = {Code.W_SIGNER_EXPIRED_NOW, Code.W_SEAL_MAKER_EXPIRED_NOW}
GAPS = {Code.CHAIN_UNCHECKED, *OLD}


def generated(name: str) -> Report:
    root = ssl.PEM_cert_to_DER_cert(sample("generated/root.pem").decode())
    moment = NOW + timedelta(hours=12)
    return verify(sample(f"generated/{name}.ofd"), trust=TrustStore.of([root]), now=moment)


@cache
def sealed(w: World | None = None) -> bytes:
    w = w or world()
    frozen = prepare(document(), w.seal, [Stamp(0, 120, 200, 42, 42)], at=NOW)
    response = write.make_signature(w.seal, frozen.digest, frozen.property_info, NOW, w.signer)
    return embed(frozen, response)


def check(ofd: bytes, trust: TrustStore | None = None) -> Report:
    return verify(ofd, trust=trust or world().trust, now=NOW)


def changed(changes: dict[str, bytes]) -> bytes:
    return package.read_package(sealed()).with_entries(changes).to_bytes(NOW)


@pytest.mark.parametrize("name", ["good", "riding"])
def test_good_files_are_accepted(name: str) -> None:
    report = generated(name)
    # The seal's createDate lies before its maker's certificate in these files.
    assert report.verdict is Verdict.VALID_WITH_WARNINGS, report
    assert report.codes == {Code.W_SEAL_CREATE_DATE}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("bad_page", Code.REF_MODIFIED),
        ("bad_sealfile", Code.SEAL_FILE_MISMATCH),
        ("bad_sigvalue", Code.SIGNATURE_INVALID),
    ],
)
def test_bad_files_are_rejected(name: str, code: Code) -> None:
    report = generated(name)
    assert report.verdict is Verdict.INVALID
    assert code in report.codes


def test_a_genuine_file_without_its_anchors_is_indeterminate() -> None:
    report = check(sample("samples/999.ofd"), TrustStore())
    assert report.verdict is Verdict.INDETERMINATE
    expired = Code.W_SEAL_MAKER_EXPIRED_NOW
    assert report.codes == {Code.CHAIN_UNCHECKED, Code.W_ENTRY_UNSIGNED, expired}
    assert report.findings[0].paths == ("OFD.xml",)
    assert len(report.signatures[0].covered) == 20
    assert check(sample("samples/999.ofd")).verdict is Verdict.INVALID


@pytest.mark.parametrize("name", ["SESV4SignDoc", "gen_13_riding_seal"])
def test_files_sealed_after_their_seal_expired(name: str) -> None:
    report = check(sample(f"samples/{name}.ofd"), TrustStore())
    assert report.verdict is Verdict.INVALID
    assert report.codes - GAPS == TIMES


def test_a_locked_file_broken_by_a_second_signature() -> None:
    report = check(sample("samples/h.ofd"), TrustStore())
    assert report.verdict is Verdict.INVALID
    first, second = report.signatures
    assert [f.paths for f in first.findings if f.code is Code.REF_MODIFIED] == [
        ("Doc_0/Signs/Signatures.xml",)
    ]
    assert not any(f.code.is_failure for f in second.findings)


def test_an_older_generation_is_not_called_good() -> None:
    report = check(sample("samples/n.ofd"), TrustStore())
    assert {Code.SIGNATURE_INVALID, Code.SIGNER_NOT_IN_SEAL, Code.REF_MODIFIED} <= report.codes
    assert Code.SEAL_SIGNATURE_INVALID not in report.codes
    assert report.verdict is Verdict.INVALID


def test_a_seal_that_signed_outside_its_period() -> None:
    w = world()
    late = write.make_seal(
        draft(w.signer.certificate, valid_until=NOW - timedelta(days=1)), w.maker
    )
    report = check(sealed(World(w.root, w.maker, w.signer, late)))
    assert report.codes == {Code.SIGN_TIME_OUTSIDE_SEAL}
    near = write.make_seal(
        draft(w.signer.certificate, valid_until=NOW - timedelta(hours=7)), w.maker
    )
    report = check(sealed(World(w.root, w.maker, w.signer, near)))
    assert report.codes == {Code.W_TIME_SKEW}
    assert report.verdict is Verdict.VALID_WITH_WARNINGS


def test_a_forged_inner_seal_is_rejected() -> None:
    w = world()
    forged = write.make_seal(
        draft(w.signer.certificate), issue.Holder(key(30), w.maker.certificate)
    )
    report = check(sealed(World(w.root, w.maker, w.signer, forged)))
    assert report.codes == {Code.SEAL_SIGNATURE_INVALID}


def test_a_maker_outside_the_anchors_is_rejected() -> None:
    w = world()
    other = issue.issue_root(request("别的根", 1, is_ca=True, usages=issue.CA_USAGES), key(20))
    maker = issue.issue(request("别的制章系统", 2), key(21), other)
    made = write.make_seal(draft(w.signer.certificate), maker)
    assert check(sealed(World(w.root, maker, w.signer, made))).codes == {Code.SEAL_MAKER_UNTRUSTED}


def test_an_expired_signer_is_a_warning_afterwards() -> None:
    report = verify(sealed(), trust=world().trust, now=NOW + timedelta(days=4000))
    assert report.codes == OLD


def test_a_signature_from_the_future_is_refused() -> None:
    report = verify(sealed(), trust=world().trust, now=NOW - timedelta(days=2))
    assert report.codes == {Code.SIGN_TIME_IMPLAUSIBLE}


def test_a_raw_signature_is_accepted_with_a_warning() -> None:
    found = reader.read(sealed())
    path = "Doc_0/Signs/Sign_0/SignedValue.dat"
    parts = [node.raw for node in tlv.parse(found.package.get(path)).children()]
    raw = sm2.signature_to_raw(tlv.parse(parts[3]).bits())
    report = check(changed({path: tlv.sequence(*parts[:3], tlv.bit_string(raw))}))
    assert report.codes == {Code.W_RAW_RS}


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (SealState.REVOKED, Code.SEAL_REVOKED),
        (SealState.FROZEN, Code.SEAL_REVOKED),
        (SealState.UNKNOWN, Code.W_STATUS_UNKNOWN),
        (SealState.ACTIVE, None),
    ],
)
def test_the_status_system_is_heard(state: SealState, code: Code | None) -> None:
    report = verify(sealed(), trust=world().trust, now=NOW, seal_states={SEAL_CODE: state})
    assert report.codes == ({code} if code else set())


def test_a_shadow_document_is_not_covered() -> None:
    root = reader.read(sealed()).package.get("OFD.xml")
    entries = {
        "OFD.xml": root.replace(b"Doc_0/Document.xml", b"Doc_1/Document.xml"),
        "Doc_1/Document.xml": reader.read(document()).package.get("Doc_0/Document.xml"),
    }
    report = check(changed(entries))
    assert report.verdict is Verdict.INVALID


def test_an_entry_that_nothing_shows_is_a_warning() -> None:
    report = check(changed({"Doc_0/note.txt": b"x"}))
    assert report.verdict is Verdict.VALID_WITH_WARNINGS
    assert report.findings == (
        Finding(Code.W_ENTRY_UNSIGNED, "entries outside every signature", ("Doc_0/note.txt",)),
    )


def test_coverage_is_partial_when_a_shown_part_is_unsigned() -> None:
    content = sample("samples/999.ofd")
    found = package.read_package(content)
    root = found.get("OFD.xml").replace(
        b"</ofd:DocBody>",
        b"</ofd:DocBody><ofd:DocBody><ofd:DocRoot>Doc_1/D.xml</ofd:DocRoot></ofd:DocBody>",
    )
    document_xml = b'<ofd:Document xmlns:ofd="http://www.ofdspec.org/2016"><ofd:CommonData/><ofd:Pages/></ofd:Document>'
    shadow = found.with_entries({"OFD.xml": root, "Doc_1/D.xml": document_xml}).to_bytes(NOW)
    report = check(shadow, TrustStore())
    assert report.verdict is Verdict.INVALID
    assert report.findings[0] == Finding(
        Code.COVERAGE_PARTIAL, "parts that are shown but not signed", ("Doc_1/D.xml",)
    )


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"PK", Code.OFD_MALFORMED), (document(), Code.NOT_SIGNED)],
)
def test_what_carries_no_signature(data: bytes, code: Code) -> None:
    report = check(data)
    assert report.verdict is Verdict.INVALID
    assert report.codes == {code}


def test_missing_parts_of_a_signature() -> None:
    found = package.read_package(sealed())
    for name, code in (
        ("Doc_0/Signs/Sign_0/SignedValue.dat", Code.OFD_MALFORMED),
        ("Doc_0/Signs/Sign_0/Signature.xml", Code.OFD_MALFORMED),
        ("Doc_0/Signs/Sign_0/Seal.esl", Code.SEAL_FILE_MISMATCH),
        ("Doc_0/Attachs/fields.xml", Code.REF_MISSING),
    ):
        rest = {key: data for key, data in found.entries.items() if key != name}
        report = check(package.Package(rest).to_bytes(NOW))
        assert report.verdict is Verdict.INVALID
        assert code in report.codes


SIGNED = sorted(set(package.read_package(sealed())) - {"Doc_0/Signs/Signatures.xml"})


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_changed_byte_of_a_signed_entry_is_found(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(SIGNED))
    content = bytearray(package.read_package(sealed()).get(name))
    index = data.draw(st.integers(0, len(content) - 1))
    content[index] ^= data.draw(st.integers(1, 255))
    report = check(changed({name: bytes(content)}))
    assert report.verdict is Verdict.INVALID, (name, index)


def test_bytes_of_the_signature_value_outside_the_picture_count() -> None:
    path = "Doc_0/Signs/Sign_0/SignedValue.dat"
    content = package.read_package(sealed()).get(path)
    picture = content.index(sample("StampImg.png"))
    for index in range(0, len(content), 7):
        if picture + 50 < index < picture + 15_000:
            continue
        damaged = bytearray(content)
        damaged[index] ^= 0x20
        report = check(changed_fast(path, bytes(damaged)))
        assert report.verdict is Verdict.INVALID, index


def changed_fast(name: str, content: bytes) -> bytes:
    """Like changed(), stored without compression because it runs thousands of times."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for entry, data in package.read_package(sealed()).entries.items():
            archive.writestr(entry, content if entry == name else data)
    return out.getvalue()


def test_a_list_of_too_many_signatures_is_not_followed() -> None:
    listed = package.read_package(sealed()).get("Doc_0/Signs/Signatures.xml")
    start = listed.index(b"<ofd:Signature ")
    line = listed[start : listed.index(b"/>", start) + 2]
    report = check(changed({"Doc_0/Signs/Signatures.xml": listed.replace(line, line * 257)}))
    assert report.codes == {Code.OFD_UNSAFE}


def test_large_entries_are_hashed_without_being_held() -> None:
    ofd = with_scan()
    found = package.read_package(ofd)
    assert len(found.get("Doc_0/Attachs/scan.bin")) == 2 * 1024 * 1024
    assert check(ofd).verdict is Verdict.VALID
    at = ofd.index(b"scan.bin") + 200
    assert check(ofd[:at] + bytes((ofd[at] ^ 1,)) + ofd[at + 1 :]).codes == {Code.OFD_MALFORMED}


def test_verdicts() -> None:
    assert verdict([]) is Verdict.VALID
    assert verdict([Finding(Code.W_RAW_RS)]) is Verdict.VALID_WITH_WARNINGS
    gap = Finding(Code.CHAIN_UNCHECKED)
    assert verdict([Finding(Code.W_RAW_RS), gap]) is Verdict.INDETERMINATE
    assert verdict([gap, Finding(Code.REF_MODIFIED)]) is Verdict.INVALID
