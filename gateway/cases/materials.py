"""Brings materials into a case: files, and licences that make a file needless (免提交)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import e_license
from gateway.cases.errors import (
    ConsentMissing,
    ExemptionRefused,
    FileRefused,
    MaterialUnknown,
)
from gateway.cases.licence_reader import LicenceReader
from gateway.cases.material_ledger import MaterialLedger
from gateway.cases.model import (
    Applicant,
    Case,
    CaseMaterial,
    CaseState,
    Content,
    MaterialSource,
    StaffScope,
)
from gateway.cases.mover import CaseMover
from gateway.cases.ports import CaseRepository
from gateway.cases.purposes import OPEN
from gateway.catalog.model import ExemptMode, Item, Material
from gateway.catalog.service import CatalogService
from kernel.clock import Clock, beijing_day
from kernel.errors import NotFound
from kernel.ids import IdSource
from kernel.work import Work, WorkSource

_MAGIC: Final[Mapping[str, tuple[bytes, ...]]] = {
    "application/pdf": (b"%PDF-",),
    "application/ofd": (b"PK\x03\x04",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
}
MEDIA_TYPES: Final = tuple(_MAGIC)
_BY_WORD: Final[Mapping[ExemptMode, MaterialSource]] = {
    ExemptMode.COMMITMENT: MaterialSource.COMMITMENT,
    ExemptMode.DEFERRED: MaterialSource.DEFERRED,
}


@dataclass(frozen=True, slots=True)
class MaterialOutlook:
    """How one material can be brought in, as a pre-check (预检) finds it right now."""

    material: Material
    answer: e_license.LicenceAnswer | None
    """The licence sources' answer; None where no licence can replace the material."""
    advice: str
    advice_en: str
    usable: bool = False
    """Whether a valid licence of the applicant replaces it."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a pre-check found, and how long it may be relied on."""

    materials: tuple[MaterialOutlook, ...]
    precheck_id: str
    valid_until: datetime


