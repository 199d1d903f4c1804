"""SM2 keys and signatures in their byte forms, and the strictness of the DER reader."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.crypto import der, sm2_curve
from kernel.crypto.errors import InvalidKey
from kernel.crypto.sm2_keys import (
    PrivateKey,
    PublicKey,
    read_signature,
    signature_from_raw,
    signature_to_raw,
    write_signature,
)

SCALAR = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"
KEY = PrivateKey.from_hex(SCALAR)
# Made with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:SM2
OPENSSL_PEM = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQgsvN0CSnGH+O+Uml2
6FSkS4lESgEKvf+PGPEXiUfefvehRANCAATiypaTj9JYofD9R/ra1zhRR/ozFRnI
6s8KYdVtrco/GmSQefysJYFE/6nlEoZYE852UGHnhSHpEHxw34vtX6SW
-----END PRIVATE KEY-----
"""
P256_SPKI = base64.b64decode(
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li"
    "/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q=="
)


def test_a_pem_of_openssl_reads_and_writes_back() -> None:
    key = PrivateKey.from_pem(OPENSSL_PEM)
    assert key.to_pem() == OPENSSL_PEM
    assert PrivateKey.from_pem(f"comment\n{OPENSSL_PEM}") == key


def test_a_private_key_without_its_public_key_gets_it_back() -> None:
    inner = der.write(der.SEQUENCE, der.write_integer(1) + der.write(der.OCTET_STRING, KEY.scalar))
    assert PrivateKey.from_ec_der(inner) == KEY


def test_a_private_key_is_not_shown() -> None:
    assert KEY.scalar.hex() not in repr(KEY).lower()
    assert repr(KEY.scalar) not in repr(KEY)


@pytest.mark.parametrize(
    "scalar",
    ["", "00" * 32, "ff" * 32, SCALAR[:-2], "zz" * 32, f"{sm2_curve.N - 1:064x}"],
)
def test_numbers_that_are_no_private_key(scalar: str) -> None:
    with pytest.raises(InvalidKey):
        PrivateKey.from_hex(scalar)


def test_a_foreign_public_key_inside_a_private_key_is_refused() -> None:
    other = PrivateKey.from_pem(OPENSSL_PEM).public.point
    with pytest.raises(InvalidKey, match="does not belong"):
        PrivateKey.from_der(KEY.to_der().replace(KEY.public.point, other))


@pytest.mark.parametrize(
    "point",
    [
        b"",
        KEY.public.point[1:],
        b"\x03" + KEY.public.point[1:],
        KEY.public.point[:-1] + b"\x00",
        b"\x04" + bytes(64),
        b"\x04" + b"\xff" * 64,
    ],
)
def test_points_that_are_no_public_key(point: bytes) -> None:
    with pytest.raises(InvalidKey):
        PublicKey(point)


def test_keys_of_other_curves_and_forms_are_refused() -> None:
    with pytest.raises(InvalidKey, match="not for SM2"):
        PublicKey.from_der(P256_SPKI)
    with pytest.raises(InvalidKey):
        PublicKey.from_der(KEY.to_der())
    with pytest.raises(InvalidKey):
        PrivateKey.from_der(KEY.public.to_der())
    with pytest.raises(InvalidKey, match="no PEM block"):
        PrivateKey.from_pem(KEY.public.to_pem())
    with pytest.raises(InvalidKey, match="no PEM block"):
        PublicKey.from_pem("")


@given(st.binary(max_size=150))
def test_any_bytes_as_key_are_refused_cleanly(data: bytes) -> None:
    for parse in (PublicKey.from_der, PrivateKey.from_der, PrivateKey.from_ec_der):
        with pytest.raises(InvalidKey):
            parse(data)


@given(st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1))
def test_signatures_convert_both_ways(r: int, s: int) -> None:
    signature = write_signature(r, s)
    assert read_signature(signature) == (r, s)
    assert signature_from_raw(signature_to_raw(signature)) == signature


def test_unusable_signatures_are_refused() -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        signature_from_raw(bytes(63))
    with pytest.raises(ValueError, match="32 bytes"):
        signature_to_raw(write_signature(1 << 256, 1))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "truncated"),
        ("30", "truncated"),
        ("3005020101", "truncated"),
        ("3080020101020101", "unusable"),
        ("308106020101020101", "shortest"),
        ("3082000602010102010100", "shortest"),
        ("300702020001020101", "shortest"),
        ("3006020181020101", "negative"),
        ("300502000201 01", "empty"),
        ("3006040101020101", "unexpected"),
        ("3106020101020101", "unexpected"),
        ("300602010102010100", "trailing"),
        ("3009020101020101020101", "trailing"),
    ],
)
def test_only_der_is_read(data: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_signature(bytes.fromhex(data))


@given(st.binary(max_size=70_000), st.binary(max_size=5))
def test_elements_of_any_length_read_back(content: bytes, rest: bytes) -> None:
    data = der.write(der.OCTET_STRING, content) + rest
    assert der.read(data) == (der.OCTET_STRING, content, rest)
