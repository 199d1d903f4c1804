"""In-memory parts of the licence domain, given through constructors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from e_license import (
    AnswerStatus,
    AuthBasis,
    Holder,
    IdDocType,
    Licence,
    LicenceAnswer,
    LicenceDocument,
    LicenceProvider,
    LicenceState,
    LicenceUse,
    LookupRequest,
    Matter,
    Purpose,
    SubjectHash,
    hash_of,
)
from e_license.grants.model import Grant, Use
from e_license.model import Access
from kernel.gbcodes import CheckVerdict
from kernel.work import JsonMap, Move, Work, open_works

ID_NUMBER = "370102199003071238"
HOLDER = Holder(IdDocType.CITIZEN_ID, ID_NUMBER)
TYPE = "11100000000013127D001"
IDENTIFIER = "1.2.156.3005.2.11100000000013127D001.370102.20200307000000000001.001.Q"


def purpose(reference: str = "case-1", cause: str = "办理许可") -> Purpose:
    return Purpose("item-1", "许可", reference, cause, AuthBasis.HOLDER_ONLINE_CONSENT)


def lookup(reference: str = "case-1", **changed: Any) -> LookupRequest:
    request = LookupRequest("citizen:1", HOLDER, TYPE, purpose(reference), "M01", "PORTAL", "t-1")
    return replace(request, **changed)


def licence(**changed: Any) -> Licence:
    made = Licence(
        identifier=IDENTIFIER,
        identifier_check=CheckVerdict.OK,
        type_code=TYPE,
        licence_no=ID_NUMBER,
        name="居民身份证",
        holder_name="张明轩",
        issuer="济南市公安局",
        valid_from=date(2020, 3, 7),
        valid_to=date(2040, 3, 7),
        face={"gmsfhm": ID_NUMBER},
        raw_state="5",
        state=LicenceState.VALID,
    )
    return replace(made, **changed)


def found(*licences: Licence) -> LicenceAnswer:
    return LicenceAnswer(AnswerStatus.FOUND, licences or (licence(),), upstream_status="0")


NOTHING = LicenceAnswer(AnswerStatus.NOT_FOUND, upstream_status="10")


@dataclass
class FakeProvider(LicenceProvider):
    """Answers with what it is told to, or raises it."""

    answer: LicenceAnswer | BaseException = field(default_factory=found)
    file: LicenceDocument | BaseException = field(
        default_factory=lambda: LicenceDocument.of(b"PK\x03\x04", "application/ofd")
    )
    asked: int = 0
    found_for: list[tuple[Holder, str, Purpose]] = field(default_factory=list)

    async def find(self, holder: Holder, licence_type: str, purpose: Purpose) -> LicenceAnswer:
        self.found_for.append((holder, licence_type, purpose))
        return self._said()

    async def fetch(self, identifier: str, purpose: Purpose) -> LicenceAnswer:
        return self._said()

    async def document(self, identifier: str, purpose: Purpose) -> LicenceDocument:
        self.asked += 1
        if isinstance(self.file, BaseException):
            raise self.file
        return self.file

    def checks(self) -> Sequence[Any]:
        return ()

    def _said(self) -> LicenceAnswer:
        assert open_works.get() == 0
        self.asked += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class MemoryWorks:
    """Units of work that remember the events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, JsonMap]] = []

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Work]:
        token = open_works.set(open_works.get() + 1)
        try:
            yield _MemoryWork(self)
        finally:
            open_works.reset(token)

    read = begin


class _MemoryWork:
    def __init__(self, works: MemoryWorks) -> None:
        self._works = works

    async def moved(self, move: Move) -> None:
        raise AssertionError("licences have no state machine")

    async def emit(self, topic: str, reference: str, data: JsonMap) -> None:
        self._works.events.append((topic, reference, data))

    async def enqueue(
        self, kind: str, key: str, payload: JsonMap | None = None, *, due: datetime | None = None
    ) -> bool:
        raise AssertionError("licences have no tasks")

    async def next_number(self, sequence: str) -> int:
        raise AssertionError("licences have no numbers")


class OpenMatters:
    """Every reference is an open matter of one holder, with one licence type for every material."""

    def __init__(self, subject_hash: SubjectHash, holder: Holder = HOLDER) -> None:
        self.subject = hash_of(holder, subject_hash)
        self.types = {"M01": (TYPE,)}
        self.closed: set[str] = set()

    async def open_matter(self, work: Work, reference: str) -> Matter | None:
        if reference in self.closed:
            return None
        return Matter(reference, "item-1", self.subject, self.types)


class MemoryGrants:
    """GrantRepository in a dictionary."""

    def __init__(self) -> None:
        self.live: dict[str, Grant] = {}
        self.used: list[Grant] = []

    async def add(self, work: Work, grants: Sequence[Grant]) -> None:
        self.live.update({grant.grant_id: grant for grant in grants})

    async def consume(self, work: Work, uses: Sequence[Use], now: datetime) -> set[str]:
        taken = set()
        for use in uses:
            grant = self.live.get(use.grant_id)
            if grant is None or grant.expires_at <= now or not agrees(grant, use):
                continue
            self.used.append(self.live.pop(use.grant_id))
            taken.add(use.grant_id)
        return taken


def agrees(grant: Grant, use: Use) -> bool:
    """Return whether a grant is for exactly this question."""
    return all(
        getattr(grant, name) == getattr(use, name)
        for name in ("reference", "subject_hash", "licence_type", "operation", "identifier")
    )


class MemoryRepository:
    """LicenceRepository in two lists."""

    def __init__(self) -> None:
        self.log: list[Access] = []
        self.rows: dict[tuple[str, str, str], LicenceUse] = {}

    async def log_access(self, work: Work, access: Access) -> None:
        self.log.append(access)

    async def accesses(
        self, work: Work, subject_hash: str, before: int | None, limit: int
    ) -> Sequence[tuple[int, Access]]:
        rows = [row for row in enumerate(self.log) if row[1].subject_hash == subject_hash]
        return [row for row in reversed(rows) if before is None or row[0] < before][:limit]

    async def save_use(self, work: Work, use: LicenceUse) -> bool:
        key = (use.reference, use.material_code, use.identifier)
        old = self.rows.get(key)
        self.rows[key] = use if old is None else replace(use, id=old.id)
        return old is None or old.state != use.state

    async def uses(self, work: Work, reference: str) -> Sequence[LicenceUse]:
        return [use for key, use in self.rows.items() if key[0] == reference]

    async def set_document(
        self,
        work: Work,
        reference: str,
        identifier: str,
        document: LicenceDocument,
        at: datetime,
    ) -> None:
        for key, use in self.rows.items():
            if (use.reference, use.identifier) == (reference, identifier):
                self.rows[key] = replace(
                    use,
                    media_type=document.media_type,
                    sha256=document.sha256,
                    sm3=document.sm3,
                    document_at=at,
                )
