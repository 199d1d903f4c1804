"""Signatures without a seal: both dialects of GB/T 35275, and bare r and s, in whole documents."""

from datetime import timedelta

import pytest

from e_seal.asn1 import cms, issue, tlv
from e_seal.asn1.chain import TrustStore
from e_seal.asn1.issue import Holder
from e_seal.asn1.tlv import Asn1Error
from e_seal.findings import Code, Verdict
from e_seal.ofd import package
from e_seal.report import Report
from e_seal.verify import verify
from kernel.crypto import sm2, sm3
from tests.unit.e_seal import make
from tests.unit.e_seal.documents import LIST, signed_without_seal
from tests.unit.e_seal.samples import NOW, key, request, world

SIGNER = world().signer


def check(ofd: bytes, trust: TrustStore | None = None) -> Report:
    return verify(ofd, trust=trust or world().trust, now=NOW)


def test_the_digest_as_content_with_a_raw_value() -> None:
    report = check(signed_without_seal(lambda xml: make.dialect_a(SIGNER, xml)))
    assert report.codes == {Code.W_RAW_RS}
    (found,) = report.signatures
    assert (found.type, found.seal_code, found.signer) == ("Sign", None, "37010000000017")
    assert found.signed_at == NOW
    assert LIST in found.covered


def test_detached_with_signed_attributes() -> None:
    at = NOW - timedelta(minutes=3)
    report = check(signed_without_seal(lambda xml: make.dialect_b(SIGNER, xml, at)))
    assert report.verdict is Verdict.VALID
    assert report.signatures[0].signed_at == at


def whole(xml: bytes) -> bytes:
    return make.signed_data(SIGNER, make.GM_DATA, xml, None, sm2.sign(SIGNER.key, xml))


def other_content(_: bytes) -> bytes:
    return make.dialect_a(SIGNER, b"another Signature.xml")


def other_attributes(_: bytes) -> bytes:
    return make.dialect_b(SIGNER, b"another Signature.xml", NOW)


def wrong_digest_attribute(xml: bytes) -> bytes:
    """Signed attributes about something else around the right content."""
    signed = make.attributes(make.GM_DATA, b"something else", NOW)
    value = sm2.sign(SIGNER.key, tlv.encode(tlv.SET, signed))
    return make.signed_data(SIGNER, make.GM_DATA, sm3.digest(xml), signed, value)


def foreign_key(xml: bytes) -> bytes:
    return make.dialect_b(Holder(key(50), SIGNER.certificate), xml, NOW)


def without_certificate(xml: bytes) -> bytes:
    value = sm2.sign(SIGNER.key, sm3.digest(xml))
    data = sm3.digest(xml)
    return make.signed_data(SIGNER, make.GM_DATA, data, None, value, world().maker.certificate)


def rsa(xml: bytes) -> bytes:
    good = make.dialect_b(SIGNER, xml, NOW)
    head, tail = good[:-90], good[-90:]
    other = tlv.oid("1.2.156.10197.1.509")
    return head + tail.replace(tlv.oid("1.2.156.10197.1.501"), other)


def expired(xml: bytes) -> bytes:
    late = request("旧", 70, not_after=NOW - timedelta(days=2))
    return make.dialect_b(issue.issue(late, key(70), world().root), xml, NOW)


def no_usage(xml: bytes) -> bytes:
    odd = request("加密", 71, usages=["keyCertSign"])
    return make.dialect_b(issue.issue(odd, key(71), world().root), xml, NOW)


def stranger(xml: bytes) -> bytes:
    root = issue.issue_root(request("别的根", 1, is_ca=True, usages=issue.CA_USAGES), key(72))
    return make.dialect_b(issue.issue(request("冒", 73), key(73), root), xml, NOW)


