"""What the e-seal domain needs from outside: a province's seal system, and a place to keep acts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

from e_seal.model import (
    Papers,
    Revocation,
    SealAct,
    SealRecord,
    SealState,
    SealSummary,
    SignRequest,
)
from kernel.work import Work

PORT_VERSION: Final = 2
"""Revision of SealProvider; it rises with every incompatible change."""


class SealProvider(Protocol):
    """A unified e-seal system (统一电子印章系统); methods may raise the five upstream errors."""

    async def list_seals(self, unit: str, signer: str) -> Sequence[SealSummary]:
        """Return the seals that a signer may use for a unit, by code; ``unit`` is the credit code.

        A signer or unit that the province does not know has none.
        """
        ...

    async def get_seal(self, seal_code: str) -> SealRecord:
        """Return the seal's SESeal bytes and state; UpstreamRejected when there is none."""
        ...

    async def sign_digest(self, request: SignRequest) -> bytes:
        """Use the seal once and return SES_Signature (DER), or CMS signed data if so requested.

        The same ``request_id`` with the same content is the same use. UpstreamUnavailable means
        that nothing reached the province, UpstreamOutcomeUnknown that nobody knows. A form that the
        province does not offer is UpstreamRejected.
        """
        ...

    async def find_signature(self, request_id: str) -> bytes | None:
        """Return what was signed for a request, or None when nothing was."""
        ...

    async def status(self, seal_code: str) -> SealState:
        """Return the state of a seal now."""
        ...


class SealVerifier(Protocol):
    """What a seal system may offer beside: its own opinion of a value (验章). Ours decides."""

    async def verify(
        self, signature: bytes, *, seal: bytes, digest: bytes, property_info: str, at: datetime
    ) -> bool:
        """Return whether the province takes an SES_Signature for genuine."""
        ...


class SealStatusSource(Protocol):
    """Publishes which seals are dead (印章状态发布系统); methods raise the five upstream errors."""

    async def status(self, code: str, name: str, at: datetime) -> SealState:
        """Return the state of a seal at a moment (aware); UNKNOWN for a seal that is not listed."""
        ...

    async def revocations(self, since: datetime) -> Sequence[Revocation]:
        """Return every seal that died at or after ``since``, the whole list, in order of time.

        A list whose signature does not hold is UpstreamProtocolError; nothing of it is returned.
        """
        ...


class ActRepository(Protocol):
    """Keeps seal acts and their papers."""

    async def add(self, work: Work, act: SealAct, papers: Papers) -> bool:
        """Store a new act; False when its document version has one already."""
        ...

    async def get(self, work: Work, act_id: str, *, lock: bool = False) -> SealAct | None:
        """Return an act, locked for this unit where the database can do so."""
        ...

    async def by_document(self, work: Work, document_id: str, version: int) -> SealAct | None:
        """Return the act of a document version."""
        ...

    async def by_reference(self, work: Work, reference: str) -> list[SealAct]:
        """Return the acts of a case, the oldest first."""
        ...

    async def page(
        self, work: Work, reference: str | None, before: int | None, limit: int
    ) -> Sequence[tuple[int, SealAct]]:
        """Return acts with their positions, the newest first; ``before`` is a position."""
        ...

    async def save(self, work: Work, act: SealAct) -> SealAct:
        """Store a changed act; StaleVersion when somebody else changed it."""
        ...

    async def papers(self, work: Work, act_id: str) -> Papers:
        """Return the bytes of an act."""
        ...

    async def save_papers(self, work: Work, act_id: str, papers: Papers) -> None:
        """Replace the bytes of an act."""
        ...

    async def unfinished(self, work: Work, after: str, limit: int) -> list[str]:
        """Return ids of acts that are not final, in order, greater than ``after``."""
        ...

    async def add_revocations(self, work: Work, found: Sequence[Revocation]) -> list[Revocation]:
        """Store what was not known yet and return that."""
        ...

    async def revocation(self, work: Work, seal_code: str) -> Revocation | None:
        """Return the earliest known revocation of a seal."""
        ...

    async def newest_revocation(self, work: Work) -> datetime | None:
        """Return the latest time of the stored list."""
        ...
