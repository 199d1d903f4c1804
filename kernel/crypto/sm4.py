"""SM4 encryption (GB/T 32907-2016) in GCM for our own data and in CBC for upstreams that ask for
it.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.padding import PKCS7

from kernel.crypto.errors import DecryptionFailed, InvalidKey

KEY_SIZE: Final = 16
NONCE_SIZE: Final = 12
TAG_SIZE: Final = 16
BLOCK_SIZE: Final = 16


def encrypt_gcm(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes = b"") -> bytes:
    """Return ciphertext and 16-byte tag. A nonce of 12 bytes must never serve one key twice."""
    encryptor = Cipher(_key(key), modes.GCM(_nonce(nonce))).encryptor()
    encryptor.authenticate_additional_data(associated)
    ciphertext = encryptor.update(plaintext) + encryptor.finalize()
    return ciphertext + encryptor.tag


def decrypt_gcm(key: bytes, nonce: bytes, sealed: bytes, associated: bytes = b"") -> bytes:
    """Return the plain text of ciphertext and tag; raise DecryptionFailed when anything was
    changed.
    """
    if len(sealed) < TAG_SIZE:
        raise DecryptionFailed("the ciphertext is shorter than its tag")
    mode = modes.GCM(_nonce(nonce), sealed[-TAG_SIZE:])
    decryptor = Cipher(_key(key), mode).decryptor()
    decryptor.authenticate_additional_data(associated)
    try:
        return decryptor.update(sealed[:-TAG_SIZE]) + decryptor.finalize()
    except InvalidTag:
        raise DecryptionFailed("the authentication tag does not match") from None


def encrypt_cbc(key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """Return the CBC ciphertext of the PKCS#7-padded plain text; ``iv`` is 16 unpredictable bytes.

    CBC does not notice changes: whoever uses it must check a signature or MAC over the ciphertext
    first.
    """
    padder = PKCS7(BLOCK_SIZE * 8).padder()
    encryptor = Cipher(_key(key), modes.CBC(_iv(iv))).encryptor()
    padded = padder.update(plaintext) + padder.finalize()
    return encryptor.update(padded) + encryptor.finalize()


def decrypt_cbc(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """Return the plain text of a PKCS#7-padded CBC ciphertext; raise DecryptionFailed for wrong
    padding.
    """
    if not ciphertext or len(ciphertext) % BLOCK_SIZE:
        raise DecryptionFailed("the ciphertext is not whole blocks")
    decryptor = Cipher(_key(key), modes.CBC(_iv(iv))).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    unpadder = PKCS7(BLOCK_SIZE * 8).unpadder()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise DecryptionFailed("the padding is wrong") from None


def _key(key: bytes) -> SM4:
    if len(key) != KEY_SIZE:
        raise InvalidKey("an SM4 key has 16 bytes")
    return SM4(key)


def _nonce(nonce: bytes) -> bytes:
    if len(nonce) != NONCE_SIZE:
        raise ValueError("a GCM nonce has 12 bytes")
    return nonce


def _iv(iv: bytes) -> bytes:
    if len(iv) != BLOCK_SIZE:
        raise ValueError("a CBC initialisation vector has 16 bytes")
    return iv
