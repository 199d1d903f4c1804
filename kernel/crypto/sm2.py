"""SM2 signatures and public-key encryption (GB/T 32918) on the best backend that this machine
passes tests with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from kernel.crypto import sm2_cipher
from kernel.crypto.sm2_backends import (
    DEFAULT_ID,
    PythonBackend,
    Sm2Backend,
    self_test,
    self_test_signing,
)
from kernel.crypto.sm2_cipher import Order
from kernel.crypto.sm2_keys import PrivateKey, PublicKey, signature_from_raw, signature_to_raw
from kernel.crypto.sm2_libcrypto import LIBRARY_NAMES, LibcryptoBackend
from kernel.errors import Failure

__all__ = [
    "DEFAULT_ID",
    "BackendReport",
    "Order",
    "PrivateKey",
    "PublicKey",
    "Sm2Backend",
    "backend_report",
    "decrypt",
    "encrypt",
    "generate",
    "select_backend",
    "sign",
    "signature_from_raw",
    "signature_to_raw",
    "verify",
]


@dataclass(frozen=True, slots=True)
class BackendReport:
    """Which backend is active and why. ``can_sign`` is false for the plain Python one."""

    backend: str
    can_sign: bool
    reason: str

    def __str__(self) -> str:
        return f"{self.backend}, {self.reason}"


def select_backend(names: Sequence[str] = LIBRARY_NAMES) -> tuple[Sm2Backend, BackendReport]:
    """Return the first backend that passes its self-test, and the report about the choice.

    libcrypto of one of these names comes first; plain Python can verify, encrypt and decrypt, but
    refuses to sign.
    """
    try:
        native = LibcryptoBackend(names)
        self_test(native)
        self_test_signing(native)
    except Failure as failure:
        fallback = PythonBackend()
        self_test(fallback)
        reason = (
            "self-test ok, slow and refuses to sign; install OpenSSL 3 with SM2 "
            f"(Debian: libssl3, openEuler: openssl-libs) because {failure.detail}"
        )
        return fallback, BackendReport(fallback.name, can_sign=False, reason=reason)
    return native, BackendReport(native.name, can_sign=True, reason="self-test ok")


@cache
def _active() -> tuple[Sm2Backend, BackendReport]:
    return select_backend()


def backend_report() -> BackendReport:
    """Return which backend this process uses and why; the first call loads and tests it."""
    return _active()[1]


def generate() -> PrivateKey:
    """Return a new key pair; raise CryptoUnavailable when only plain Python is there."""
    return _active()[0].generate()


def sign(private_key: PrivateKey, message: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
    """Return the DER signature (70 to 72 bytes) of the message itself, not of its digest.

    Raise CryptoUnavailable when only plain Python is there. Takes about 0.4 ms and lets other
    threads run.
    """
    return _active()[0].sign(private_key, message, user_id)


def verify(
    public_key: PublicKey, message: bytes, signature: bytes, user_id: bytes = DEFAULT_ID
) -> bool:
    """Return whether the DER signature of the message is this key's; a malformed signature is
    wrong.
    """
    return _active()[0].verify(public_key, message, signature, user_id)


def encrypt(public_key: PublicKey, plaintext: bytes, order: Order = Order.ASN1) -> bytes:
    """Return the ciphertext of at least one byte in the wanted order; InvalidInput for an empty
    text.
    """
    ciphertext = _active()[0].encrypt(public_key, plaintext)
    return ciphertext if order is Order.ASN1 else sm2_cipher.convert(ciphertext, Order.ASN1, order)


def decrypt(private_key: PrivateKey, ciphertext: bytes, order: Order = Order.ASN1) -> bytes:
    """Return the plain text of a ciphertext in the given order.

    Raise DecryptionFailed when it is malformed, was changed, or was made for another key.
    """
    return _active()[0].decrypt(private_key, sm2_cipher.convert(ciphertext, order, Order.ASN1))
