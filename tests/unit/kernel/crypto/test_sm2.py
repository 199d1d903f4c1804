"""SM2: the standard's examples on both backends, each backend against the other, and the choice
between them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.crypto import sm2, sm2_curve, sm3
from kernel.crypto.errors import CryptoUnavailable, DecryptionFailed
from kernel.crypto.sm2_backends import DEFAULT_ID, PythonBackend, Sm2Backend, self_test
from kernel.crypto.sm2_cipher import Ciphertext, Order, convert, from_hex, write
from kernel.crypto.sm2_keys import (
    PrivateKey,
    PublicKey,
    encode_point,
    read_signature,
    write_signature,
)
from kernel.crypto.sm2_libcrypto import LibcryptoBackend
from kernel.errors import InvalidInput

VECTORS = json.loads((Path(__file__).parents[3] / "vectors/sm2/gbt32918.json").read_text("utf-8"))
SIGN, ENCRYPT = VECTORS["sign"], VECTORS["encrypt"]
KEY = PrivateKey.from_hex(SIGN["d"])
MESSAGE = SIGN["m"].encode()
SIGNATURE = write_signature(int(SIGN["r"], 16), int(SIGN["s"], 16))
NATIVE = LibcryptoBackend()
PLAIN = PythonBackend(allow_insecure=True)

LEAK_SCRIPT = """
import os, sys
from kernel.crypto.errors import DecryptionFailed
from kernel.crypto.sm2_keys import PrivateKey
from kernel.crypto.sm2_libcrypto import LibcryptoBackend

key = PrivateKey.from_hex(sys.argv[1])
backend = LibcryptoBackend()
ciphertext = backend.encrypt(key.public, b"text")

def work(rounds):
    for _ in range(rounds):
        backend._public.cache_clear()
        backend._private.cache_clear()
        backend.verify(key.public, b"m", backend.sign(key, b"m"))
        backend.decrypt(key, ciphertext)
        try:
            backend.decrypt(key, b"no ciphertext")
        except DecryptionFailed:
            pass
        for _ in range(10):
            backend.verify(key.public, b"m", b"no signature")

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

