"""SM2 keys and the byte forms of keys and signatures (GB/T 32918, RFC 5208, RFC 5280, RFC 5915)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Final

from kernel.crypto import der, sm2_curve
from kernel.crypto.errors import InvalidKey

POINT_SIZE: Final = 65
SCALAR_SIZE: Final = 32

_UNCOMPRESSED: Final = 4
_OID_EC: Final = bytes.fromhex("06072a8648ce3d0201")
_OID_SM2: Final = bytes.fromhex("06082a811ccf5501822d")
_ALGORITHM: Final = der.write(der.SEQUENCE, _OID_EC + _OID_SM2)
# Some Chinese issuers name the curve as the algorithm and leave the parameters out or empty.
_ALGORITHMS: Final = frozenset(
    {_OID_EC + _OID_SM2, _OID_SM2, _OID_SM2 + _OID_SM2, _OID_SM2 + b"\x05\x00"}
)
_PUBLIC_IN_PRIVATE: Final = 0xA1
_PEM: Final = re.compile(r"-----BEGIN ([A-Z ]+)-----\s([A-Za-z0-9+/=\s]+)-----END \1-----")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An SM2 public key: the 65 bytes 04‖X‖Y of a point on the curve; raise InvalidKey
    for others.
    """

    point: bytes

    def __post_init__(self) -> None:
        if len(self.point) != POINT_SIZE or self.point[0] != _UNCOMPRESSED:
            raise InvalidKey("a public key is the 65 bytes of an uncompressed point")
        if not sm2_curve.on_curve(self.coordinates):
            raise InvalidKey("the public key is not a point of the SM2 curve")

    @property
    def coordinates(self) -> sm2_curve.Point:
        """X and Y as integers."""
        return int.from_bytes(self.point[1:33]), int.from_bytes(self.point[33:])

    def to_der(self) -> bytes:
        """Return the SubjectPublicKeyInfo."""
        return der.write(der.SEQUENCE, _ALGORITHM + der.write(der.BIT_STRING, b"\0" + self.point))

    def to_pem(self) -> str:
        """Return the SubjectPublicKeyInfo as PEM text."""
        return _to_pem("PUBLIC KEY", self.to_der())

    @classmethod
    def from_der(cls, data: bytes) -> PublicKey:
        """Return the key of a SubjectPublicKeyInfo; raise InvalidKey for any other algorithm or
        form.
        """
        try:
            algorithm, rest = der.read_as(der.SEQUENCE, der.read_only(der.SEQUENCE, data))
            bits = der.read_only(der.BIT_STRING, rest)
        except ValueError as error:
            raise InvalidKey(f"not a SubjectPublicKeyInfo: {error}") from None
        if algorithm not in _ALGORITHMS:
            raise InvalidKey("the public key is not for SM2")
        return cls(bits[1:])

    @classmethod
    def from_pem(cls, text: str) -> PublicKey:
        """Return the key of PEM text ``PUBLIC KEY``; raise InvalidKey otherwise."""
        return cls.from_der(_from_pem("PUBLIC KEY", text))


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """An SM2 private key: 32 bytes, never shown, and its public key."""

    scalar: bytes = field(repr=False)
    public: PublicKey

    @classmethod
    def from_scalar(cls, scalar: bytes) -> PrivateKey:
        """Return the key of 32 bytes; raise InvalidKey outside 1 … n-2."""
        number = int.from_bytes(scalar)
        if len(scalar) != SCALAR_SIZE or not 1 <= number <= sm2_curve.N - 2:
            raise InvalidKey("a private key is 32 bytes between 1 and n-2")
        point = sm2_curve.multiply(number, sm2_curve.G)
        if point is None:
            raise InvalidKey("the private key has no public key")
        return cls(scalar, PublicKey(encode_point(point)))

    @classmethod
    def from_hex(cls, text: str) -> PrivateKey:
        """Return the key of 64 hexadecimal digits; raise InvalidKey otherwise."""
        try:
            return cls.from_scalar(bytes.fromhex(text))
        except ValueError:
            raise InvalidKey("a private key is 64 hexadecimal digits") from None

    def to_der(self) -> bytes:
        """Return the unencrypted PKCS#8 PrivateKeyInfo."""
        bits = der.write(der.BIT_STRING, b"\0" + self.public.point)
        inner = der.write(
            der.SEQUENCE,
            der.write_integer(1)
            + der.write(der.OCTET_STRING, self.scalar)
            + der.write(_PUBLIC_IN_PRIVATE, bits),
        )
        return der.write(
            der.SEQUENCE, der.write_integer(0) + _ALGORITHM + der.write(der.OCTET_STRING, inner)
        )

    def to_pem(self) -> str:
        """Return the unencrypted PKCS#8 PrivateKeyInfo as PEM text."""
        return _to_pem("PRIVATE KEY", self.to_der())

    @classmethod
    def from_der(cls, data: bytes) -> PrivateKey:
        """Return the key of an unencrypted PKCS#8 PrivateKeyInfo.

        A public key inside must belong to the private one. Raise InvalidKey otherwise.
        """
        try:
            version, rest = der.read_integer(der.read_only(der.SEQUENCE, data))
            algorithm, rest = der.read_as(der.SEQUENCE, rest)
            inner, _attributes = der.read_as(der.OCTET_STRING, rest)
        except ValueError as error:
            raise InvalidKey(f"not an unencrypted PKCS#8 private key: {error}") from None
        if version > 1 or algorithm not in _ALGORITHMS:
            raise InvalidKey("the private key is not for SM2")
        return cls.from_ec_der(inner)

    @classmethod
    def from_ec_der(cls, data: bytes) -> PrivateKey:
        """Return the key of an ECPrivateKey (RFC 5915), whose curve the caller knows to be SM2."""
        public: bytes | None = None
        try:
            _version, rest = der.read_integer(der.read_only(der.SEQUENCE, data))
            scalar, rest = der.read_as(der.OCTET_STRING, rest)
            while rest:
                tag, content, rest = der.read(rest)
                if tag == _PUBLIC_IN_PRIVATE:
                    public = der.read_only(der.BIT_STRING, content)[1:]
        except ValueError as error:
            raise InvalidKey(f"not an EC private key: {error}") from None
        key = cls.from_scalar(scalar)
        if public is not None and public != key.public.point:
            raise InvalidKey("the public key inside does not belong to the private key")
        return key

    @classmethod
    def from_pem(cls, text: str) -> PrivateKey:
        """Return the key of PEM text ``PRIVATE KEY``; raise InvalidKey otherwise, also if
        encrypted.
        """
        return cls.from_der(_from_pem("PRIVATE KEY", text))


