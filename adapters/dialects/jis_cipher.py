"""AES as the JIS family uses it for user data and for some parameters: ECB, written as hexadecimal.

Source: public integrations of 大汉 JIS; without authentication, so it protects nothing that TLS
does not.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

APPWORD_LENGTH: Final = 16
_BLOCK_BITS: Final = 128


class NotOurCipher(ValueError):
    """User data that do not decrypt; the text repeats nothing of them."""


def _cipher(appword: str) -> Cipher[modes.ECB]:
    # ECB without authentication is the dialect of JIS, not a choice of ours: user data travel so
    # and only inside TLS.
    return Cipher(algorithms.AES128(appword.encode("ascii")), modes.ECB())  # noqa: S305


def encrypt_data(text: str, appword: str) -> str:
    """Return lower-case hexadecimal AES-128-ECB with PKCS#7; the key is the 16
    ASCII ``appword``.
    """
    padder = padding.PKCS7(_BLOCK_BITS).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    encryptor = _cipher(appword).encryptor()
    return (encryptor.update(padded) + encryptor.finalize()).hex()


def decrypt_data(hexadecimal: str, appword: str) -> str:
    """Return what ``encrypt_data`` encrypted; raise NotOurCipher for anything else."""
    try:
        decryptor = _cipher(appword).decryptor()
        padded = decryptor.update(bytes.fromhex(hexadecimal)) + decryptor.finalize()
        unpadder = padding.PKCS7(_BLOCK_BITS).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError:
        # Not chained: a decoding error repeats the plain text.
        raise NotOurCipher("user data do not decrypt with this appword") from None
