"""What an SM2 backend must do, the plain Python one, and the known answers every backend must give
first.
"""

from __future__ import annotations

import secrets
from typing import Final, Protocol

from kernel.crypto import sm2_cipher, sm2_curve, sm3
from kernel.crypto.errors import CryptoUnavailable, DecryptionFailed
from kernel.crypto.sm2_cipher import Ciphertext, Order
from kernel.crypto.sm2_keys import (
    PrivateKey,
    PublicKey,
    encode_point,
    read_signature,
    write_signature,
)
from kernel.errors import InvalidInput
from kernel.ids import Entropy

DEFAULT_ID: Final = b"1234567812345678"
"""The signer id that all genuine seals and certificates use (GM/T 0009)."""


class Sm2Backend(Protocol):
    """Signatures are DER, ciphertexts ASN.1 (GM/T 0009); ``user_id`` is the signer id that goes
    into Z.
    """

    @property
    def name(self) -> str:
        """Library and version, for operators."""
        ...

    def generate(self) -> PrivateKey:
        """Return a new key pair."""
        ...

    def sign(self, key: PrivateKey, message: bytes, user_id: bytes) -> bytes:
        """Return the signature of the message; CryptoUnavailable when this backend may not sign."""
        ...

    def verify(self, key: PublicKey, message: bytes, signature: bytes, user_id: bytes) -> bool:
        """Return whether the signature is right; a malformed one is simply wrong."""
        ...

    def encrypt(self, key: PublicKey, plaintext: bytes) -> bytes:
        """Return the ciphertext of at least one byte."""
        ...

    def decrypt(self, key: PrivateKey, ciphertext: bytes) -> bytes:
        """Return the plain text; DecryptionFailed when the ciphertext is malformed or was
        changed.
        """
        ...