def encode_point(point: sm2_curve.Point) -> bytes:
    """Return the 65 bytes 04‖X‖Y."""
    return bytes((_UNCOMPRESSED,)) + point[0].to_bytes(32) + point[1].to_bytes(32)


def signature_to_raw(signature: bytes) -> bytes:
    """Return the 64 bytes r‖s of a DER signature; raise ValueError when it is not one."""
    r, s = read_signature(signature)
    if max(r, s) >= 1 << 256:
        raise ValueError("a signature number has more than 32 bytes")
    return r.to_bytes(32) + s.to_bytes(32)


def signature_from_raw(raw: bytes) -> bytes:
    """Return the DER signature of the 64 bytes r‖s; raise ValueError for another length."""
    if len(raw) != 2 * SCALAR_SIZE:
        raise ValueError("a raw signature has 64 bytes")
    return write_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))


def read_signature(signature: bytes) -> tuple[int, int]:
    """Return r and s of a DER signature; raise ValueError when it is not strict DER."""
    r, rest = der.read_integer(der.read_only(der.SEQUENCE, signature))
    s, rest = der.read_integer(rest)
    if rest:
        raise ValueError("trailing bytes")
    return r, s


def write_signature(r: int, s: int) -> bytes:
    """Return the DER signature of r and s."""
    return der.write(der.SEQUENCE, der.write_integer(r) + der.write_integer(s))


def _to_pem(label: str, data: bytes) -> str:
    text = base64.b64encode(data).decode("ascii")
    lines = (text[start : start + 64] for start in range(0, len(text), 64))
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""))


def _from_pem(label: str, text: str) -> bytes:
    for found, body in _PEM.findall(text):
        if found == label:
            try:
                return base64.b64decode("".join(body.split()), validate=True)
            except binascii.Error:
                raise InvalidKey("the PEM text is not base64") from None
    raise InvalidKey(f"no PEM block {label}")
