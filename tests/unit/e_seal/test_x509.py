"""Certificates of live Chinese seals are readable, and paths to an anchor are judged rightly."""

import dataclasses
import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from e_seal.asn1 import issue, tlv, x509
from e_seal.asn1.chain import ChainResult, TrustStore, check_chain, find_path, is_signed_by
from e_seal.asn1.tlv import Asn1Error
from e_seal.asn1.x509 import read_certificate
from tests.unit.e_seal.samples import NOW, VECTORS, key, request, world

REAL = sorted((VECTORS / "certs").glob("*.cer"))


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_every_real_certificate_is_read(path: Path) -> None:
    certificate = read_certificate(path.read_bytes())
    assert certificate.is_sm2
    assert certificate.subject.get("C") == "CN"
    assert certificate.subject.get("CN")
    assert certificate.not_before < certificate.not_after
    assert certificate.key_usage
    assert certificate.signature_algorithm == x509.OID_SM2_WITH_SM3


def test_names_are_decoded_leniently() -> None:
    shandong = read_certificate((VECTORS / "certs/real-141e85334bff.cer").read_bytes())
    assert shandong.subject.get("CN") == "山东省政府统一电子印章制作系统"
    assert shandong.key_usage == frozenset(issue.SEAL_USAGES)
    zibo = next(
        c
        for c in (read_certificate(p.read_bytes()) for p in REAL)
        if c.subject.get("CN") == "37030000001721"
    )
    assert zibo.issuer.get("CN") == "CEGN_SEAL_CA"


def test_the_builder_agrees_with_the_reader() -> None:
    w = world()
    signer = read_certificate(w.signer.certificate)
    root = read_certificate(w.root.certificate)
    assert signer.key_usage == frozenset(issue.SEAL_USAGES)
    assert root.key_usage == frozenset(issue.CA_USAGES)
    assert root.basic_constraints == (True, None)
    assert signer.basic_constraints == (False, None)
    assert signer.authority_key_id == root.subject_key_id
    assert signer.serial == 3
    assert is_signed_by(signer, root)
    assert not is_signed_by(root, signer)


def test_chain_results() -> None:
    w = world()
    signer = read_certificate(w.signer.certificate)
    assert check_chain(signer, w.trust, NOW) is ChainResult.TRUSTED
    assert check_chain(signer, TrustStore(), NOW) is ChainResult.NO_ANCHORS
    late = NOW + timedelta(days=400)
    assert check_chain(signer, w.trust, late) is ChainResult.UNTRUSTED
    other = issue.issue_root(request("测试根", 1, is_ca=True, usages=issue.CA_USAGES), key(9))
    assert check_chain(signer, TrustStore.of([other.certificate]), NOW) is ChainResult.UNTRUSTED


def test_chain_through_an_intermediate_and_not_through_a_leaf() -> None:
    w = world()
    middle = issue.issue(request("中间", 5, is_ca=True, usages=issue.CA_USAGES), key(5), w.root)
    leaf = read_certificate(issue.issue(request("叶", 6), key(6), middle).certificate)
    store = TrustStore.of([w.root.certificate], [middle.certificate])
    assert check_chain(leaf, store, NOW) is ChainResult.TRUSTED
    assert check_chain(leaf, w.trust, NOW) is ChainResult.UNTRUSTED
    forged = read_certificate(issue.issue(request("冒", 7), key(7), w.signer).certificate)
    store = TrustStore.of([w.root.certificate], [w.signer.certificate])
    assert check_chain(forged, store, NOW) is ChainResult.UNTRUSTED


def test_anchors_from_pem() -> None:
    w = world()
    root, maker = (ssl.DER_cert_to_PEM_cert(h.certificate) for h in (w.root, w.maker))
    store = TrustStore.from_pem(f"# 根证书\n{root}", maker)
    assert store == TrustStore.of([w.root.certificate], [w.maker.certificate])
    assert TrustStore.from_pem("") == TrustStore()
    with pytest.raises(Asn1Error):
        TrustStore.from_pem(root.replace("MII", "M*I", 1))


def test_an_anchor_is_trusted_itself_and_extensions_must_be_understood() -> None:
    w = world()
    root = read_certificate(w.root.certificate)
    assert check_chain(root, w.trust, NOW) is ChainResult.TRUSTED
    signer = read_certificate(w.signer.certificate)
    strange = dataclasses.replace(
        signer, extensions=(*signer.extensions, x509.Extension("2.5.29.30", True, b""))
    )
    assert check_chain(strange, w.trust, NOW) is ChainResult.UNTRUSTED


def test_purposes_and_places_of_revocation_lists() -> None:
    w = world()
    assert read_certificate(w.signer.certificate).extended_key_usage is None
    wanted = request("时间戳", 60, purposes=[x509.OID_TIME_STAMPING])
    authority = read_certificate(issue.issue(wanted, key(60), w.root).certificate)
    assert authority.extended_key_usage == frozenset({x509.OID_TIME_STAMPING})
    real = [read_certificate(path.read_bytes()) for path in REAL]
    published = {name for one in real for name in one.distribution_points}
    assert any(b"ldap" in name for name in published)
    assert read_certificate(w.signer.certificate).distribution_points == frozenset()


def test_a_certificate_with_two_algorithms_or_too_large_is_refused() -> None:
    good = world().signer.certificate
    tbs, algorithm, signature = (node.raw for node in tlv.parse(good).children())
    other = algorithm.replace(tlv.oid(x509.OID_SM2_WITH_SM3), tlv.oid("1.2.156.10197.1.502"))
    for data in (
        tlv.sequence(tbs, other, signature),
        tlv.sequence(tbs, algorithm, tlv.bit_string(bytes(x509.MAX_CERTIFICATE))),
    ):
        with pytest.raises(Asn1Error):
            read_certificate(data)


def test_rings_of_authorities_end() -> None:
    """Cross certificates that lead in circles are followed once and then given up."""
    first, second = key(90), key(91)
    alone = issue.issue_root(request("甲", 1, is_ca=True, usages=issue.CA_USAGES), first)
    other = issue.issue(request("乙", 2, is_ca=True, usages=issue.CA_USAGES), second, alone)
    back = issue.issue(request("甲", 3, is_ca=True, usages=issue.CA_USAGES), first, other)
    leaf = read_certificate(issue.issue(request("叶", 4), key(92), other).certificate)
    links = [read_certificate(h.certificate) for h in (other, back, alone)]
    assert find_path(leaf, world().trust, NOW, links) is None
    own = TrustStore.of([alone.certificate])
    assert find_path(leaf, own, NOW, links) == (leaf, links[0], links[2])
