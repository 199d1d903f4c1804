"""Seals and seal signatures: real ones verify over their slices, generations are told apart."""

from datetime import UTC, datetime

import pytest

from e_seal.asn1 import tlv
from e_seal.asn1.chain import verifies
from e_seal.asn1.issue import Holder
from e_seal.asn1.x509 import OID_SM2_WITH_SM3, read_certificate
from e_seal.checks import DEFAULT_SKEW, check_signature
from e_seal.findings import Code
from e_seal.ofd import reader
from e_seal.ses.model import Seal, SesFormatError, SesVersionUnsupported
from e_seal.ses.read import read_seal, read_signature
from e_seal.ses.write import make_seal, make_signature
from kernel.crypto import sm2, sm3
from tests.unit.e_seal.samples import NOW, SEAL_CODE, draft, sample, world


def maker_signed(seal: Seal) -> bool:
    return verifies(read_certificate(seal.maker_certificate), seal.signed, seal.signature)


def test_a_production_seal_verifies_over_its_own_bytes() -> None:
    signature = read_signature(sample("seals/tax-jiangsu/Sign_0_SignedValue.dat"))
    assert signature.seal.code == "32010600000001"
    assert signature.seal.name == "国家税务总局江苏省税务局"
    assert maker_signed(signature.seal)
    signer = read_certificate(signature.signer_certificate)
    assert verifies(signer, signature.signed, signature.signature)
    assert not verifies(signer, signature.signed + b"\0", signature.signature)
    assert signature.data_hash == sm3.digest(sample("seals/tax-jiangsu/Sign_0_Signature.xml"))
    assert signer.raw in [item.certificate for item in signature.seal.signers]


def test_v4_seal_files() -> None:
    seal = read_seal(sample("seals/UserV4.esl"))
    assert (seal.version, seal.picture.format) == (4, "PNG")
    assert maker_signed(seal)
    unsigned = read_seal(sample("seals/SESealData.DER"))
    assert unsigned.extensions
    assert not maker_signed(unsigned)


@pytest.mark.parametrize(
    ("name", "version", "stamp"),
    [("UserV1.esl", 1, None), ("UserV5.esl", 5, None), ("UserV5_ts.esl", 5, b"\1\2\3")],
)
def test_other_generations_are_read(name: str, version: int, stamp: bytes | None) -> None:
    seal = read_seal(sample(f"seals/{name}"))
    assert (seal.version, seal.timestamp) == (version, stamp)
    assert seal.created_at == seal.valid_from < seal.valid_until
    assert len(seal.signers) == 1
    assert maker_signed(seal)


def test_a_version_1_signature_in_a_real_file() -> None:
    data = reader.read(sample("samples/n.ofd")).package.get("Doc_0/Signs/Sign_0/SignedValue.dat")
    signature = read_signature(data)
    assert (signature.version, signature.seal.version) == (1, 1)
    assert signature.signed_at == datetime(2020, 1, 25, 7, 31, 56, tzinfo=UTC)
    assert maker_signed(signature.seal)


@pytest.mark.parametrize(
    ("stated", "moment"),
    [
        (b"2026-11-24 02:00:00", NOW),
        (b"2026-11-24T02:00:00.377Z", NOW),
        (b"20261124020000Z", NOW),
        (tlv.generalized_time(NOW), NOW),
        (tlv.x509_time(NOW), NOW),
        (b"2026-13-24 02:00:00", None),
        (b"yesterday", None),
        (b"", None),
    ],
)
def test_version_1_states_its_time_in_many_ways(stated: bytes, moment: datetime | None) -> None:
    w = world()
    seal = sample("seals/UserV1.esl")
    body = tlv.sequence(
        tlv.integer(11),
        seal,
        tlv.bit_string(stated),
        tlv.bit_string(bytes(32)),
        tlv.ia5("/x"),
        tlv.octet_string(w.signer.certificate),
        tlv.oid(OID_SM2_WITH_SM3),
    )
    data = tlv.sequence(body, tlv.bit_string(sm2.sign(w.signer.key, body)))
    if moment is None:
        with pytest.raises(SesFormatError):
            read_signature(data)
        return
    signature = read_signature(data)
    assert signature.signed_at == moment
    assert verifies(read_certificate(w.signer.certificate), signature.signed, signature.signature)


