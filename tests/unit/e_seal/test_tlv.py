"""The TLV reader and writer: round trips, limits and hostile bytes."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e_seal.asn1 import tlv
from e_seal.asn1.tlv import Asn1Error
from e_seal.asn1.x509 import read_certificate
from e_seal.ses.model import SesFormatError
from e_seal.ses.read import read_seal, read_signature
from tests.unit.e_seal.samples import sample, world

arcs = st.lists(st.integers(0, 2**40), min_size=1, max_size=12)


@given(st.integers(-(2**300), 2**300))
def test_integer_round_trip_in_fewest_octets(value: int) -> None:
    data = tlv.integer(value)
    node = tlv.parse(data)
    assert node.integer() == value
    content = node.content
    assert len(content) == 1 or not (
        (content[0] == 0 and content[1] < 0x80) or (content[0] == 0xFF and content[1] >= 0x80)
    )


@given(st.integers(0, 2), st.integers(0, 39), arcs)
def test_oid_round_trip(first: int, second: int, rest: list[int]) -> None:
    dotted = ".".join(map(str, (first, second, *rest)))
    assert tlv.parse(tlv.oid(dotted)).oid() == dotted


@given(st.text(max_size=400))
def test_utf8_round_trip(text: str) -> None:
    assert tlv.parse(tlv.utf8(text)).text() == text


@given(st.binary(max_size=70_000))
def test_raw_slice_is_kept(content: bytes) -> None:
    data = tlv.sequence(tlv.octet_string(content), tlv.bit_string(content))
    first, second = tlv.parse(data).sequence(2)
    assert first.octets() == content
    assert second.bits() == content
    assert first.raw + second.raw == tlv.parse(data).content


@given(st.datetimes(datetime.fromisoformat("1950-01-01"), datetime.fromisoformat("9999-12-31")))
def test_time_round_trip(naive: datetime) -> None:
    moment = naive.replace(microsecond=0, tzinfo=UTC)
    assert tlv.parse(tlv.generalized_time(moment)).time() == moment
    assert tlv.parse(tlv.x509_time(moment)).time() == moment


def test_times_with_zone_and_fraction() -> None:
    assert tlv.parse_time("20201112053343.5+0800", short_year=False) == datetime(
        2020, 11, 11, 21, 33, 43, 500_000, tzinfo=UTC
    )
    assert tlv.parse_time("9912312359Z", short_year=True).year == 1999
    for wrong in ("20201332000000Z", "2020", "２０２０11120533", "20201112053343Z "):
        with pytest.raises(Asn1Error):
            tlv.parse_time(wrong, short_year=False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x80\x00\x00",
        b"\x30\x85\x00\x00\x00\x00\x01\x00",
        b"\x30\x02\x05",
        b"\x05\x00\x00",
        b"\x1f\x81\x01\x00",
    ],
)
def test_refused_encodings(data: bytes) -> None:
    with pytest.raises(Asn1Error):
        tlv.parse(data)


def test_depth_is_limited() -> None:
    data = b""
    for _ in range(40):
        data = tlv.sequence(data)
    node = tlv.parse(data)
    for _ in range(tlv.MAX_DEPTH):
        node = node.children()[0]
    with pytest.raises(Asn1Error, match="deep"):
        node.children()


def test_unused_bits_are_refused() -> None:
    with pytest.raises(Asn1Error):
        tlv.parse(b"\x03\x02\x01\x80").bits()


@given(st.binary(max_size=300))
def test_hostile_bytes_raise_only_the_typed_error(data: bytes) -> None:
    for reader, error in (
        (read_certificate, Asn1Error),
        (read_seal, SesFormatError),
        (read_signature, SesFormatError),
    ):
        with pytest.raises(error):
            reader(data)


@given(st.data())
def test_damaged_structures_raise_only_the_typed_error(data: st.DataObject) -> None:
    good = data.draw(
        st.sampled_from(
            [
                sample("seals/tax-jiangsu/Sign_0_SignedValue.dat"),
                world().seal,
                world().signer.certificate,
            ]
        )
    )
    damaged = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(0, len(good)))])
    for reader, error in (
        (read_certificate, Asn1Error),
        (read_seal, SesFormatError),
        (read_signature, SesFormatError),
    ):
        for attempt in (bytes(damaged), cut):
            with contextlib.suppress(error):
                reader(attempt)
