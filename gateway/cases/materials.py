"""Brings materials into a case: files, and licences that make a file needless (免提交)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import e_license
from gateway.cases import translate
from gateway.cases.errors import (
    ConsentMissing,
    FileRefused,
    LicenceNotUsable,
    MaterialUnknown,
)
from gateway.cases.model import (
    Applicant,
    Case,
    CaseMaterial,
    CaseState,
    MaterialSource,
    StaffScope,
)
from gateway.cases.mover import CaseMover
from gateway.cases.ports import CaseRepository
from gateway.cases.purposes import LicenceMatters
from gateway.catalog.model import Item, Material
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
        licences: e_license.LicenceService,
        grants: e_license.Grants,
        matters: LicenceMatters,
        works: WorkSource,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._repository = repository
        self._mover = mover
        self._catalog = catalog
        self._licences = licences
        self._grants = grants
        self._matters = matters
        self._works = works
        self._clock = clock
        self._ids = ids

    async def upload(
        self, case_id: str, owner: str, code: str, media_type: str, content: bytes
    ) -> CaseMaterial:
        """Store an uploaded file as a material of a draft.

        Raises CaseNotFound, MaterialUnknown, FileRefused, IllegalTransition after submission.
        """
        if not content.startswith(_MAGIC.get(media_type, ())):
            raise FileRefused("the content is not of the declared type", accepted=list(MEDIA_TYPES))
        brought = CaseMaterial(
            code=code,
            source=MaterialSource.UPLOAD,
            at=self._clock.now(),
            file_id=self._ids.new("file"),
            media_type=media_type,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
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
        material = _material(item, code)
        licence = await self._find(item, material, case.content.applicant, case.case_id, owner)
        brought = CaseMaterial(
            code=code,
            source=MaterialSource.LICENCE,
            at=self._clock.now(),
            licence_identifier=licence.identifier,
            licence_name=licence.name,
        )
        async with self._works.begin() as work:
            case, _ = await self._draft(work, case_id, owner, code)
            await self._put(work, case, brought)
        return brought

    async def outlook(
        self, item: Item, applicant: Applicant, owner: str, *, consent: bool, client: str = ""
    ) -> Outlook:
        """Say for each material whether a licence replaces it now; asks only with consent.

        All licences are asked for at once and within one time. Raises ConsentMissing.
        """
        if not consent:
            raise ConsentMissing("the holder's consent is required")
        replaceable = [material for material in item.materials if material.licence_types]
        async with self._works.begin() as work:
            opened = await self._matters.open_precheck(work, item, applicant, owner)
            requests = await self._granted(
                work, item, replaceable, applicant, opened.precheck_id, owner, client
            )
        seconds = self._licences.precheck_seconds
        answers = await self._licences.lookup_all(requests, seconds=seconds)
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

    async def _find(
        self, item: Item, material: Material, applicant: Applicant, reference: str, owner: str
    ) -> e_license.Licence:
        if not material.licence_types:
            raise LicenceNotUsable("no licence can replace this material")
        answer = await self._ask(item, material, applicant, reference, owner)
        today = beijing_day(self._clock.now())
        usable = answer.usable(today)
        if not usable:
            raise LicenceNotUsable(
                "no usable licence was found",
                licence_status=answer.status,
                advice=e_license.advice(answer, today).zh,
            )
        return usable[0]

    async def _ask(
        self, item: Item, material: Material, applicant: Applicant, reference: str, owner: str
    ) -> e_license.LicenceAnswer:
        async with self._works.begin() as work:
            (request,) = await self._granted(work, item, [material], applicant, reference, owner)
        return await self._licences.lookup(request)

    async def _granted(
        self,
        work: Work,
        item: Item,
        materials: Sequence[Material],
        applicant: Applicant,
        reference: str,
        owner: str,
        client: str = "",
    ) -> list[e_license.LookupRequest]:
        holder, basis = translate.holder_of(applicant), translate.basis_of(applicant)
        actor = f"citizen:{owner}"
        wanted = [
            e_license.GrantRequest(
                reference=reference,
                actor=actor,
                holder=holder,
                material_code=material.code,
                licence_type=material.licence_types[0],
                operation=e_license.Operation.FIND,
                basis=basis,
            )
            for material in materials
        ]
        grants = await self._grants.issue(work, wanted)
        return [
            e_license.LookupRequest(
                actor=actor,
                holder=holder,
                licence_type=material.licence_types[0],
                purpose=translate.purpose_of(item, reference, basis),
                material_code=material.code,
                channel=client,
                grant=grant,
            )
            for material, grant in zip(materials, grants, strict=True)
        ]

    async def _draft(
        self, work: Work, case_id: str, owner: str, code: str, *, lock: bool = True
    ) -> tuple[Case, Item]:
        case = await self._mover.own(work, case_id, owner, lock=lock)
        if case.state is not CaseState.DRAFT:
            self._mover.refuse(case, CaseState.SUBMITTED)
        item = await self._catalog.get(case.item_code)
        _material(item, code)
        return case, item

    async def _put(self, work: Work, case: Case, brought: CaseMaterial) -> None:
        await self._repository.put_material(work, case.case_id, brought)
        await self._repository.change(work, case, {})
        await work.emit(
            "case.material_added", case.case_id, {"code": brought.code, "source": brought.source}
        )


def _material(item: Item, code: str) -> Material:
    material = item.material(code)
    if material is None:
        raise MaterialUnknown("the item has no such material")
    return material