def test_version_5_is_written_and_read() -> None:
    w = world()
    made = draft(w.signer.certificate, version=5)
    seal = make_seal(made, w.maker, lambda value: b"token over " + value)
    found = read_seal(seal)
    assert (found.version, found.timestamp) == (5, b"token over " + found.signature)
    assert read_seal(make_seal(made, w.maker)).timestamp is None
    data = make_signature(seal, bytes(32), "/x", NOW, w.signer, lambda value: value[::-1])
    signature = read_signature(data)
    assert (signature.version, signature.timestamp) == (5, signature.signature[::-1])
    assert signature.seal.raw == seal
    with pytest.raises(ValueError, match="version 5"):
        make_seal(draft(w.signer.certificate), w.maker, lambda value: value)
    with pytest.raises(SesFormatError):
        make_signature(sample("seals/UserV1.esl"), bytes(32), "/x", NOW, w.signer)


def test_cms_and_bare_signatures_are_named() -> None:
    cms = tlv.sequence(tlv.oid("1.2.156.10197.6.1.4.2.2"), tlv.explicit(0, tlv.sequence()))
    for data in (cms, tlv.sequence(tlv.integer(5), tlv.integer(6))):
        with pytest.raises(SesVersionUnsupported):
            read_signature(data)


def test_versions_that_contradict_each_other_are_malformed() -> None:
    w = world()
    good = make_signature(w.seal, bytes(32), "/x", NOW, w.signer)
    version = tlv.ia5("ES") + tlv.integer(4)
    assert good.count(version) == 1
    for wrong in (
        good.replace(version, tlv.ia5("ES") + tlv.integer(5)),
        good.replace(version, tlv.ia5("ES") + tlv.integer(7)),
        good.replace(tlv.integer(4) + w.seal, tlv.integer(5) + w.seal),
    ):
        with pytest.raises(SesFormatError) as caught:
            read_signature(wrong)
        assert not isinstance(caught.value, SesVersionUnsupported)


def test_written_structures_are_read_back() -> None:
    w = world()
    seal = read_seal(w.seal)
    assert (seal.code, seal.name) == (SEAL_CODE, "济南市行政审批服务局审批专用章")
    assert seal.raw == w.seal
    assert maker_signed(seal)
    data = make_signature(w.seal, b"\7" * 32, "/Doc_0/Signs/Sign_0/Signature.xml", NOW, w.signer)
    signature = read_signature(data)
    assert signature.seal == seal
    assert signature.signed_at == NOW
    assert signature.data_hash == b"\7" * 32
    assert signature.property_info == "/Doc_0/Signs/Sign_0/Signature.xml"
    assert signature.timestamp is None
    assert verifies(read_certificate(w.signer.certificate), signature.signed, signature.signature)


@pytest.mark.parametrize("explicit", [True, False])
def test_tagged_parts_in_both_modes(explicit: bool) -> None:
    w = world()
    extension = tlv.sequence(tlv.oid("1.2.3"), tlv.boolean(value=False), tlv.octet_string(b"x"))
    plain = tlv.parse(make_signature(w.seal, bytes(32), "/x", NOW, w.signer)).children()
    extensions = tlv.explicit(0, tlv.sequence(extension) if explicit else extension)
    to_sign = tlv.sequence(plain[0].content, extensions)
    stamp = tlv.explicit(0, tlv.bit_string(b"t")) if explicit else tlv.encode(0x80, b"\0t")
    data = tlv.sequence(to_sign, *(node.raw for node in plain[1:]), stamp)
    signature = read_signature(data)
    assert [(e.oid, e.critical, e.value) for e in signature.extensions] == [("1.2.3", False, b"x")]
    assert signature.timestamp == b"t"


