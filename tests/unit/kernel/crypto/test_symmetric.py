"""SM3, SM4, the key ring, encrypted fields and blind indexes."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.crypto import sm3, sm4
from kernel.crypto.errors import DecryptionFailed, InvalidKey
from kernel.crypto.fields import Algorithm, FieldCipher, Place, blind_index
from kernel.crypto.keys import KeyRing

VECTORS = json.loads((Path(__file__).parents[3] / "vectors/sm2/gbt32918.json").read_text("utf-8"))
KEY = bytes(range(16))
OLD, NEW = bytes(range(32)), bytes(range(32, 64))
PLACE = Place("person", "id_number", "p_01")

algorithms = st.sampled_from(Algorithm)


def _counter() -> Callable[[int], bytes]:
    numbers = itertools.count(1)
    return lambda size: next(numbers).to_bytes(size)


def _cipher(ring: KeyRing, algorithm: Algorithm = Algorithm.SM4_GCM) -> FieldCipher:
    return FieldCipher(ring, algorithm, _counter())


def test_sm3_of_the_standard() -> None:
    assert sm3.digest(b"abc").hex() == VECTORS["sm3"]["abc"]


@given(st.binary(max_size=300), st.binary(min_size=1, max_size=100))
def test_sm3_and_hmac_agree_with_another_implementation(data: bytes, key: bytes) -> None:
    assert sm3.digest(data) == hashlib.new("sm3", data).digest()
    assert sm3.digest_of(data[at : at + 7] for at in range(0, len(data), 7)) == sm3.digest(data)
    assert sm3.hmac(key, data) == hmac.digest(key, data, "sm3")


def test_digests_compare() -> None:
    assert sm3.same(sm3.digest(b"a"), sm3.digest(b"a"))
    assert not sm3.same(sm3.digest(b"a"), sm3.digest(b"b"))


def test_sm4_gcm_of_rfc_8998() -> None:
    vector = {name: bytes.fromhex(text) for name, text in VECTORS["sm4_gcm"].items()}
    sealed = vector["ciphertext"] + vector["tag"]
    arguments = vector["key"], vector["iv"]
    assert sm4.encrypt_gcm(*arguments, vector["plaintext"], vector["aad"]) == sealed
    assert sm4.decrypt_gcm(*arguments, sealed, vector["aad"]) == vector["plaintext"]


def test_sm4_block_of_the_standard() -> None:
    vector = {name: bytes.fromhex(text) for name, text in VECTORS["sm4_block"].items()}
    first = sm4.encrypt_cbc(vector["key"], bytes(16), vector["plaintext"])[:16]
    assert first == vector["ciphertext"]


@given(st.binary(max_size=100), st.binary(min_size=16, max_size=16))
def test_sm4_cbc_round_trips(plaintext: bytes, iv: bytes) -> None:
    assert sm4.decrypt_cbc(KEY, iv, sm4.encrypt_cbc(KEY, iv, plaintext)) == plaintext


@given(st.binary(max_size=60), st.binary(max_size=20), st.data())
def test_sm4_gcm_notices_every_changed_bit(
    plaintext: bytes, associated: bytes, data: st.DataObject
) -> None:
    sealed = bytearray(sm4.encrypt_gcm(KEY, bytes(12), plaintext, associated))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(DecryptionFailed):
        sm4.decrypt_gcm(KEY, bytes(12), bytes(sealed), associated)


def test_sm4_refuses_wrong_sizes() -> None:
    with pytest.raises(InvalidKey):
        sm4.encrypt_gcm(bytes(32), bytes(12), b"")
    with pytest.raises(ValueError, match="nonce"):
        sm4.encrypt_gcm(KEY, bytes(16), b"")
    with pytest.raises(ValueError, match="vector"):
        sm4.encrypt_cbc(KEY, bytes(12), b"")
    with pytest.raises(DecryptionFailed):
        sm4.decrypt_gcm(KEY, bytes(12), bytes(15))
    for ciphertext in (b"", bytes(15), bytes(16)):
        with pytest.raises(DecryptionFailed):
            sm4.decrypt_cbc(KEY, bytes(16), ciphertext)


def test_the_ring_lists_the_active_key_first_and_hides_the_rest() -> None:
    ring = KeyRing({"2025": OLD, "2026": NEW}, "2026")
    assert list(ring) == ["2026", "2025"]
    assert NEW.hex() not in repr(ring)
    assert repr(NEW) not in repr(ring)


@pytest.mark.parametrize(
    ("keys", "active"),
    [
        ({}, "a"),
        ({"a": OLD}, "b"),
        ({"a": OLD[:31]}, "a"),
        ({"a b": OLD}, "a b"),
        ({"a" * 33: OLD}, "a" * 33),
        ({"": OLD}, ""),
    ],
)
def test_unusable_rings_are_refused(keys: dict[str, bytes], active: str) -> None:
    with pytest.raises(InvalidKey):
        KeyRing(keys, active)


def test_every_purpose_has_its_own_key() -> None:
    ring = KeyRing({"a": OLD, "b": NEW}, "a")
    derived = {ring.derive(name, use, 32) for name in ring for use in ("field", "index")}
    assert len(derived) == 4
    assert ring.derive("a", "field", 16) == ring.derive("a", "field", 32)[:16]
    with pytest.raises(DecryptionFailed):
        ring.derive("c", "field", 16)
    with pytest.raises(ValueError, match="1 to 32"):
        ring.derive("a", "field", 33)


@given(st.text(max_size=40), algorithms)
def test_fields_round_trip(text: str, algorithm: Algorithm) -> None:
    cipher = _cipher(KeyRing({"k": OLD}, "k"), algorithm)
    cell = cipher.encrypt(text, PLACE)
    assert cipher.decrypt(cell, PLACE) == text
    assert cell[:4] == bytes((1, algorithm.value, 1)) + b"k"
    assert len(cell) == 4 + 12 + len(text.encode()) + 16


@given(algorithms, st.integers(0, 255), st.data())
def test_fields_notice_every_change(algorithm: Algorithm, value: int, data: st.DataObject) -> None:
    cipher = _cipher(KeyRing({"k": OLD, "l": NEW}, "k"), algorithm)
    cell = bytearray(cipher.encrypt("370102199003071238", PLACE))
    at = data.draw(st.integers(0, len(cell) - 1))
    if cell[at] != value:
        cell[at] = value
        with pytest.raises(DecryptionFailed):
            cipher.decrypt(bytes(cell), PLACE)


@given(algorithms, st.integers(0, 60))
def test_truncated_fields_are_refused(algorithm: Algorithm, size: int) -> None:
    cipher = _cipher(KeyRing({"k": OLD}, "k"), algorithm)
    cell = cipher.encrypt("370102199003071238" * 2, PLACE)
    with pytest.raises(DecryptionFailed):
        cipher.decrypt(cell[:size], PLACE)


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize(
    "place", [PLACE._replace(row="p_02"), PLACE._replace(column="x"), PLACE._replace(table="x")]
)
def test_a_moved_field_does_not_open(algorithm: Algorithm, place: Place) -> None:
    cipher = _cipher(KeyRing({"k": OLD}, "k"), algorithm)
    with pytest.raises(DecryptionFailed):
        cipher.decrypt(cipher.encrypt("text", PLACE), place)


def test_places_cannot_be_confused() -> None:
    cipher = _cipher(KeyRing({"k": OLD}, "k"))
    with pytest.raises(ValueError, match="separator"):
        cipher.encrypt("text", Place("a|b", "c", "d"))


def test_a_new_key_and_algorithm_still_read_the_old_cells() -> None:
    old = _cipher(KeyRing({"2025": OLD}, "2025"), Algorithm.AES_256_GCM)
    cell = old.encrypt("text", PLACE)
    new = _cipher(KeyRing({"2025": OLD, "2026": NEW}, "2026"), Algorithm.SM4_GCM)
    assert new.decrypt(cell, PLACE) == "text"
    assert old.is_current(cell)
    assert not new.is_current(cell)
    assert new.is_current(new.encrypt("text", PLACE))
    without = _cipher(KeyRing({"2026": NEW}, "2026"))
    with pytest.raises(DecryptionFailed, match="not on the ring"):
        without.decrypt(cell, PLACE)


def test_blind_indexes_depend_on_value_key_and_label() -> None:
    indexes = {
        blind_index(value, key, label)
        for value in ("a", "b")
        for key in (OLD, NEW)
        for label in ("person.id_number", "person.mobile")
    }
    assert len(indexes) == 8
    expected = sm3.hmac(OLD, b"person.id_number\0a")[:16].hex()
    assert blind_index("a", OLD, "person.id_number") == expected
    with pytest.raises(ValueError, match="zero byte"):
        blind_index("a", OLD, "x\0y")
