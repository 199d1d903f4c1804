"""What the e-seal domain needs from outside: a province's seal system, and a place to keep acts."""

from typing import Final, Protocol

from e_seal.model import Papers, SealAct, SealRecord, SealState, SignRequest
from kernel.work import Work

PORT_VERSION: Final = 1
"""Revision of SealProvider; it rises with every incompatible change."""


class SealProvider(Protocol):
    """A unified e-seal system (统一电子印章系统); methods may raise the five upstream errors."""

    async def get_seal(self, seal_code: str) -> SealRecord:
        """Return the seal's SESeal bytes and state; UpstreamRejected when there is none."""
        ...

    async def sign_digest(self, request: SignRequest) -> bytes:
        """Use the seal once and return SES_Signature (DER).

        The same ``request_id`` with the same content is the same use. UpstreamUnavailable means
        that nothing reached the province, UpstreamOutcomeUnknown that nobody knows.
        """
        ...

    async def find_signature(self, request_id: str) -> bytes | None:
        """Return the SES_Signature made for a request, or None when it made none."""
        ...

    async def status(self, seal_code: str) -> SealState:
        """Return the state of a seal now."""
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
