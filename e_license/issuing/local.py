"""The licences issued here as a source like any other, asked first and never over a wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from e_license.errors import LicenceNotFound, LicenceNotUsable
from e_license.issuing.metadata import face_data, type_of
from e_license.issuing.model import IssuedLicence, IssuedState
from e_license.issuing.ports import IssuedRepository
from e_license.issuing.service import subject_of
from e_license.model import (
    AnswerStatus,
    Holder,
    Licence,
    LicenceAnswer,
    LicenceDocument,
    LicenceState,
    Purpose,
)
from e_license.ports import LicenceProvider, SubjectHash
from kernel.clock import Clock, beijing_day
from kernel.gbcodes import CheckVerdict
from kernel.work import WorkSource

LOCAL: Final = "LOCAL"
"""Name of this source, which a record of use keeps as its provenance."""
_SHOWN: Final = frozenset({IssuedState.VALID, IssuedState.SUSPENDED})
_OFD: Final = "application/ofd"
_KEYS: Final[Mapping[str, str]] = {
    "CZZT": "持证主体",
    "CZZTDM": "持证主体代码",
    "CZZTDMLX": "持证主体代码类型",
    "ZZBH": "证照编号",
    "ZZBFJG": "颁发机构",
    "ZZBFRQ": "颁发日期",
    "ZZYXQQSRQ": "有效期起始",
    "ZZYXQJZRQ": "有效期截止",
}


class LocalLicences(LicenceProvider):
    """Answers from the table of issued licences; raises no upstream error."""

    def __init__(
        self,
        repository: IssuedRepository,
        works: WorkSource,
        clock: Clock,
        subject_hash: SubjectHash,
    ) -> None:
        self._repository = repository
        self._works = works
        self._clock = clock
        self._subject_hash = subject_hash

    async def find(self, holder: Holder, licence_type: str, purpose: Purpose) -> LicenceAnswer:
        """Return what is valid or suspended; what ended is NOT_FOUND, so others are asked."""
        subject = self._subject_hash(subject_of((holder.kind.value, holder.code)))
        async with self._works.read() as work:
            found = await self._repository.of_subject(work, subject, licence_type)
        licences = [self._licence(one) for one in found if one.state in _SHOWN]
        if not licences:
            return LicenceAnswer(AnswerStatus.NOT_FOUND)
        today = beijing_day(self._clock.now())
        licences.sort(key=lambda one: not one.may_replace_paper(today))
        return LicenceAnswer(AnswerStatus.FOUND, tuple(licences))

    async def fetch(self, identifier: str, purpose: Purpose) -> LicenceAnswer:
        """Return one licence in the state in which it is now, also when it ended."""
        found = await self._get(identifier)
        if found is None:
            return LicenceAnswer(AnswerStatus.NOT_FOUND)
        return LicenceAnswer(AnswerStatus.FOUND, (self._licence(found),))

    async def document(self, identifier: str, purpose: Purpose) -> LicenceDocument:
        """Return the sealed file of a valid licence."""
        found = await self._get(identifier)
        if found is None:
            raise LicenceNotFound("no such licence was issued here")
        state = self._state(found)
        if state is not LicenceState.VALID:
            raise LicenceNotUsable("the licence is not valid", state=state.value)
        async with self._works.read() as work:
            content = await self._repository.file(work, found.licence_id)
        if content is None:
            raise LicenceNotFound("the licence has no file")
        return LicenceDocument.of(content, _OFD)

    async def dictionary(self, licence_type: str) -> Mapping[str, str]:
        """Return the labels of a type's face data by their keys."""
        return {**_KEYS, **{one.key: one.label for one in type_of(licence_type).fields}}

    def checks(self) -> Sequence[Any]:
        """Nothing is connected, so there is nothing to examine."""
        return ()

    async def _get(self, identifier: str) -> IssuedLicence | None:
        async with self._works.read() as work:
            found = await self._repository.by_identifier(work, identifier)
        return None if found is None or found.issued_at is None else found

    def _state(self, issued: IssuedLicence) -> LicenceState:
        return issued.state_on(beijing_day(self._clock.now()))

    def _licence(self, issued: IssuedLicence) -> Licence:
        holders = issued.content.holders
        return Licence(
            identifier=issued.identifier,
            identifier_check=CheckVerdict.OK,
            type_code=issued.type_code,
            licence_no=issued.number,
            name=issued.type_name,
            holder_name=",".join(one.name for one in holders),
            issuer=issued.issuer.name,
            valid_from=issued.valid_from,
            valid_to=issued.valid_to,
            face=face_data(issued),
            raw_state=issued.state.value,
            state=self._state(issued),
        )
