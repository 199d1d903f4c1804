"""What the licence domain and a source of licences hand each other besides licences and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from e_license.model import Holder

MAX_CONSENT_REFERENCE: Final = 128


class Capability(StrEnum):
    """What not every source of licences can do; a manifest lists what its source can."""

    FIND = "find"
    FETCH = "fetch"
    DOCUMENT = "document"
    DOCUMENTS = "documents"
    """The files of all of a holder's licences of one type."""
    COPY = "copy"
    """加注件: a copy that names its purpose and its end, as a file or a picture."""
    CODE = "code"
    """亮证: the licence behind the code that its holder shows."""
    CONSENT = "consent"
    """扫码用证授权: the holder's consent, given in the province's app."""
    VERIFY = "verify"
    """Says whether face data agree with a licence, without handing them out."""
    VERIFY_FILE = "verify_file"
    DICTIONARY = "dictionary"
    VIEW = "view"
    """亮证查看: a pass with which a terminal shows a licence at its source."""


class ConsentStatus(StrEnum):
    """How far a consent that was asked for in the province's app has come (授权状态)."""

    PENDING = "PENDING"
    AUTHORISED = "AUTHORISED"
    DENIED = "DENIED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class ConsentStarted:
    """A consent that the holder is being asked for.

    ``reference`` has at most 128 characters, opens nothing outside the case for which it was made
    and works once for every type.
    """

    reference: str = field(repr=False)
    expires_at: datetime
    """Aware UTC; later answers are EXPIRED."""


class Agreement(StrEnum):
    """What a source says about face data that were put to it (核验结果)."""

    VALID = "VALID"
    """Right, and the licence is valid."""
    NOT_ACTIVE = "NOT_ACTIVE"
    """Right, and the licence is not active yet."""
    SUSPENDED = "SUSPENDED"
    """Right, and the licence may not be used for the time being."""
    NO_LONGER_VALID = "NO_LONGER_VALID"
    """Right, and the licence has ended."""
    TOO_LITTLE = "TOO_LITTLE"
    """Not enough was put to the source."""
    NO_RECORD = "NO_RECORD"
    WRONG = "WRONG"
    """Something is wrong or missing."""
    NOT_OFFERED = "NOT_OFFERED"
    """The source does not verify this type, or not in this form."""


@dataclass(frozen=True, slots=True)
class ClaimedFace:
    """Face data as somebody claims them, to be verified; the repr shows none of them."""

    holder: Holder
    holder_name: str = field(repr=False)
    licence_no: str = field(repr=False)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Further face data with the source's own keys, as ``dictionary`` lists them."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer to claimed face data, or to a file."""

    agreement: Agreement
    upstream_status: str = ""
    """The source's own code of the result."""


@dataclass(frozen=True, slots=True)
class ViewingPass:
    """证照查看令牌; the token goes to the terminal that shows the licence and nowhere else."""

    token: str = field(repr=False)
    expires_at: datetime
    """Aware UTC."""