@pytest.mark.parametrize(
    ("value", "codes"),
    [
        (whole, set()),
        (other_content, {Code.DATA_HASH_MISMATCH, Code.W_RAW_RS}),
        (other_attributes, {Code.DATA_HASH_MISMATCH}),
        (wrong_digest_attribute, {Code.DATA_HASH_MISMATCH}),
        (foreign_key, {Code.SIGNATURE_INVALID}),
        (without_certificate, {Code.SIGNER_UNKNOWN}),
        (rsa, {Code.ALG_UNSUPPORTED}),
        (expired, {Code.SIGN_TIME_OUTSIDE_CERT, Code.W_SIGNER_EXPIRED_NOW}),
        (no_usage, {Code.SIGNER_KEY_USAGE}),
        (stranger, {Code.SIGNER_CHAIN_UNTRUSTED}),
        (lambda _: b"0\x06\x02\x01\x05\x02\x01\x06", {Code.SIGNER_UNKNOWN}),
        (lambda _: tlv.sequence(tlv.oid(make.SIGNED_DATA)), {Code.SIGNED_DATA_INVALID}),
        (lambda _: b"", {Code.SES_FORMAT_INVALID}),
    ],
)
def test_what_each_value_means(value: object, codes: set[Code]) -> None:
    assert callable(value)
    report = check(signed_without_seal(value))
    assert report.codes == codes


def test_certificates_in_the_file_may_link_but_not_anchor() -> None:
    w = world()
    middle = issue.issue(request("中间", 5, is_ca=True, usages=issue.CA_USAGES), key(5), w.root)
    leaf = issue.issue(request("叶", 6), key(6), middle)

    def value(xml: bytes, *more: bytes) -> bytes:
        signed = make.attributes(make.GM_DATA, xml, NOW)
        made = sm2.sign(leaf.key, tlv.encode(tlv.SET, signed))
        return make.signed_data(leaf, make.PKCS7_DATA, None, signed, made, leaf.certificate, *more)

    with_link = signed_without_seal(lambda xml: value(xml, middle.certificate))
    assert check(with_link).verdict is Verdict.VALID
    assert check(with_link, TrustStore()).verdict is Verdict.INDETERMINATE
    alone = signed_without_seal(value)
    assert check(alone).codes == {Code.SIGNER_CHAIN_UNTRUSTED}
    root = issue.issue_root(request("别的根", 1, is_ca=True, usages=issue.CA_USAGES), key(72))
    fake = issue.issue(request("冒", 73), key(73), root)

    def self_made(xml: bytes) -> bytes:
        signed = make.attributes(make.GM_DATA, xml, NOW)
        made = sm2.sign(fake.key, tlv.encode(tlv.SET, signed))
        certificates = fake.certificate, root.certificate
        return make.signed_data(fake, make.PKCS7_DATA, None, signed, made, *certificates)

    assert check(signed_without_seal(self_made)).codes == {Code.SIGNER_CHAIN_UNTRUSTED}


def test_bare_values_need_a_certificate_from_elsewhere() -> None:
    ofd = signed_without_seal(lambda xml: sm2.sign(SIGNER.key, xml))
    assert check(ofd).verdict is Verdict.INDETERMINATE
    trust = TrustStore.of([world().root.certificate], [SIGNER.certificate])
    report = check(ofd, trust)
    assert report.verdict is Verdict.VALID
    assert report.signatures[0].signer_serial == "3"


def test_a_type_that_contradicts_the_value_is_mentioned() -> None:
    ofd = signed_without_seal(lambda xml: make.dialect_b(SIGNER, xml, NOW), lock=False)
    found = package.read_package(ofd)
    renamed = found.get(LIST).replace(b'Type="Sign"', b'Type="Seal"')
    report = check(found.with_entries({LIST: renamed}).to_bytes(NOW))
    assert report.codes == {Code.W_SIGNATURE_TYPE}


def test_malformed_signed_data() -> None:
    good = make.dialect_b(SIGNER, b"xml", NOW)
    inner = tlv.parse(good).children()[1].children()[0].children()
    for parts in (inner[:-1], [*inner[:-1], tlv.parse(tlv.set_of())]):
        data = tlv.sequence(*(node.raw for node in parts))
        with pytest.raises(Asn1Error):
            cms.read_signed_data(tlv.sequence(tlv.oid(make.SIGNED_DATA), tlv.explicit(0, data)))
    with pytest.raises(Asn1Error):
        cms.read_signed_data(tlv.sequence(tlv.oid("1.2.3"), tlv.explicit(0, b"")))
