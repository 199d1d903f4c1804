"""Tells the licence domain which cases and pre-checks are open, and what they entitle to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import e_license
from gateway.cases.model import Applicant, CaseState, Precheck
from gateway.cases.ports import CaseRepository, PrecheckRepository
from gateway.cases.translate import holder_of
from gateway.catalog.model import Item
from gateway.catalog.service import CatalogService, ItemNotFound
from kernel.clock import Clock
from kernel.ids import IdSource
from kernel.work import Work

PRECHECK_LIFE: Final = timedelta(minutes=5)
OPEN: Final = frozenset(
    {
        CaseState.DRAFT,
        CaseState.SUBMITTED,
        CaseState.RECEIVED,
        CaseState.ACCEPTED,
        CaseState.REVIEWING,
        CaseState.AWAITING_PAYMENT,
    }
)
"""States in which a case still needs to know its applicant's licences."""


@dataclass(frozen=True, slots=True)
class OpenPrecheck:
    """A pre-check that was opened, and until when it entitles to look-ups."""

    precheck_id: str
    valid_until: datetime


class LicenceMatters:
    """Open cases and pre-checks, as far as they entitle to licences."""

    def __init__(
        self,
        cases: CaseRepository,
        prechecks: PrecheckRepository,
        catalog: CatalogService,
        clock: Clock,
        ids: IdSource,
        subject_hash: e_license.SubjectHash,
    ) -> None:
        self._cases = cases
        self._prechecks = prechecks
        self._catalog = catalog
        self._clock = clock
        self._ids = ids
        self._subject_hash = subject_hash

    async def open_precheck(
        self, work: Work, item: Item, applicant: Applicant, owner: str
    ) -> OpenPrecheck:
        """Write down that somebody asks about an item; the row is what look-ups rest on."""
        now = self._clock.now()
        row = Precheck(
            precheck_id=self._ids.new("precheck"),
            item_code=item.code,
            owner=owner,
            subject_hash=e_license.hash_of(holder_of(applicant), self._subject_hash),
            opened_at=now,
            expires_at=now + PRECHECK_LIFE,
        )
        await self._prechecks.add(work, row)
        return OpenPrecheck(row.precheck_id, row.expires_at)

    async def open_matter(self, work: Work, reference: str) -> e_license.Matter | None:
        """Return what a reference entitles to now; None when nothing is open under it."""
        row = await self._prechecks.get(work, reference)
        if row is not None:
            if row.expires_at <= self._clock.now():
                return None
            return await self._matter(reference, row.item_code, row.subject_hash)
        case = await self._cases.get(work, reference)
        if case is None or case.state not in OPEN:
            return None
        subject = e_license.hash_of(holder_of(case.content.applicant), self._subject_hash)
        return await self._matter(reference, case.item_code, subject)

    async def _matter(
        self, reference: str, item_code: str, subject: str
    ) -> e_license.Matter | None:
        try:
            item = await self._catalog.get(item_code)
        except ItemNotFound:
            return None
        types = {material.code: material.licence_types for material in item.materials}
        return e_license.Matter(reference, item_code, subject, types)
