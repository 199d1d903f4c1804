"""Strangers' files: only typed errors and reports, never a crash, a hang or a flood of memory."""

import tracemalloc
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from e_seal.asn1 import cms, timestamp, tlv
from e_seal.asn1.crl import read_crl
from e_seal.asn1.tlv import Asn1Error
from e_seal.asn1.x509 import read_certificate
from e_seal.findings import Verdict
from e_seal.ofd import container
from e_seal.ofd.errors import OfdError
from e_seal.ofd.reader import read
from e_seal.ses.model import SesFormatError
from e_seal.ses.read import read_seal, read_signature, read_value
from e_seal.verify import verify
from tests.unit.e_seal.fuzz import mutations
from tests.unit.e_seal.samples import NOW, world

DEADLINE = timedelta(seconds=2)
"""For one example: a hundred times what it takes, so that only a hang is caught."""
FUZZ = settings(
    max_examples=150,
    deadline=DEADLINE,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
MEMORY = 48 * 1024 * 1024
"""Octets that one verification of a sample may take at its peak."""


def judge(data: bytes) -> Verdict:
    """Verify, and read as a reader does; anything but a report or a typed error is a failure."""
    report = verify(data, trust=world().trust, now=NOW)
    assert report.verdict in Verdict
    try:
        document = read(data)
        document.text()
    except OfdError:
        assert report.verdict is Verdict.INVALID
    return report.verdict


def read_all(data: bytes) -> None:
    """Every reader of structures, with the errors that it may raise and no other."""
    for reader in (read_seal, read_signature, read_value):
        try:
            reader(data)
        except SesFormatError:
            continue
    for parse in (
        tlv.parse,
        read_certificate,
        cms.read_signed_data,
        timestamp.read_token,
        read_crl,
    ):
        try:
            parse(data)
        except Asn1Error:
            continue


@FUZZ
@given(st.data())
def test_damaged_containers(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(mutations.documents())))
    judge(data.draw(mutations.damaged(mutations.documents()[name])))


@FUZZ
@given(mutations.spliced())
def test_spliced_entries(content: bytes) -> None:
    judge(content)


@FUZZ
@given(mutations.values())
def test_damaged_signatures_in_good_containers(content: bytes) -> None:
    judge(content)


@FUZZ
@given(st.data())
def test_edited_lengths(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(mutations.structures())))
    read_all(data.draw(mutations.relengthened(mutations.structures()[name])))


@FUZZ
@given(st.data())
def test_damaged_structures(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(mutations.structures())))
    read_all(data.draw(mutations.damaged(mutations.structures()[name])))


@FUZZ
@given(st.binary(max_size=400))
def test_noise(data: bytes) -> None:
    read_all(data)
    assert judge(data) is Verdict.INVALID


def test_the_whole_corpus_truncated_and_flipped() -> None:
    """A fixed run besides the random one: every sample cut and flipped at regular places."""
    for name, whole in mutations.documents().items():
        step = max(1, len(whole) // 8)
        for at in range(0, len(whole), step):
            assert judge(whole[:at]) is Verdict.INVALID, (name, at)
            damaged = bytearray(whole)
            damaged[at] ^= 0x40
            judge(bytes(damaged))
    for whole in mutations.structures().values():
        for at in range(0, len(whole), max(1, len(whole) // 24)):
            read_all(whole[:at])
            read_all(whole[:at] + bytes((whole[at] ^ 0x41,)) + whole[at + 1 :])


@pytest.mark.parametrize("name", sorted(mutations.documents()))
def test_memory_is_bounded(name: str) -> None:
    tracemalloc.start()
    try:
        judge(mutations.documents()[name])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY


def test_nested_structures_end() -> None:
    deep = b""
    for _ in range(5000):
        deep = tlv.sequence(deep)
        if len(deep) > 1_000_000:
            break
    read_all(deep)
    read_all(b"\x30\x80" * 5000)
    read_all(b"\x30" + b"\x84\xff\xff\xff\xff" + bytes(100))
    assert container.MAX_INFLATED == 200 * 1024 * 1024
