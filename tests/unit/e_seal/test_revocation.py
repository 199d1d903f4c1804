"""Revocation lists: our own, one that OpenSSL made, and what they do to a verdict."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from e_seal.asn1 import issue, tlv
from e_seal.asn1.chain import TrustStore
from e_seal.asn1.crl import RevocationList, read_crl
from e_seal.asn1.issue import Holder
from e_seal.asn1.revocation import (
    RevocationFolder,
    RevocationSource,
    RevocationState,
    RevocationUnavailable,
    revocation_of,
)
from e_seal.asn1.tlv import Asn1Error
from e_seal.asn1.x509 import Certificate, read_certificate
from e_seal.findings import Code, Verdict
from e_seal.verify import verify
from tests.unit.e_seal import make
from tests.unit.e_seal.samples import NOW, key, request, sample, world
from tests.unit.e_seal.test_service import Desk
from tests.unit.e_seal.test_verify import sealed

DAY = timedelta(days=1)
SIGNER, MAKER = 3, 2


def source(*lists: bytes) -> RevocationSource:
    read = [read_crl(data) for data in lists]

    def find(_certificate: Certificate) -> Sequence[RevocationList]:
        return read

    return find


def crl(
    revoked: dict[int, datetime], *extensions: bytes, issuer: Holder | None = None, **more: int
) -> bytes:
    holder = issuer or world().root
    return make.crl(holder, revoked, NOW - DAY, NOW + 30 * DAY, *extensions, **more)


def codes(*lists: bytes, now: datetime = NOW) -> set[Code]:
    trust = replace(world().trust, revocation=source(*lists))
    report = verify(sealed(), trust=trust, now=now)
    assert "certificate_revocation" not in report.not_checked
    return set(report.codes)


def test_nobody_is_revoked() -> None:
    assert codes(crl({77: NOW - DAY})) == set()
    assert "certificate_revocation" in verify(sealed(), trust=world().trust, now=NOW).not_checked


@pytest.mark.parametrize(
    ("serial", "moment", "code"),
    [
        (SIGNER, NOW - DAY, Code.SIGNER_REVOKED),
        (SIGNER, NOW, Code.SIGNER_REVOKED),
        (SIGNER, NOW + timedelta(hours=1), Code.W_SIGNER_REVOKED_LATER),
        (MAKER, NOW - 29 * DAY, Code.SEAL_MAKER_UNTRUSTED),
        (MAKER, NOW - DAY, Code.W_SEAL_MAKER_REVOKED_LATER),
    ],
)
def test_revocation_is_judged_at_its_time(serial: int, moment: datetime, code: Code) -> None:
    assert codes(crl({serial: moment}), now=NOW + 2 * timedelta(hours=1)) == {code}


def test_an_authority_between_that_was_revoked() -> None:
    w = world()
    middle = issue.issue(request("中间", 5, is_ca=True, usages=issue.CA_USAGES), key(5), w.root)
    leaf = read_certificate(issue.issue(request("叶", 6), key(6), middle).certificate)
    good = crl({}, issuer=middle)
    source_ = source(crl({5: NOW - DAY}), good)
    authority = read_certificate(middle.certificate)
    answer = revocation_of(authority, read_certificate(w.root.certificate), source_, NOW)
    assert (answer.state, answer.since) == (RevocationState.REVOKED, NOW - DAY)
    assert revocation_of(leaf, authority, source_, NOW).state is RevocationState.GOOD


def test_lists_that_do_not_count_leave_the_answer_open() -> None:
    stranger = issue.issue_root(request("测试根", 1, is_ca=True, usages=issue.CA_USAGES), key(9))
    no_crl = issue.issue_root(request("测试根", 1, is_ca=True, usages=["keyCertSign"]), key(1))
    past = make.crl(world().root, {}, NOW - 9 * DAY, NOW - DAY)
    endless = make.crl(world().root, {}, NOW - DAY, None)
    partial = make.extension("2.5.29.28", tlv.sequence(tlv.encode(0x83, b"\6\x40")), critical=True)
    delta = make.extension("2.5.29.27", tlv.integer(4), critical=True)
    for lists in (
        (),
        (crl({}, issuer=stranger),),
        (past,),
        (endless,),
        (crl({}, partial),),
        (crl({}, delta),),
    ):
        assert codes(*lists) == {Code.REVOCATION_UNCHECKED}
    root = read_certificate(no_crl.certificate)
    signer = read_certificate(world().signer.certificate)
    answer = revocation_of(signer, root, source(crl({})), NOW)
    assert answer.state is RevocationState.UNKNOWN


def test_an_old_list_still_revokes() -> None:
    past = make.crl(world().root, {SIGNER: NOW - 10 * DAY}, NOW - 9 * DAY, NOW - DAY)
    assert codes(past) == {Code.SIGNER_REVOKED, Code.REVOCATION_UNCHECKED}


def test_entries_that_were_taken_back_and_earlier_invalidity() -> None:
    assert codes(crl({SIGNER: NOW - DAY}, reason=8)) == set()
    assert codes(crl({SIGNER: NOW - DAY}, reason=6)) == {Code.SIGNER_REVOKED}


@pytest.mark.parametrize(("tag", "is_good"), [(0x81, True), (0x82, False)])
def test_lists_for_users_only_or_authorities_only(tag: int, is_good: bool) -> None:
    scope = make.extension("2.5.29.28", tlv.sequence(tlv.encode(tag, b"\xff")), critical=True)
    assert codes(crl({}, scope)) == (set() if is_good else {Code.REVOCATION_UNCHECKED})


def test_a_source_that_cannot_be_reached_leaves_the_verdict_open() -> None:
    def broken(_certificate: Certificate) -> Sequence[RevocationList]:
        raise RevocationUnavailable("directory server does not answer")

    trust = replace(world().trust, revocation=broken)
    report = verify(sealed(), trust=trust, now=NOW)
    assert report.verdict is Verdict.INDETERMINATE
    assert report.codes == {Code.REVOCATION_UNCHECKED}


async def test_the_service_verifies_beside_the_event_loop() -> None:
    threads: list[int] = []

    def watched(_certificate: Certificate) -> Sequence[RevocationList]:
        threads.append(threading.get_ident())
        return [read_crl(crl({}))]

    desk = Desk(replace(world().trust, revocation=watched))
    assert (await desk.service.verify(sealed())).verdict is Verdict.VALID
    assert threads
    assert threading.get_ident() not in threads


def test_a_folder_of_lists_is_read_again_when_it_changes(tmp_path: Path) -> None:
    folder = RevocationFolder(tmp_path)
    trust = replace(world().trust, revocation=folder)

    def found() -> frozenset[Code]:
        return verify(sealed(), trust=trust, now=NOW).codes

    assert found() == {Code.REVOCATION_UNCHECKED}
    (tmp_path / "root.crl").write_bytes(crl({}))
    (tmp_path / "readme.txt").write_text("not a list")
    (tmp_path / "broken.crl").write_bytes(b"0")
    assert found() == set()
    (tmp_path / "root.crl").write_bytes(crl({SIGNER: NOW - DAY}))
    assert found() == {Code.SIGNER_REVOKED}
    (tmp_path / "root.crl").unlink()
    assert found() == {Code.REVOCATION_UNCHECKED}
    with pytest.raises(RevocationUnavailable):
        RevocationFolder(tmp_path / "absent")(read_certificate(world().signer.certificate))


def test_a_list_made_by_openssl() -> None:
    """crl/: a root, a revoked leaf and their list, made by openssl ca -gencrl with the SM2 id."""
    root = TrustStore.from_pem(sample("crl/root.pem").decode()).anchors[0]
    leaf = TrustStore.from_pem(sample("crl/leaf.pem").decode()).anchors[0]
    data = sample("crl/root.crl.pem")
    found = read_crl(data)
    assert found.issuer == root.subject
    answer = revocation_of(leaf, root, lambda _: [found], found.this_update)
    assert (answer.state, answer.since) == (RevocationState.REVOKED, found.revoked[leaf.serial])
    other = replace(leaf, serial=leaf.serial + 1)
    answer = revocation_of(other, root, lambda _: [found], found.this_update)
    assert answer.state is RevocationState.GOOD


@pytest.mark.parametrize("data", [b"", b"0\0", b"-----BEGIN X509 CRL-----*-----END X509 CRL-----"])
def test_broken_lists(data: bytes) -> None:
    with pytest.raises(Asn1Error):
        read_crl(data)
