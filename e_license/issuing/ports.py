"""What issuing licences needs to be stored by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from e_license.issuing.model import Composed, IndexRow, IssuedLicence, Proposal
from kernel.work import Work


class IssuedRepository(Protocol):
    """Where issued licences, proposals and records for the catalogue are kept."""

    async def add(self, work: Work, licence: IssuedLicence, subjects: Sequence[str]) -> None:
        """Store a new version; ``subjects`` are keyed digests of its holders."""
        ...

    async def get(self, work: Work, licence_id: str, *, lock: bool = False) -> IssuedLicence | None:
        """Return a version, locked for this unit where the database can do so."""
        ...

    async def by_identifier(self, work: Work, identifier: str) -> IssuedLicence | None:
        """Return the version of an identifier (电子证照标识)."""
        ...

    async def of_reference(self, work: Work, reference: str) -> Sequence[IssuedLicence]:
        """Return every version that came of a case, the first one first."""
        ...

    async def of_subject(self, work: Work, subject: str, type_code: str) -> Sequence[IssuedLicence]:
        """Return a holder's licences of one type, the newest first."""
        ...

    async def page(
        self, work: Work, issuer: str, areas: Sequence[str], after: int, limit: int
    ) -> Sequence[tuple[int, IssuedLicence]]:
        """Return licences with their positions, oldest first: one issuer's, or those of areas."""
        ...

    async def save(
        self, work: Work, licence: IssuedLicence, changes: Mapping[str, Any]
    ) -> IssuedLicence:
        """Write columns of a version; StaleVersion when somebody was faster."""
        ...

    async def put_composed(self, work: Work, licence_id: str, composed: Composed) -> None:
        """Store the file before sealing."""
        ...

    async def composed(self, work: Work, licence_id: str) -> Composed | None:
        """Return the file before sealing."""
        ...

    async def put_file(self, work: Work, licence_id: str, content: bytes) -> None:
        """Store the sealed file, and forget the unsealed one."""
        ...

    async def file(self, work: Work, licence_id: str) -> bytes | None:
        """Return the sealed file."""
        ...

    async def add_proposal(self, work: Work, proposal: Proposal) -> None:
        """Store a proposal."""
        ...

    async def proposals(self, work: Work, licence_id: str) -> Sequence[Proposal]:
        """Return every proposal about a version, oldest first."""
        ...

    async def decide(self, work: Work, proposal: Proposal) -> None:
        """Write how a proposal ended; StaleVersion when it is not open any more."""
        ...

    async def add_index(self, work: Work, row: IndexRow) -> None:
        """Append a record for the catalogue."""
        ...

    async def index_page(self, work: Work, after: int, limit: int) -> Sequence[IndexRow]:
        """Return records after a sequence number, in order."""
        ...
