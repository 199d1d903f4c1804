"""What opens the answers of JMAS (报文解密): RSA or SM2, as the province says."""

from __future__ import annotations

import base64
import binascii
from typing import Final, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

from adapters.upstreams.sd_jmas.options import Cipher, Encoding, Options
from kernel.crypto import sm2
from kernel.crypto.errors import DecryptionFailed, InvalidKey
from kernel.crypto.sm2_cipher import Order
from kernel.crypto.sm2_keys import PrivateKey

_MAX_TEXT: Final = 1_000_000
_PEM_EDGE: Final = "-----"
_SM2_ORDERS: Final = {
    Cipher.SM2_C1C3C2: Order.C1C3C2,
    Cipher.SM2_C1C2C3: Order.C1C2C3,
    Cipher.SM2_ASN1: Order.ASN1,
}
_RSA_PADDINGS: Final[dict[Cipher, padding.AsymmetricPadding]] = {
    Cipher.RSA: padding.PKCS1v15(),
    Cipher.RSA_OAEP: padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None),
}


class DoesNotOpen(ValueError):
    """An answer that our private key does not open; the text repeats nothing of it."""


class ResponseDecryptor(Protocol):
    """Opens the encrypted ``data`` of an answer."""

    def open(self, sealed: object) -> str:
        """Return the text inside; raise DoesNotOpen."""
        ...


def decryptor(options: Options, private_key: str) -> ResponseDecryptor:
    """Return what opens answers; raise InvalidKey for a key of another kind.

    ``private_key`` is PKCS#8 as PEM or as one line of base64, for SM2 also 64 hexadecimal digits.
    """
    if options.cipher in _SM2_ORDERS:
        return Sm2Decryptor(
            _sm2_key(private_key), _SM2_ORDERS[options.cipher], options.cipher_encoding
        )
    return RsaDecryptor(
        _rsa_key(private_key), _RSA_PADDINGS[options.cipher], options.cipher_encoding
    )


class Sm2Decryptor:
    """SM2 in one of its three orders (GB/T 32918.4)."""

    def __init__(self, key: PrivateKey, order: Order, encoding: Encoding) -> None:
        self._key = key
        self._order = order
        self._encoding = encoding

    def open(self, sealed: object) -> str:
        data = _bytes(sealed, self._encoding)
        # Libraries that write a point without its leading 04 are common, and one point in 256
        # begins with 04 by itself: the digest inside tells which it was.
        forms = (data,) if self._order is Order.ASN1 else (data, b"\x04" + data)
        for form in forms:
            try:
                return sm2.decrypt(self._key, form, self._order).decode()
            except (DecryptionFailed, ValueError):
                continue
        raise DoesNotOpen("the answer does not open with our SM2 key")


class RsaDecryptor:
    """RSA, a long text in blocks of the key's length one after the other."""

    def __init__(
        self, key: rsa.RSAPrivateKey, padded: padding.AsymmetricPadding, encoding: Encoding
    ) -> None:
        self._key = key
        self._padding = padded
        self._encoding = encoding
        self._block = (key.key_size + 7) // 8

    def open(self, sealed: object) -> str:
        data = _bytes(sealed, self._encoding)
        if not data or len(data) % self._block:
            raise DoesNotOpen("the answer is not whole RSA blocks")
        try:
            blocks = [
                self._key.decrypt(data[start : start + self._block], self._padding)
                for start in range(0, len(data), self._block)
            ]
            return b"".join(blocks).decode()
        except ValueError:
            # Not chained: a decoding error repeats the plain text.
            raise DoesNotOpen("the answer does not open with our RSA key") from None


def _bytes(sealed: object, encoding: Encoding) -> bytes:
    if not isinstance(sealed, str) or len(sealed) > _MAX_TEXT:
        raise DoesNotOpen("encrypted data are a text of at most a million characters")
    # Some deployments quote the text once more, and some break its lines.
    text = "".join(sealed.strip().strip('"').split())
    try:
        if encoding is Encoding.HEX:
            return bytes.fromhex(text)
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise DoesNotOpen(f"encrypted data are not {encoding.value}") from None


def _der(private_key: str) -> bytes:
    lines = [line.strip() for line in private_key.strip().splitlines()]
    text = "".join(line for line in lines if not line.startswith(_PEM_EDGE))
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise InvalidKey("the private key is neither PEM nor base64") from None


def _sm2_key(private_key: str) -> PrivateKey:
    text = private_key.strip()
    if _PEM_EDGE in text:
        return PrivateKey.from_pem(text)
    return PrivateKey.from_hex(text)


def _rsa_key(private_key: str) -> rsa.RSAPrivateKey:
    try:
        key = load_der_private_key(_der(private_key), None)
    except (ValueError, TypeError):
        raise InvalidKey("the private key is not PKCS#8 without a password") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise InvalidKey("the private key is not for RSA")
    return key
