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
    Purpose,
)
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

    async def find(self, holder: Holder, licence_type: str, purpose: Purpose) -> LicenceAnswer:
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


class MemoryRepository:
    """LicenceRepository in two lists."""

    def __init__(self) -> None:
        self.log: list[Access] = []
        self.rows: dict[tuple[str, str, str], LicenceUse] = {}

    async def log_access(self, work: Work, access: Access) -> None:
        self.log.append(access)

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
