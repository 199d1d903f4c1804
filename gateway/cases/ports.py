"""What cases need to be stored by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from gateway.cases.model import (
    Case,
    CaseId,
    CaseLine,
    CaseMaterial,
    CaseState,
    Document,
    DocumentKind,
    Precheck,
    StaffScope,
    Unsealed,
)
from gateway.catalog.model import Item
from kernel.work import Work


class OnlineGate(Protocol):
    """Knows whether an item can be done online now."""

    def require_open(self, item: Item) -> None:
        """Raise a Failure with the reasons and the way out while it cannot."""
        ...


class CaseRepository(Protocol):
    """Where cases, their materials and their files are kept."""

    async def add(self, work: Work, case: Case) -> None:
        """Store a new case."""
        ...

    async def get(self, work: Work, case_id: str, *, lock: bool = False) -> Case | None:
        """Return a case with its materials; ``lock`` keeps others away until the end."""
        ...

    async def change(self, work: Work, case: Case, changes: dict[str, Any]) -> None:
        """Write columns of a case whose version is still the one read; raises StaleVersion."""
        ...

    async def mine(self, work: Work, owner: str, before: str, limit: int) -> Sequence[CaseLine]:
        """Return an owner's cases, newest first, older than a case id."""
        ...

    async def ids_of(self, work: Work, owner: str) -> Sequence[str]:
        """Return the ids of an owner's newest cases, as many as anybody could be interested in."""
        ...

    async def worklist(
        self, work: Work, scope: StaffScope, state: CaseState, after: str, limit: int
    ) -> Sequence[CaseLine]:
        """Return a department's or region's cases in one state, oldest first, after a case id."""
        ...

    async def put_material(self, work: Work, case_id: CaseId, material: CaseMaterial) -> None:
        """Store what was brought in for a material, replacing what was there."""
        ...

    async def add_file(
        self, work: Work, case_id: CaseId, material: CaseMaterial, content: bytes
    ) -> None:
        """Store the bytes of an uploaded file."""
        ...

    async def file(self, work: Work, case_id: str, file_id: str) -> tuple[str, bytes] | None:
        """Return media type and bytes of a file of a case."""
        ...


class PrecheckRepository(Protocol):
    """The rows of pre-checks."""

    async def add(self, work: Work, row: Precheck) -> None:
        """Store a new pre-check."""
        ...

    async def get(self, work: Work, precheck_id: str) -> Precheck | None:
        """Return a pre-check."""
        ...


class DocumentRepository(Protocol):
    """Where documents are kept."""

    async def add(self, work: Work, document: Document) -> None:
        """Store a new document without content."""
        ...

    async def get(self, work: Work, document_id: str) -> Document | None:
        """Return a document."""
        ...

    async def of_case(self, work: Work, case_id: str) -> Sequence[Document]:
        """Return the documents of a case, oldest first."""
        ...

    async def find(
        self, work: Work, case_id: str, kind: DocumentKind, version: int
    ) -> Document | None:
        """Return the document of a kind and version."""
        ...

    async def numbered(self, work: Work, number: str) -> Document | None:
        """Return the document with this number (文书编号)."""
        ...

    async def change(self, work: Work, document_id: str, changes: dict[str, Any]) -> None:
        """Write columns of a document."""
        ...

    async def put_unsealed(self, work: Work, document_id: str, unsealed: Unsealed) -> None:
        """Store a document as composed."""
        ...

    async def unsealed(self, work: Work, document_id: str) -> Unsealed | None:
        """Return a document as composed, before sealing."""
        ...

    async def content(self, work: Work, document_id: str) -> bytes | None:
        """Return the bytes as sealed."""
        ...