work(200)
before = resident()
work(1000)
print(resident() - before)
"""

both = pytest.mark.parametrize("backend", [NATIVE, PLAIN], ids=["libcrypto", "python"])


def _known_ciphertext(order: Order) -> bytes:
    return write(Ciphertext(*(bytes.fromhex(ENCRYPT[part]) for part in ("c1", "c2", "c3"))), order)


def test_the_key_z_and_digest_of_the_standard() -> None:
    assert KEY.public.point.hex().upper() == f"04{SIGN['px']}{SIGN['py']}"
    z = sm2_curve.user_digest(KEY.public.coordinates, DEFAULT_ID)
    assert z.hex().upper() == SIGN["z"]
    assert sm3.digest(z + MESSAGE).hex().upper() == SIGN["e"]


def test_the_standards_signature_comes_out_of_its_nonce() -> None:
    backend = PythonBackend(allow_insecure=True, entropy=lambda _size: bytes.fromhex(SIGN["k"]))
    assert backend.sign(KEY, MESSAGE) == SIGNATURE


def test_the_standards_ciphertext_comes_out_of_its_nonce() -> None:
    backend = PythonBackend(entropy=lambda _size: bytes.fromhex(ENCRYPT["k"]))
    assert backend.encrypt(KEY.public, ENCRYPT["m"].encode()) == _known_ciphertext(Order.ASN1)


@both
def test_the_standards_examples(backend: Sm2Backend) -> None:
    self_test(backend)
    assert backend.verify(KEY.public, MESSAGE, SIGNATURE, DEFAULT_ID)
    assert backend.decrypt(KEY, _known_ciphertext(Order.ASN1)) == ENCRYPT["m"].encode()


@both
def test_wrong_signatures_are_refused(backend: Sm2Backend) -> None:
    r, s = read_signature(SIGNATURE)
    other = NATIVE.generate().public
    wrong = [
        (KEY.public, MESSAGE + b"!", SIGNATURE, DEFAULT_ID),
        (KEY.public, MESSAGE, SIGNATURE, b"another id"),
        (other, MESSAGE, SIGNATURE, DEFAULT_ID),
        (KEY.public, MESSAGE, write_signature(s, r), DEFAULT_ID),
        (KEY.public, MESSAGE, write_signature(0, s), DEFAULT_ID),
        (KEY.public, MESSAGE, write_signature(r, 0), DEFAULT_ID),
        (KEY.public, MESSAGE, write_signature(r + sm2_curve.N, s), DEFAULT_ID),
        (KEY.public, MESSAGE, write_signature(r, sm2_curve.N - r), DEFAULT_ID),
        (KEY.public, MESSAGE, SIGNATURE + b"\0", DEFAULT_ID),
        (KEY.public, MESSAGE, SIGNATURE[:-1], DEFAULT_ID),
        (KEY.public, MESSAGE, b"", DEFAULT_ID),
        (KEY.public, MESSAGE, sm2.signature_to_raw(SIGNATURE), DEFAULT_ID),
    ]
    assert [backend.verify(*arguments) for arguments in wrong] == [False] * len(wrong)


@both
def test_wrong_ciphertexts_are_refused(backend: Sm2Backend) -> None:
    good = Ciphertext(*(bytes.fromhex(ENCRYPT[part]) for part in ("c1", "c2", "c3")))
    off_curve = good.c1[:-1] + bytes((good.c1[-1] ^ 1,))
    wrong = [
        write(good._replace(c2=good.c2[:-1] + b"\0"), Order.ASN1),
        write(good._replace(c3=bytes(32)), Order.ASN1),
        write(good._replace(c1=off_curve), Order.ASN1),
        write(good, Order.ASN1)[:-1],
        b"",
        b"\x30\x00",
    ]
    for ciphertext in wrong:
        with pytest.raises(DecryptionFailed):
            backend.decrypt(KEY, ciphertext)
    with pytest.raises(DecryptionFailed):
        backend.decrypt(NATIVE.generate(), write(good, Order.ASN1))


@both
def test_an_empty_text_is_not_encrypted(backend: Sm2Backend) -> None:
    with pytest.raises(InvalidInput):
        backend.encrypt(KEY.public, b"")


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=40), st.binary(min_size=1, max_size=300))
def test_each_backend_accepts_what_the_other_makes(
    message: bytes, user_id: bytes, plaintext: bytes
) -> None:
    key = NATIVE.generate()
    for maker, reader in ((NATIVE, PLAIN), (PLAIN, NATIVE)):
        signature = maker.sign(key, message, user_id)
        assert reader.verify(key.public, message, signature, user_id)
        assert not reader.verify(key.public, message + b"\0", signature, user_id)
        assert reader.decrypt(key, maker.encrypt(key.public, plaintext)) == plaintext


@settings(max_examples=30, deadline=None)
@given(st.integers(1, sm2_curve.N - 2))
def test_keys_survive_their_byte_forms(number: int) -> None:
    key = PrivateKey.from_scalar(number.to_bytes(32))
    assert PrivateKey.from_der(key.to_der()) == key
    assert PublicKey.from_pem(key.public.to_pem()) == key.public


@given(st.binary(min_size=1, max_size=80), st.sampled_from(Order), st.sampled_from(Order))
def test_ciphertext_orders_convert_without_loss(c2: bytes, source: Order, target: Order) -> None:
    data = write(Ciphertext(KEY.public.point, c2, bytes(range(32))), source)
    assert convert(convert(data, source, target), target, source) == data


@given(st.binary(max_size=200), st.sampled_from(Order))
def test_any_bytes_as_ciphertext_are_refused_cleanly(data: bytes, order: Order) -> None:
    with pytest.raises(DecryptionFailed):
        sm2.decrypt(KEY, data, order)


@given(st.binary(max_size=100))
def test_any_bytes_as_signature_are_merely_wrong(data: bytes) -> None:
    assert not sm2.verify(KEY.public, MESSAGE, data)
    assert not PLAIN.verify(KEY.public, MESSAGE, data)


def test_the_shandong_form_is_hex_of_c1_c2_c3() -> None:
    text = (ENCRYPT["c1"] + ENCRYPT["c2"] + ENCRYPT["c3"]).lower()
    assert sm2.decrypt(KEY, from_hex(text), Order.C1C2C3) == ENCRYPT["m"].encode()
    made = sm2.encrypt(KEY.public, "证照数据".encode(), Order.C1C2C3).hex()
    assert made.startswith("04")
    assert len(made) == 130 + 2 * 12 + 64
    assert sm2.decrypt(KEY, from_hex(made.upper()), Order.C1C2C3).decode() == "证照数据"
    with pytest.raises(DecryptionFailed):
        from_hex("04zz")


def test_plain_python_refuses_private_work_unless_told() -> None:
    backend = PythonBackend()
    with pytest.raises(CryptoUnavailable):
        backend.sign(KEY, MESSAGE)
    with pytest.raises(CryptoUnavailable):
        backend.generate()
    key = PLAIN.generate()
    assert NATIVE.verify(key.public, b"m", PLAIN.sign(key, b"m"))


def test_the_report_says_which_backend_is_active_and_why() -> None:
    report = sm2.backend_report()
    assert report.can_sign
    assert str(report).startswith("libcrypto.so.")
    assert str(report).endswith("self-test ok")


def test_without_libcrypto_plain_python_verifies_and_says_what_is_missing() -> None:
    backend, report = sm2.select_backend(("libabsent-crypto.so.9",))
    assert not report.can_sign
    assert "install OpenSSL 3" in str(report)
    assert "libabsent-crypto.so.9" in str(report)
    assert backend.verify(KEY.public, MESSAGE, SIGNATURE, DEFAULT_ID)
    with pytest.raises(CryptoUnavailable):
        backend.sign(KEY, MESSAGE, DEFAULT_ID)


def test_a_library_that_is_not_openssl_is_passed_over() -> None:
    _backend, report = sm2.select_backend(("libc.so.6", "libcrypto.so.3"))
    assert report.can_sign
    with pytest.raises(CryptoUnavailable, match=r"libc\.so\.6"):
        LibcryptoBackend(("libc.so.6",))


class _Broken(PythonBackend):
    def verify(
        self, key: PublicKey, message: bytes, signature: bytes, user_id: bytes = DEFAULT_ID
    ) -> bool:
        return True


def test_the_self_test_notices_a_backend_that_accepts_everything() -> None:
    with pytest.raises(CryptoUnavailable, match="another message"):
        self_test(_Broken())


def test_threads_share_one_backend() -> None:
    keys = [sm2.generate() for _ in range(3)]

    def work(number: int) -> bool:
        key = keys[number % 3]
        message = str(number).encode()
        signature = sm2.sign(key, message)
        wrong = sm2.verify(keys[(number + 1) % 3].public, message, signature)
        return sm2.verify(key.public, message, signature) and not wrong

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(400)))


def test_native_memory_is_returned() -> None:
    # A process of its own: in this one, megabytes of freed memory would swallow a leak unseen.
    result = subprocess.run(
        [sys.executable, "-c", LEAK_SCRIPT, SIGN["d"]],
        cwd=Path(__file__).parents[4],
        check=True,
        capture_output=True,
        text=True,
    )
    # A context leaked in every call would be 80 bytes or more, ten thousand times.
    assert int(result.stdout) < 256 * 1024


def test_openssls_own_command_agrees(tmp_path: Path) -> None:
    key = sm2.generate()
    files = {
        "key.pem": key.to_pem().encode(),
        "pub.pem": key.public.to_pem().encode(),
        "message": b"between two programs",
        "ours.sig": sm2.sign(key, b"between two programs"),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    script = textwrap.dedent("""
        set -e
        id="-pkeyopt distid:1234567812345678"
        openssl pkeyutl -verify -pubin -inkey pub.pem -rawin -digest sm3 -in message \
            -sigfile ours.sig $id
        openssl pkeyutl -sign -inkey key.pem -rawin -digest sm3 -in message -out theirs.sig $id
        openssl pkeyutl -encrypt -pubin -inkey pub.pem -in message -out theirs.enc
    """)
    subprocess.run(["/bin/sh", "-c", script], cwd=tmp_path, check=True, capture_output=True)
    assert sm2.verify(key.public, files["message"], (tmp_path / "theirs.sig").read_bytes())
    assert sm2.decrypt(key, (tmp_path / "theirs.enc").read_bytes()) == files["message"]


def test_points_encode_to_65_bytes() -> None:
    assert encode_point(KEY.public.coordinates) == KEY.public.point