class MaterialService:
    """The materials of cases (申请材料)."""

    def __init__(
        self,
        *,
        repository: CaseRepository,
        mover: CaseMover,
        catalog: CatalogService,
        reader: LicenceReader,
        types: e_license.TypeCatalogue,
        ledger: MaterialLedger,
        works: WorkSource,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._repository = repository
        self._mover = mover
        self._catalog = catalog
        self._reader = reader
        self._types = types
        self._ledger = ledger
        self._works = works
        self._clock = clock
        self._ids = ids

    async def upload(
        self, case_id: str, owner: str, code: str, media_type: str, content: bytes
    ) -> CaseMaterial:
        """Store an uploaded file as a material of a draft.

        Raises CaseNotFound, MaterialUnknown, FileRefused, IllegalTransition after submission.
        """
        brought = self._uploaded(code, media_type, content)
        async with self._works.begin() as work:
            case, _ = await self._draft(work, case_id, owner, code)
            await self._repository.add_file(work, case.case_id, brought, content)
            await self._put(work, case, brought)
        return brought

    async def use_licence(
        self, case_id: str, owner: str, code: str, *, consent: bool
    ) -> CaseMaterial:
        """Let a valid licence of the applicant stand for a material of a draft.

        Raises ConsentMissing, LicenceNotUsable, MaterialUnknown, CaseNotFound, IllegalTransition.
        """
        if not consent:
            raise ConsentMissing("the holder's consent is required")
        async with self._works.read() as work:
            case, item = await self._draft(work, case_id, owner, code, lock=False)
        material, applicant = _material(item, code), case.content.applicant
        licence = await self._reader.find(item, material, applicant, case.case_id, owner)
        document, verdict = await self._reader.file(item, material, case, owner, licence.identifier)
        brought = CaseMaterial(
            code=code,
            source=MaterialSource.LICENCE,
            at=self._clock.now(),
            file_id="" if document is None else self._ids.new("file"),
            media_type="" if document is None else document.media_type,
            size=0 if document is None else len(document.content),
            sha256="" if document is None else document.sha256,
            licence_identifier=licence.identifier,
            licence_name=licence.name,
            sm3="" if document is None else document.sm3,
            seal_verdict=verdict,
        )
        values = (await self._types.get(material.licence_types[0])).values(licence.face)
        told = {name: values[key] for name, key in material.field_map.items() if key in values}
        async with self._works.begin() as work:
            case, _ = await self._draft(work, case_id, owner, code)
            if document is not None:
                await self._repository.add_file(work, case.case_id, brought, document.content)
            await self._put(work, case, brought, told)
        return brought

    async def exempt(self, case_id: str, owner: str, code: str, mode: ExemptMode) -> CaseMaterial:
        """Let a commitment (告知承诺) stand for a material, or let it follow later (容缺后补).

        Raises CaseNotFound, MaterialUnknown, ExemptionRefused, IllegalTransition.
        """
        async with self._works.begin() as work:
            case, item = await self._draft(work, case_id, owner, code)
            offered = _material(item, code).exempt
            if mode not in offered or mode not in _BY_WORD:
                raise ExemptionRefused(
                    "the item offers no such exemption", offered=[str(one) for one in offered]
                )
            brought = CaseMaterial(code, _BY_WORD[mode], self._clock.now())
            await self._put(work, case, brought)
        return brought

    async def paper(
        self, case_id: str, scope: StaffScope, code: str, media_type: str, content: bytes
    ) -> CaseMaterial:
        """Store a paper that was asked for at the window, in place of a licence or a promise.

        Raises CaseNotFound, MaterialUnknown, FileRefused, IllegalTransition after the decision.
        """
        brought = self._uploaded(code, media_type, content)
        async with self._works.begin() as work:
            case = await self._mover.in_scope(work, case_id, scope)
            if case.state not in OPEN:
                self._mover.refuse(case, CaseState.DECIDED)
            _material(await self._catalog.get(case.item_code), code)
            await self._repository.add_file(work, case.case_id, brought, content)
            await self._put(work, case, brought)
            await self._ledger.asked(work, case.case_id, code)
        return brought

    async def recheck(self, case_id: str, scope: StaffScope) -> None:
        """Ask the sources again about the licences of a case that is to be decided.

        What they say is recorded; a source that does not answer leaves the record as it is. Raises
        CaseNotFound.
        """
        async with self._works.read() as work:
            case = await self._mover.in_scope(work, case_id, scope, lock=False)
            item = await self._catalog.get(case.item_code)
        if case.state not in {CaseState.ACCEPTED, CaseState.REVIEWING}:
            return
        for brought in case.materials:
            material = item.material(brought.code)
            if brought.source is MaterialSource.LICENCE and material is not None:
                await self._reader.check_again(
                    item, material, case, brought.licence_identifier, scope.actor
                )

    def _uploaded(self, code: str, media_type: str, content: bytes) -> CaseMaterial:
        if not content.startswith(_MAGIC.get(media_type, ())):
            raise FileRefused("the content is not of the declared type", accepted=list(MEDIA_TYPES))
        return CaseMaterial(
            code=code,
            source=MaterialSource.UPLOAD,
            at=self._clock.now(),
            file_id=self._ids.new("file"),
            media_type=media_type,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )

    async def outlook(
        self, item: Item, applicant: Applicant, owner: str, *, consent: bool, client: str = ""
    ) -> Outlook:
        """Say for each material whether a licence replaces it now; asks only with consent.

        All licences are asked for at once and within one time. Raises ConsentMissing.
        """
        if not consent:
            raise ConsentMissing("the holder's consent is required")
        replaceable = [material for material in item.materials if material.licence_types]
        opened, answers = await self._reader.ask_all(item, replaceable, applicant, owner, client)
        told = {
            material.code: answer for material, answer in zip(replaceable, answers, strict=True)
        }
        found = [self._judge(material, told.get(material.code)) for material in item.materials]
        return Outlook(tuple(found), opened.precheck_id, opened.valid_until)

    async def content(self, case_id: str, scope: StaffScope, code: str) -> tuple[str, bytes]:
        """Return media type and bytes of an uploaded material, for staff. Raises NotFound."""
        async with self._works.read() as work:
            case = await self._mover.in_scope(work, case_id, scope, lock=False)
            brought = case.material(code)
            if brought is None or not brought.file_id:
                raise MaterialUnknown("nothing was uploaded for this material")
            stored = await self._repository.file(work, case.case_id, brought.file_id)
        if stored is None:
            raise NotFound("the file is gone")
        return stored

    def _judge(self, material: Material, answer: e_license.LicenceAnswer | None) -> MaterialOutlook:
        if answer is None:
            return MaterialOutlook(material, None, "请上传文件。", "Please upload a file.")
        today = beijing_day(self._clock.now())
        advice = e_license.advice(answer, today)
        usable = bool(answer.usable(today))
        return MaterialOutlook(material, answer, advice.zh, advice.en, usable=usable)

    async def _draft(
        self, work: Work, case_id: str, owner: str, code: str, *, lock: bool = True
    ) -> tuple[Case, Item]:
        case = await self._mover.own(work, case_id, owner, lock=lock)
        if case.state is not CaseState.DRAFT:
            self._mover.refuse(case, CaseState.SUBMITTED)
        item = await self._catalog.get(case.item_code)
        _material(item, code)
        return case, item

    async def _put(
        self,
        work: Work,
        case: Case,
        brought: CaseMaterial,
        told: Mapping[str, str] | None = None,
    ) -> None:
        await self._repository.put_material(work, case.case_id, brought)
        changes: dict[str, Content] = {}
        if told:
            # An empty field is filled; a filled one is never corrected, only compared.
            content = case.content
            typed = {name: value for name, value in content.form.items() if value.strip()}
            changes["content"] = replace(
                content, form={**told, **typed}, licensed={**content.licensed, **told}
            )
        await self._repository.change(work, case, changes)
        await work.emit(
            "case.material_added", case.case_id, {"code": brought.code, "source": brought.source}
        )


def _material(item: Item, code: str) -> Material:
    material = item.material(code)
    if material is None:
        raise MaterialUnknown("the item has no such material")
    return material
