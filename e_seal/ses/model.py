"""What an e-seal and a seal signature say, next to the bytes that were signed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from e_seal.asn1.x509 import Extension

V1: Final = 1
"""GM/T 0031-2014."""
V4: Final = 4
"""GB/T 38540-2020."""
V5: Final = 5
"""GM/T 0031-2025."""

HEADER_ID: Final = "ES"


class SesFormatError(ValueError):
    """The bytes are not a seal or seal signature of the generation they claim."""


class SesVersionUnsupported(SesFormatError):
    """A generation that this release does not read."""

    def __init__(self, version: int | str) -> None:
        super().__init__(f"seal structure {version} is not supported")
        self.version = version


@dataclass(frozen=True, slots=True)
class Picture:
    """The seal's image (印章图片); ``width`` and ``height`` are millimetres."""

    format: str
    data: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Signer:
    """One entry of the seal's list of signers (签章者): a certificate, or only its digest."""

    certificate: bytes | None = None
    digest_algorithm: str = ""
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Seal:
    """An SESeal; ``signed`` is exactly what the maker signed (v4: the slice of SES_SealInfo)."""

    raw: bytes
    signed: bytes
    version: int
    header_id: str
    vendor_id: str
    code: str
    type: int
    name: str
    signers: tuple[Signer, ...]
    created_at: datetime
    valid_from: datetime
    valid_until: datetime
    picture: Picture
    extensions: tuple[Extension, ...]
    maker_certificate: bytes
    signature_algorithm: str
    signature: bytes
    timestamp: bytes | None = None
    """Token over the signature value (version 5)."""

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether ``moment`` (aware) lies inside the seal's own validity period."""
        return self.valid_from <= moment <= self.valid_until


@dataclass(frozen=True, slots=True)
class SealSignature:
    """An SES_Signature; ``signed`` is the received slice of TBS_Sign."""

    raw: bytes
    signed: bytes
    version: int
    seal: Seal
    signed_at: datetime
    data_hash: bytes
    property_info: str
    extensions: tuple[Extension, ...]
    signer_certificate: bytes
    signature_algorithm: str
    signature: bytes
    timestamp: bytes | None
    """Token over the signature value."""
    time_token: bytes | None = None
    """Token that stands for the time itself inside what is signed (version 1)."""
