"""Ways to tamper with a sealed document, and the code that must answer each."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from e_seal.asn1 import issue, tlv
from e_seal.asn1.issue import Holder
from e_seal.findings import Code
from e_seal.ofd import package, xml
from e_seal.ofd.reader import OFD_XML
from e_seal.ses import write
from e_seal.signing import embed, prepare
from tests.unit.e_seal.documents import (
    LIST,
    SEAL,
    SIGNATURE,
    STAMP,
    VALUE,
    changed,
    seal_again,
    sealed,
)
from tests.unit.e_seal.samples import NOW, World, document, draft, key, request, world

DOCUMENT = "Doc_0/Document.xml"
PAGE = "Doc_0/Pages/Page_0/Content.xml"


class Case(NamedTuple):
    """A tampered document, the code that must be among the findings, and what was done."""

    make: Callable[[], bytes]
    code: Code
    what: str


def entry(name: str, ofd: bytes | None = None) -> bytes:
    return package.read_package(ofd or sealed()).get(name)


def flipped(name: str, index: int) -> bytes:
    data = bytearray(entry(name))
    data[index] ^= 1
    return changed(sealed(), {name: bytes(data)})


def loosely(omit: set[str], edit: Callable[[bytes], bytes] = lambda content: content) -> bytes:
    """Sealed by a tool that leaves entries out of the signature, or writes it in its own way."""
    w = world()
    frozen = prepare(document(), w.seal, [STAMP], at=NOW)
    root = xml.parse(frozen.signature_xml)
    for reference in xml.children(xml.child(root, "SignedInfo", "References"), "Reference"):
        name = reference.get("FileRef", "").lstrip("/")
        if name in omit:
            start = frozen.signature_xml.index(f'<ofd:Reference FileRef="/{name}"'.encode())
            end = frozen.signature_xml.index(b"</ofd:Reference>", start) + len(b"</ofd:Reference>")
            content = frozen.signature_xml[:start] + frozen.signature_xml[end:]
            frozen = replace(frozen, signature_xml=content)
    frozen = replace(frozen, signature_xml=edit(frozen.signature_xml))
    frozen = replace(frozen, ofd=changed(frozen.ofd, {SIGNATURE: frozen.signature_xml}))
    value = write.make_signature(w.seal, frozen.digest, frozen.property_info, NOW, w.signer)
    return embed(frozen, value)


def resealed(**changes: object) -> bytes:
    """Sealed with a seal that says something else."""
    w = world()
    made = write.make_seal(draft(w.signer.certificate, **changes), w.maker)
    return seal_again(document(), replace(w, seal=made))


def forged_seal() -> bytes:
    w = world()
    forger = Holder(key(30), w.maker.certificate)
    return seal_again(
        document(), replace(w, seal=write.make_seal(draft(w.signer.certificate), forger))
    )


def stranger() -> World:
    root = issue.issue_root(request("测试根", 1, is_ca=True, usages=issue.CA_USAGES), key(31))
    maker = issue.issue(request("测试制章系统", 2), key(32), root)
    signer = issue.issue(request("冒用者", 3), key(33), root)
    return World(root, maker, signer, write.make_seal(draft(signer.certificate), maker))


def strange_maker() -> bytes:
    w, other = world(), stranger()
    made = write.make_seal(draft(w.signer.certificate), other.maker)
    return seal_again(document(), replace(w, seal=made))


def swapped_certificate(certificate: bytes) -> bytes:
    parts = [node.raw for node in tlv.parse(entry(VALUE)).children()]
    parts[1] = tlv.octet_string(certificate)
    return changed(sealed(), {VALUE: tlv.sequence(*parts)})


def renewed() -> bytes:
    """Another certificate of the signer's own key."""
    w = world()
    return issue.issue(request("续期", 44), w.signer.key, w.root).certificate


def shadow() -> bytes:
    """OFD.xml, unsigned as in genuine files, names a new document beside the signed one."""
    ofd = loosely({OFD_XML})
    fake = entry(PAGE).replace("受理".encode(), "准予".encode())
    assert fake != entry(PAGE)
    return changed(
        ofd,
        {
            OFD_XML: entry(OFD_XML, ofd).replace(b"Doc_0/Document.xml", b"Doc_0/Other.xml"),
            "Doc_0/Other.xml": entry(DOCUMENT).replace(b"Page_0", b"Page_9"),
            "Doc_0/Pages/Page_9/Content.xml": fake,
        },
    )


