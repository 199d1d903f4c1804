"""Reads licences for cases and pre-checks: each question with a grant, each file with a verdict."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final, Protocol

import e_license
import e_seal
from gateway.cases import translate
from gateway.cases.errors import LicenceNotUsable
from gateway.cases.model import Applicant, Case
from gateway.cases.purposes import LicenceMatters, OpenPrecheck
from gateway.catalog.model import Item, Material
from kernel.clock import Clock, beijing_day
from kernel.errors import UpstreamError
from kernel.work import Work, WorkSource

_log: Final = logging.getLogger(__name__)
NO_FILE: Final = "NO_FILE"
"""The source handed out data but no file."""
NO_SEAL: Final = "NO_SEAL"
"""The file is a picture, which no seal can protect."""


class SealVerifier(Protocol):
    """Verifies sealed documents (验章)."""

    async def verify(self, file: bytes) -> e_seal.Report:
        """Return what was found."""
        ...


class LicenceReader:
    """The one way from cases to licences (用证); nothing here calls a source without a grant."""

    def __init__(
        self,
        *,
        licences: e_license.LicenceService,
        grants: e_license.Grants,
        matters: LicenceMatters,
        seals: SealVerifier,
        works: WorkSource,
        clock: Clock,
    ) -> None:
        self._licences = licences
        self._grants = grants
        self._matters = matters
        self._seals = seals
        self._works = works
        self._clock = clock

    async def ask_all(
        self,
        item: Item,
        materials: Sequence[Material],
        applicant: Applicant,
        owner: str,
        client: str,
    ) -> tuple[OpenPrecheck, list[e_license.LicenceAnswer]]:
        """Open a pre-check and ask for the licences of these materials, all within one time."""
        async with self._works.begin() as work:
            opened = await self._matters.open_precheck(work, item, applicant, owner)
            requests = await self._granted(
                work, item, materials, applicant, opened.precheck_id, owner, client
            )
        seconds = self._licences.precheck_seconds
        return opened, await self._licences.lookup_all(requests, seconds=seconds)

    async def find(
        self, item: Item, material: Material, applicant: Applicant, reference: str, owner: str
    ) -> e_license.Licence:
        """Return a valid licence of the applicant. Raises LicenceNotUsable with what to do."""
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

    async def check_again(
        self, item: Item, material: Material, case: Case, identifier: str, actor: str
    ) -> None:
        """Ask the source of a licence whether it still holds, by duty; the answer is recorded."""
        request = await self._fetching(
            item,
            material,
            case,
            identifier,
            e_license.Operation.FETCH,
            e_license.AuthBasis.BY_DUTY,
            actor,
        )
        try:
            await self._licences.fetch(request)
        except (e_license.LicenceNotFound, e_license.LicenceNotSupported) as exc:
            _log.warning("licence of %s cannot be checked again: %s", case.case_id, exc.code)

    async def file(
        self, item: Item, material: Material, case: Case, owner: str, identifier: str
    ) -> tuple[e_license.LicenceDocument | None, str]:
        """Return the licence file and our verdict on its seal; without a file the data stand."""
        request = await self._fetching(
            item,
            material,
            case,
            identifier,
            e_license.Operation.DOCUMENT,
            translate.basis_of(case.content.applicant),
            f"citizen:{owner}",
        )
        try:
            document = await self._licences.fetch_document(request)
        except (
            UpstreamError,
            e_license.LicenceNotFound,
            e_license.LicenceDenied,
            e_license.LicenceNotUsable,
        ) as exc:
            _log.info("no licence file for %s: %s", case.case_id, exc.code)
            return None, NO_FILE
        if document.media_type != "application/ofd":
            return document, NO_SEAL
        try:
            return document, str((await self._seals.verify(document.content)).verdict)
        except e_seal.OfdError:
            return document, str(e_seal.Verdict.INVALID)

    async def _fetching(
        self,
        item: Item,
        material: Material,
        case: Case,
        identifier: str,
        operation: e_license.Operation,
        basis: e_license.AuthBasis,
        actor: str,
    ) -> e_license.FetchRequest:
        wish = e_license.GrantRequest(
            reference=case.case_id,
            actor=actor,
            holder=translate.holder_of(case.content.applicant),
            material_code=material.code,
            licence_type=material.licence_types[0],
            operation=operation,
            basis=basis,
            identifier=identifier,
        )
        async with self._works.begin() as work:
            (grant,) = await self._grants.issue(work, [wish])
        purpose = translate.purpose_of(item, case.case_id, basis)
        return e_license.FetchRequest(actor, identifier, purpose, case.client_id, grant=grant)
