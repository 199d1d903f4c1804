"""A locking signature: what it covers, who may make it, and what it forbids."""

from dataclasses import replace
from datetime import timedelta

import pytest

from e_seal.asn1 import issue, tlv
from e_seal.asn1.chain import TrustStore
from e_seal.findings import Code
from e_seal.ofd import reader, xml
from e_seal.ofd.errors import OfdMalformed
from e_seal.ses import write
from e_seal.signing import PreparedSignature, SignatureListLocked, Stamp, embed, prepare, references
from e_seal.signing_lock import check_lock, make_lock, prepare_lock, read_lock
from kernel.crypto import sm2
from tests.unit.e_seal.samples import NOW, SEAL_CODE, document, draft, key, request, world

SKEW = timedelta(minutes=10)


def sealed() -> bytes:
    w = world()
    frozen = prepare(document(), w.seal, [Stamp(0, 120, 200, 42, 42)], at=NOW)
    path = frozen.property_info
    return embed(frozen, write.make_signature(w.seal, frozen.digest, path, NOW, w.signer))


def lock() -> PreparedSignature:
    return prepare_lock(sealed(), world().seal, at=NOW)


def codes(frozen: PreparedSignature, cms: bytes, trust: TrustStore | None = None) -> set[Code]:
    found = check_lock(frozen, cms, trust=trust or world().trust, now=NOW, skew=SKEW)
    return {item.code for item in found}


def test_the_lock_covers_the_list_and_the_first_signature() -> None:
    frozen = lock()
    locked = embed(frozen, make_lock(frozen.digest, world().signer))
    found = reader.read(locked)
    assert [entry.type for entry in found.signatures] == ["Seal", "Sign"]
    root = xml.parse(frozen.signature_xml)
    covered = {location for location, _ in references(root)}
    first = "/Doc_0/Signs/Sign_0"
    assert covered >= {
        "/Doc_0/Signs/Signatures.xml",
        "/OFD.xml",
        *(f"{first}/{name}" for name in ("Seal.esl", "Signature.xml", "SignedValue.dat")),
    }
    assert b"StampAnnot" not in frozen.signature_xml
    assert b"Seal.esl</ofd:BaseLoc>" not in frozen.signature_xml
    assert "Doc_0/Signs/Sign_1/Seal.esl" not in found.package


def test_nothing_can_be_added_to_a_locked_document() -> None:
    frozen = lock()
    locked = embed(frozen, make_lock(frozen.digest, world().signer))
    with pytest.raises(SignatureListLocked):
        prepare_lock(locked, world().seal, at=NOW)
    with pytest.raises(SignatureListLocked):
        prepare(locked, world().seal, [Stamp(0, 0, 0, 42, 42)], at=NOW)


def test_only_a_signed_document_is_locked() -> None:
    with pytest.raises(OfdMalformed):
        prepare_lock(document(), world().seal, at=NOW)


def test_the_cms_holds_digest_signer_and_value() -> None:
    frozen = lock()
    value = read_lock(make_lock(frozen.digest, world().signer))
    assert value.digest == frozen.digest
    assert value.certificate == world().signer.certificate
    assert sm2.verify(world().signer.key.public, frozen.digest, value.signature)
    assert codes(frozen, make_lock(frozen.digest, world().signer)) == set()


def test_wrong_locks_are_refused() -> None:
    w, frozen = world(), lock()
    good = make_lock(frozen.digest, w.signer)
    stranger = issue.issue(request(SEAL_CODE, 8), key(8), w.root)
    other_root = issue.issue_root(request("别的根", 1, is_ca=True, usages=issue.CA_USAGES), key(20))
    assert codes(frozen, b"") == {Code.SES_FORMAT_INVALID}
    assert codes(frozen, tlv.sequence(tlv.oid("1.2.3"), tlv.explicit(0, b""))) == {
        Code.SES_FORMAT_INVALID
    }
    assert codes(frozen, make_lock(bytes(32), w.signer)) == {Code.DATA_HASH_MISMATCH}
    assert codes(frozen, make_lock(frozen.digest, stranger)) == {Code.SIGNER_NOT_IN_SEAL}
    impostor = issue.Holder(key(30), w.signer.certificate)
    assert codes(frozen, make_lock(frozen.digest, impostor)) == {Code.SIGNATURE_INVALID}
    untrusted = TrustStore.of([other_root.certificate])
    assert codes(frozen, good, untrusted) == {Code.SIGNER_CHAIN_UNTRUSTED}


def test_a_signer_whose_certificate_is_over_may_not_lock() -> None:
    w = world()
    old = issue.issue(request(SEAL_CODE, 5, not_after=NOW - timedelta(hours=1)), key(3), w.root)
    seal = write.make_seal(draft(old.certificate), w.maker)
    frozen = replace(lock(), seal=seal)
    assert codes(frozen, make_lock(frozen.digest, old)) == {Code.SIGN_TIME_OUTSIDE_CERT}