def added_page() -> bytes:
    ofd = loosely({DOCUMENT})
    listed = entry(DOCUMENT)
    start = listed.index(b"<ofd:Page ")
    line = listed[start : listed.index(b"/>", start) + 2]
    more = line.replace(b"Page_0", b"Page_1").replace(b'ID="', b'ID="9')
    page = {"Doc_0/Pages/Page_1/Content.xml": entry(PAGE)}
    return changed(ofd, {DOCUMENT: listed.replace(line, line + more), **page})


def two_roots() -> bytes:
    ofd = loosely({OFD_XML})
    first = b"<ofd:DocRoot>"
    second = b"<ofd:DocRoot>Doc_0/Other.xml</ofd:DocRoot>" + first
    root = entry(OFD_XML, ofd).replace(first, second)
    return changed(ofd, {OFD_XML: root, "Doc_0/Other.xml": entry(DOCUMENT)})


def listed_twice() -> bytes:
    listed = entry(LIST)
    start = listed.index(b"<ofd:Signature ")
    line = listed[start : listed.index(b"/>", start) + 2]
    return changed(sealed(), {LIST: listed.replace(line, line + line.replace(b"s001", b"s009"))})


def moved() -> bytes:
    """The signature of one place used at another."""
    folder = "Doc_0/Signs/Sign_7"
    changes: Mapping[str, bytes | None] = {
        SIGNATURE: None,
        f"{folder}/Signature.xml": entry(SIGNATURE),
        LIST: entry(LIST).replace(SIGNATURE.encode(), f"{folder}/Signature.xml".encode()),
    }
    return changed(sealed(), dict(changes))


def replayed() -> bytes:
    """The value of another document's signature."""
    other = seal_again(document(2), world())
    return changed(sealed(), {VALUE: entry(VALUE, other)})


def after_the_lock() -> bytes:
    locked = sealed(lock=True)
    ids = entry(LIST, locked).replace(b"s001", b"s002")
    return changed(locked, {LIST: ids})


def duplicated() -> bytes:
    """The page twice: whichever entry a viewer takes, the other one may be the signed one."""
    out = io.BytesIO()
    twin = PAGE[:-1] + "k"
    with zipfile.ZipFile(out, "w") as made:
        for name, data in package.read_package(sealed()).entries.items():
            made.writestr(name, data)
        made.writestr(twin, entry(PAGE).replace("受理".encode(), "准予".encode()))
    return out.getvalue().replace(twin.encode(), PAGE.encode())


def understated() -> bytes:
    """Both sizes of a deflated entry understated: who inflates to the end sees more."""
    out = io.BytesIO()
    whole = package.read_package(sealed()).entries
    signed = whole[PAGE]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in whole.items():
            made.writestr(name, data + b"<!-- more -->" if name == PAGE else data)
        info = made.getinfo(PAGE)
    crc = zlib.crc32(signed)
    old = struct.pack("<III", info.CRC, info.compress_size, info.file_size)
    new = struct.pack("<III", crc, info.compress_size, len(signed))
    assert out.getvalue().count(old) == 2
    return out.getvalue().replace(old, new)


