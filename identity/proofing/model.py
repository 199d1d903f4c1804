"""One raise of an account's proofing level (实名等级提升), with its evidence and its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from identity.model import Ial, IdType


class ProofingState(StrEnum):
    """Whether a raise still counts. Its time limit is not a state: an old one just does not."""

    ACTIVE = "ACTIVE"
    REVOKED = "REVOKED"


class ProofingSource(StrEnum):
    """By what the level was proven."""

    DATA_CHECK = "DATA_CHECK"
    """Name and number matched with the population base (二要素核验)."""
    SECOND_FACTOR = "SECOND_FACTOR"
    """A live face, or another method that compares the person with the official record."""
    WINDOW = "WINDOW"
    """窗口核验: a clerk saw person and document."""


@dataclass(frozen=True, kw_only=True)
class Proofing:
    """``person_index`` is the blind index of the id number: the raise counts for this person only,
    whoever else uses the account later. ``evidence`` never holds what a document says beyond its
    kind, its last four characters and who issued it.
    """

    id: str
    sub: str
    person_index: str
    ial: Ial
    source: ProofingSource
    evidence: dict[str, str] = field(repr=False)
    state: ProofingState
    created_at: datetime
    expires_at: datetime
    made_by: str = ""
    """Member of staff at the window; empty for what the account's holder did alone."""
    revoked_at: datetime | None = None
    revoked_by: str = ""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a clerk saw: the person and its document. Compared, and not stored."""

    sub: str
    name: str = field(repr=False)
    document: IdType
    number: str = field(repr=False)
    office: str
    """Issuing office (签发机关)."""