def test_trailing_bytes_are_refused() -> None:
    with pytest.raises(SesFormatError):
        read_seal(world().seal + b"\0")


def test_signers_listed_by_digest_are_understood() -> None:
    w = world()
    good = read_seal(w.seal)
    listed = tlv.sequence(tlv.octet_string(w.signer.certificate))
    entry = tlv.sequence(tlv.printable("SM3"), tlv.octet_string(sm3.digest(w.signer.certificate)))
    old, new = tlv.integer(1) + listed, tlv.integer(2) + tlv.sequence(entry)
    info = tlv.parse(good.signed).children()
    properties = info[2].content.replace(old, new)
    assert properties != info[2].content
    body = tlv.sequence(info[0].raw, info[1].raw, tlv.sequence(properties), info[3].raw)
    seal = write_signed(body, w.maker)
    (signer,) = read_seal(seal).signers
    assert (signer.certificate, signer.digest_algorithm) == (None, "SM3")
    data = make_signature(seal, bytes(32), "/x", NOW, w.signer)
    found = check_signature(read_signature(data), w.trust, now=NOW, skew=DEFAULT_SKEW)
    assert list(found) == []
    stranger = make_signature(seal, bytes(32), "/x", NOW, w.maker)
    found = check_signature(read_signature(stranger), w.trust, now=NOW, skew=DEFAULT_SKEW)
    assert [item.code for item in found] == [Code.SIGNER_NOT_IN_SEAL]


def test_an_unknown_kind_of_signer_list_is_malformed() -> None:
    listed = tlv.integer(1) + tlv.sequence(tlv.octet_string(world().signer.certificate))
    wrong = tlv.integer(3) + listed[len(tlv.integer(1)) :]
    with pytest.raises(SesFormatError):
        read_seal(world().seal.replace(listed, wrong))


@pytest.mark.parametrize("what", ["signature", "seal"])
def test_other_algorithms_are_refused(what: str) -> None:
    w = world()
    rsa = tlv.oid("1.2.840.113549.1.1.11")
    parts = [n.raw for n in tlv.parse(w.seal).children()]
    seal = tlv.sequence(*parts[:2], rsa, parts[3]) if what == "seal" else w.seal
    data = make_signature(seal, bytes(32), "/x", NOW, w.signer)
    if what == "signature":
        parts = [n.raw for n in tlv.parse(data).children()]
        data = tlv.sequence(*parts[:2], rsa, parts[3])
    found = check_signature(read_signature(data), w.trust, now=NOW, skew=DEFAULT_SKEW)
    assert [item.code for item in found] == [Code.ALG_UNSUPPORTED]


def test_timestamps_and_critical_extensions_are_mentioned() -> None:
    w = world()
    extension = tlv.sequence(tlv.oid("1.2.3"), tlv.boolean(value=True), tlv.octet_string(b"x"))
    plain = tlv.parse(make_signature(w.seal, bytes(32), "/x", NOW, w.signer)).children()
    body = tlv.sequence(plain[0].content, tlv.explicit(0, tlv.sequence(extension)))
    parts = [n.raw for n in tlv.parse(write_signed(body, w.signer)).children()]
    data = tlv.sequence(*parts, tlv.explicit(0, tlv.bit_string(b"t")))
    found = check_signature(read_signature(data), w.trust, now=NOW, skew=DEFAULT_SKEW)
    assert [item.code for item in found] == [
        Code.W_UNKNOWN_CRITICAL_EXT,
        Code.TIMESTAMP_INVALID,
    ]


def write_signed(body: bytes, holder: Holder) -> bytes:
    return tlv.sequence(
        body,
        tlv.octet_string(holder.certificate),
        tlv.oid(OID_SM2_WITH_SM3),
        tlv.bit_string(sm2.sign(holder.key, body)),
    )