class PythonBackend:
    """SM2 in plain integers (GB/T 32918.2 and .4): the last resort, and the oracle of the tests.

    It leaks secrets through its timing, so it signs and generates keys only with
    ``allow_insecure=True``.
    """

    def __init__(
        self, *, allow_insecure: bool = False, entropy: Entropy = secrets.token_bytes
    ) -> None:
        self._allow_insecure = allow_insecure
        self._entropy = entropy

    @property
    def name(self) -> str:
        return "plain Python"

    def generate(self) -> PrivateKey:
        self._require_permission()
        return PrivateKey.from_scalar(self._number(sm2_curve.N - 2).to_bytes(32))

    def sign(self, key: PrivateKey, message: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
        self._require_permission()
        digest = _message_digest(key.public, message, user_id)
        secret = int.from_bytes(key.scalar)
        while True:
            nonce = self._number(sm2_curve.N - 1)
            point = sm2_curve.multiply(nonce, sm2_curve.G)
            r = (digest + (point[0] if point else 0)) % sm2_curve.N
            s = pow(1 + secret, -1, sm2_curve.N) * (nonce - r * secret) % sm2_curve.N
            if r and s and r + nonce != sm2_curve.N:
                return write_signature(r, s)

    def verify(
        self, key: PublicKey, message: bytes, signature: bytes, user_id: bytes = DEFAULT_ID
    ) -> bool:
        try:
            r, s = read_signature(signature)
        except ValueError:
            return False
        t = (r + s) % sm2_curve.N
        if not (1 <= r < sm2_curve.N and 1 <= s < sm2_curve.N and t):
            return False
        point = sm2_curve.combine(s, t, key.coordinates)
        digest = _message_digest(key, message, user_id)
        return point is not None and (digest + point[0]) % sm2_curve.N == r

    def encrypt(self, key: PublicKey, plaintext: bytes) -> bytes:
        if not plaintext:
            raise InvalidInput("SM2 encrypts at least one byte")
        while True:
            nonce = self._number(sm2_curve.N - 1)
            first = sm2_curve.multiply(nonce, sm2_curve.G)
            shared = sm2_curve.multiply(nonce, key.coordinates)
            if first is None or shared is None:
                continue
            stream = sm2_curve.derive(encode_point(shared)[1:], len(plaintext))
            if any(stream):
                parts = Ciphertext(
                    encode_point(first), _xor(plaintext, stream), _check(shared, plaintext)
                )
                return sm2_cipher.write(parts, Order.ASN1)

    def decrypt(self, key: PrivateKey, ciphertext: bytes) -> bytes:
        parts = sm2_cipher.read(ciphertext, Order.ASN1)
        first = int.from_bytes(parts.c1[1:33]), int.from_bytes(parts.c1[33:])
        shared = (
            sm2_curve.multiply(int.from_bytes(key.scalar), first)
            if sm2_curve.on_curve(first)
            else None
        )
        if shared is None:
            raise DecryptionFailed("the ciphertext's point is not on the curve")
        stream = sm2_curve.derive(encode_point(shared)[1:], len(parts.c2))
        plaintext = _xor(parts.c2, stream)
        if not any(stream) or not sm3.same(_check(shared, plaintext), parts.c3):
            raise DecryptionFailed("the ciphertext's digest does not match")
        return plaintext

    def _number(self, limit: int) -> int:
        while True:
            number = int.from_bytes(self._entropy(32))
            if 1 <= number <= limit:
                return number

    def _require_permission(self) -> None:
        if not self._allow_insecure:
            raise CryptoUnavailable("the plain Python backend may not use private keys to sign")


def _message_digest(key: PublicKey, message: bytes, user_id: bytes) -> int:
    return int.from_bytes(sm3.digest(sm2_curve.user_digest(key.coordinates, user_id) + message))


def _check(shared: sm2_curve.Point, plaintext: bytes) -> bytes:
    return sm3.digest(shared[0].to_bytes(32) + plaintext + shared[1].to_bytes(32))


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


_KNOWN_SCALAR: Final = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"
_KNOWN_MESSAGE: Final = b"message digest"
_KNOWN_SIGNATURE: Final = write_signature(
    0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3,
    0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA,
)
_KNOWN_PLAINTEXT: Final = b"encryption standard"
_KNOWN_CIPHERTEXT: Final = sm2_cipher.convert(
    bytes.fromhex(
        "04"
        "04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
        "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
        "59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"
        "21886CA989CA9C7D58087307CA93092D651EFA"
    ),
    Order.C1C3C2,
    Order.ASN1,
)


def self_test(backend: Sm2Backend) -> None:
    """Check a backend with the examples of GB/T 32918.5; raise CryptoUnavailable saying which one
    failed.

    The standard's private key is public, so signing with it shows nothing.
    """
    key = PrivateKey.from_hex(_KNOWN_SCALAR)
    if not backend.verify(key.public, _KNOWN_MESSAGE, _KNOWN_SIGNATURE, DEFAULT_ID):
        raise CryptoUnavailable("self-test: the known signature is refused")
    if backend.verify(key.public, _KNOWN_MESSAGE + b".", _KNOWN_SIGNATURE, DEFAULT_ID):
        raise CryptoUnavailable("self-test: a signature of another message is accepted")
    if backend.verify(key.public, _KNOWN_MESSAGE, _KNOWN_SIGNATURE, b"another signer"):
        raise CryptoUnavailable("self-test: the signer id is ignored")
    if backend.decrypt(key, _KNOWN_CIPHERTEXT) != _KNOWN_PLAINTEXT:
        raise CryptoUnavailable("self-test: the known ciphertext decrypts wrongly")


def self_test_signing(backend: Sm2Backend) -> None:
    """Check that what a backend signs and encrypts, plain Python accepts; raise CryptoUnavailable
    if not.
    """
    key = PrivateKey.from_hex(_KNOWN_SCALAR)
    oracle = PythonBackend()
    signature = backend.sign(key, _KNOWN_MESSAGE, DEFAULT_ID)
    if not oracle.verify(key.public, _KNOWN_MESSAGE, signature, DEFAULT_ID):
        raise CryptoUnavailable("self-test: the backend signs wrongly")
    ciphertext = backend.encrypt(key.public, _KNOWN_PLAINTEXT)
    if oracle.decrypt(key, ciphertext) != _KNOWN_PLAINTEXT:
        raise CryptoUnavailable("self-test: the backend encrypts wrongly")