CASES: Mapping[str, Case] = {
    "page": Case(
        lambda: changed(sealed(), {PAGE: entry(PAGE).replace("受理".encode(), "准予".encode())}),
        Code.REF_MODIFIED,
        "two characters of the page",
    ),
    "attachment": Case(
        lambda: changed(sealed(), {"Doc_0/Attachs/fields.xml": b"<x/>"}),
        Code.REF_MODIFIED,
        "the structured data attached",
    ),
    "entry-removed": Case(
        lambda: changed(sealed(), {"Doc_0/Attachs/fields.xml": None}),
        Code.REF_MISSING,
        "a signed entry taken away",
    ),
    "seal-file": Case(
        lambda: changed(sealed(), {SEAL: stranger().seal}),
        Code.SEAL_FILE_MISMATCH,
        "Seal.esl replaced by another seal",
    ),
    "signature-xml": Case(
        lambda: changed(
            sealed(), {SIGNATURE: entry(SIGNATURE).replace(b"OneWindow", b"TwoWindow")}
        ),
        Code.DATA_HASH_MISMATCH,
        "a name in Signature.xml",
    ),
    "value": Case(lambda: flipped(VALUE, -5), Code.SIGNATURE_INVALID, "a byte of the value"),
    "value-gone": Case(
        lambda: changed(sealed(), {VALUE: None}), Code.OFD_MALFORMED, "no SignedValue.dat"
    ),
    "value-garbage": Case(
        lambda: changed(sealed(), {VALUE: b"0\x03\x02\x01\x01"}),
        Code.SES_FORMAT_INVALID,
        "a value that is no seal signature",
    ),
    "replayed": Case(replayed, Code.DATA_HASH_MISMATCH, "the value of another document"),
    "inner-seal-forged": Case(
        forged_seal, Code.SEAL_SIGNATURE_INVALID, "a seal with the maker's certificate, not its key"
    ),
    "inner-seal-stranger": Case(
        strange_maker, Code.SEAL_MAKER_UNTRUSTED, "the same seal made by a stranger"
    ),
    "all-by-a-stranger": Case(
        lambda: seal_again(document(), stranger()),
        Code.SIGNER_CHAIN_UNTRUSTED,
        "seal and signature from a copied PKI",
    ),
    "certificate-swapped": Case(
        lambda: swapped_certificate(world().maker.certificate),
        Code.SIGNATURE_INVALID,
        "another certificate beside the value",
    ),
    "certificate-renewed": Case(
        lambda: swapped_certificate(renewed()),
        Code.SIGNER_NOT_IN_SEAL,
        "another certificate of the same key",
    ),
    "seal-expired": Case(
        lambda: resealed(valid_until=NOW - timedelta(days=1)),
        Code.SIGN_TIME_OUTSIDE_SEAL,
        "used after the seal's validity",
    ),
    "seal-from-the-future": Case(
        lambda: resealed(created_at=NOW + timedelta(days=2)),
        Code.SEAL_CREATE_DATE_IMPLAUSIBLE,
        "used before the seal was made",
    ),
    "property-path": Case(
        lambda: seal_again(document(), world(), path="/Doc_0/Signs/Sign_5/Signature.xml"),
        Code.PROPERTY_PATH_MISMATCH,
        "signed for another Signature.xml",
    ),
    "moved": Case(moved, Code.PROPERTY_PATH_MISMATCH, "a signature moved to another folder"),
    "reference-removed": Case(
        lambda: loosely({PAGE}), Code.COVERAGE_PARTIAL, "a signature that leaves the page out"
    ),
    "page-added": Case(added_page, Code.COVERAGE_PARTIAL, "an unsigned page added"),
    "shadow-document": Case(shadow, Code.COVERAGE_PARTIAL, "a new, unsigned DocRoot"),
    "two-roots": Case(two_roots, Code.SIGNATURE_LIST_INVALID, "OFD.xml with two DocRoots"),
    "listed-twice": Case(listed_twice, Code.SIGNATURE_LIST_INVALID, "one signature listed twice"),
    "after-the-lock": Case(
        after_the_lock, Code.REF_MODIFIED, "the list changed after a signature locked it"
    ),
    "stamp-elsewhere": Case(
        lambda: loosely(set(), lambda c: c.replace(b'PageRef="', b'PageRef="99')),
        Code.STAMP_ANNOT_INVALID,
        "a stamp on a page that does not exist",
    ),
    "check-method": Case(
        lambda: loosely(set(), lambda c: c.replace(b'CheckMethod="1.2.156.10197.1.401"', b"")),
        Code.ALG_UNSUPPORTED,
        "no CheckMethod, which means MD5",
    ),
    "entry-duplicated": Case(duplicated, Code.OFD_UNSAFE, "the page twice in the container"),
    "size-understated": Case(
        understated, Code.OFD_UNSAFE, "an entry that inflates to more than its header states"
    ),
    "name-differs": Case(
        lambda: sealed().replace(PAGE.encode(), PAGE[:-1].encode() + b"k", 1),
        Code.OFD_UNSAFE,
        "a local header with another name",
    ),
    "signature-folder": Case(
        lambda: changed(
            sealed(), {OFD_XML: entry(OFD_XML).replace(b"Doc_0/Signs", b"Doc_0/Signz")}
        ),
        Code.NOT_SIGNED,
        "OFD.xml no longer names the list",
    ),
}
