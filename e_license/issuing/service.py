"""The use cases of issuing licences: mint, publish, change the state, re-issue, check, export."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NoReturn

from e_license.issuing.errors import (
    IssuedNotFound,
    LicenceNotReady,
    ProposalNotFound,
    ProposalOpen,
    SecondPersonNeeded,
)
from e_license.issuing.metadata import face_of, index_record, lacking, term_end, type_of
from e_license.issuing.model import (
    Award,
    Composed,
    Content,
    IndexRow,
    IssuedLicence,
    IssuedState,
    Proposal,
    ProposalState,
    SealedFile,
)
from e_license.issuing.ports import IssuedRepository
from e_license.issuing.states import ALONE, TABLE, TWO_PEOPLE
from e_license.ports import SubjectHash
from kernel.clock import Clock, beijing, beijing_day
from kernel.errors import IllegalTransition
from kernel.gbcodes import make_licence_identifier, parse_licence_identifier, parse_uscc
from kernel.ids import IdSource
from kernel.work import Move, Work, WorkSource

NO_CODE: Final = "-" * 8
"""Compared where there is no licence, so that both take the same."""
_CODE_LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CODE_LENGTH: Final = 8
_INDEX: Final = "elicense.index"


class IssuingService:
    """证照签发. Every change is state, history, event and catalogue record in one transaction."""

    def __init__(
        self,
        *,
        repository: IssuedRepository,
        works: WorkSource,
        clock: Clock,
        ids: IdSource,
        subject_hash: SubjectHash,
    ) -> None:
        self._repository = repository
        self._works = works
        self._clock = clock
        self._ids = ids
        self._subject_hash = subject_hash

    # ---- making --------------------------------------------------------------------------------

    async def mint(self, award: Award) -> IssuedLicence:
        """Return the licence of a case, minted now unless it was before; nobody is shown it yet.

        Raises AwardInvalid, LicenceNotSupported, InvalidUscc.
        """
        async with self._works.begin() as work:
            made = await self._repository.of_reference(work, award.reference)
            if made:
                return made[0]
            kind = type_of(award.type_code)
            parse_uscc(award.issuer.uscc)
            today = beijing_day(self._clock.now())
            drawn = await work.next_number(f"licence:{award.issuer.uscc}:{today:%Y%m%d}")
            counted = await work.next_number(f"licence-no:{kind.code}:{today.year}")
            draft = IssuedLicence(
                licence_id=self._ids.new("lic"),
                identifier="",
                type_code=kind.code,
                type_name=kind.name,
                issuer=award.issuer,
                serial=f"{today:%Y%m%d}{drawn:012d}",
                edition=1,
                number=f"{award.issuer.area}{today.year}{kind.code[-3:]}{counted:06d}",
                reference=award.reference,
                state=IssuedState.NOT_ACTIVE,
                version=1,
                check_code=self._check_code(),
                valid_from=today,
                valid_to=term_end(kind, award.values, today),
                created_at=self._clock.now(),
                actor=award.actor,
                content=Content(award.holders, face_of(award)),
            )
            return await self._add(work, draft)

    async def reissue(
        self, licence_id: str, changes: Mapping[str, str], actor: str, reason: str
    ) -> IssuedLicence:
        """Mint the next version of a valid licence with other face data (变更).

        The old version stays valid until the new one is sealed. Keys of ``changes`` are those of
        the face, and ``CZZT`` for the name of a sole holder. Raises IssuedNotFound,
        IllegalTransition, ProposalOpen, AwardInvalid.
        """
        async with self._works.begin() as work:
            old = await self._get(work, licence_id, lock=True)
            TABLE.event(old.state, IssuedState.SUPERSEDED)
            await self._require_calm(work, old)
            today = beijing_day(self._clock.now())
            draft = replace(
                old,
                licence_id=self._ids.new("lic"),
                edition=old.edition + 1,
                state=IssuedState.NOT_ACTIVE,
                version=1,
                check_code=self._check_code(),
                valid_from=today,
                created_at=self._clock.now(),
                actor=actor,
                content=old.content.changed(changes),
                previous=old.licence_id,
                issued_at=None,
                sha256="",
                sm3="",
                size=0,
                verdict="",
            )
            return await self._add(work, draft, reason)

    async def put_composed(self, licence_id: str, composed: Composed) -> None:
        """Store the file that waits for its seal."""
        async with self._works.begin() as work:
            await self._repository.put_composed(work, licence_id, composed)

    async def composed(self, licence_id: str) -> Composed | None:
        """Return the file that waits for its seal; None when there is none."""
        async with self._works.read() as work:
            return await self._repository.composed(work, licence_id)

    async def publish(self, licence_id: str, sealed: SealedFile) -> IssuedLicence:
        """Keep the sealed file and make the licence valid; a second time changes nothing.

        A new version takes the place of the old one in the same transaction. Where the old one
        ended meanwhile, the new one is dropped.
        """
        async with self._works.begin() as work:
            licence = await self._get(work, licence_id, lock=True)
            if licence.state is not IssuedState.NOT_ACTIVE:
                return licence
            if licence.previous:
                old = await self._get(work, licence.previous, lock=True)
                if old.state is not IssuedState.VALID:
                    return await self._move(work, licence, IssuedState.CANCELLED, "system")
                await self._move(work, old, IssuedState.SUPERSEDED, licence.actor)
            await self._repository.put_file(work, licence_id, sealed.content)
            facts = {
                "issued_at": self._clock.now(),
                "sha256": sealed.sha256,
                "sm3": sealed.sm3,
                "size": len(sealed.content),
                "verdict": sealed.verdict,
            }
            licence = await self._repository.save(work, licence, facts)
            return await self._move(work, licence, IssuedState.VALID, licence.actor)

    # ---- changing the state --------------------------------------------------------------------

    async def change(
        self, licence_id: str, to: IssuedState, actor: str, reason: str
    ) -> IssuedLicence:
        """Suspend, restore or cancel a licence (暂扣、恢复、注销).

        Raises IssuedNotFound, IllegalTransition, ProposalOpen.
        """
        async with self._works.begin() as work:
            licence = await self._get(work, licence_id, lock=True)
            # Only the seal makes a minted licence valid, and only its drop cancels it.
            if to not in ALONE or licence.state is IssuedState.NOT_ACTIVE:
                _refuse(licence, to)
            await self._require_calm(work, licence)
            return await self._move(work, licence, to, actor, reason)

    async def propose(self, licence_id: str, to: IssuedState, actor: str, reason: str) -> Proposal:
        """Propose a 吊销 or 撤销, which another person must confirm; the licence stays as it is.

        Raises IssuedNotFound, IllegalTransition, ProposalOpen.
        """
        async with self._works.begin() as work:
            licence = await self._get(work, licence_id, lock=True)
            if to not in TWO_PEOPLE:
                _refuse(licence, to)
            TABLE.event(licence.state, to)
            await self._require_calm(work, licence)
            proposal = Proposal(
                proposal_id=self._ids.new("prop"),
                licence_id=licence_id,
                to=to,
                reason=reason,
                proposed_by=actor,
                proposed_at=self._clock.now(),
            )
            await self._repository.add_proposal(work, proposal)
            return proposal

    async def decide(
        self, licence_id: str, proposal_id: str, actor: str, *, confirm: bool
    ) -> tuple[IssuedLicence, Proposal]:
        """Confirm or decline what another person proposed.

        Raises IssuedNotFound, ProposalNotFound, SecondPersonNeeded, IllegalTransition.
        """
        async with self._works.begin() as work:
            licence = await self._get(work, licence_id, lock=True)
            found = [
                one
                for one in await self._repository.proposals(work, licence_id)
                if one.proposal_id == proposal_id and one.state is ProposalState.OPEN
            ]
            if not found:
                raise ProposalNotFound("no such open proposal")
            if confirm and found[0].proposed_by == actor:
                raise SecondPersonNeeded("who proposed it cannot confirm it")
            decided = replace(
                found[0],
                state=ProposalState.CONFIRMED if confirm else ProposalState.DECLINED,
                decided_by=actor,
                decided_at=self._clock.now(),
            )
            await self._repository.decide(work, decided)
            if confirm:
                note = f"{decided.reason} ({decided.proposed_by})"
                licence = await self._move(work, licence, decided.to, actor, note)
            return licence, decided

    # ---- reading -------------------------------------------------------------------------------

    async def get(self, licence_id: str) -> IssuedLicence:
        """Return a version. Raises IssuedNotFound."""
        async with self._works.read() as work:
            return await self._get(work, licence_id, lock=False)

    async def of_reference(self, reference: str) -> Sequence[IssuedLicence]:
        """Return every version that came of a case, the first one first."""
        async with self._works.read() as work:
            return await self._repository.of_reference(work, reference)

    async def proposals(self, licence_id: str) -> Sequence[Proposal]:
        """Return every proposal about a version, oldest first."""
        async with self._works.read() as work:
            return await self._repository.proposals(work, licence_id)

    async def file(self, licence_id: str) -> bytes:
        """Return the sealed file. Raises LicenceNotReady."""
        async with self._works.read() as work:
            content = await self._repository.file(work, licence_id)
        if content is None:
            raise LicenceNotReady("the licence is not sealed")
        return content

    async def page(
        self, issuer: str, areas: Sequence[str], after: int, limit: int
    ) -> Sequence[tuple[int, IssuedLicence]]:
        """Return licences with their positions, oldest first: one issuer's, or those of areas."""
        async with self._works.read() as work:
            return await self._repository.page(work, issuer, areas, after, limit)

    async def index_page(self, after: int, limit: int) -> Sequence[IndexRow]:
        """Return records for the national catalogue after a sequence number, in order."""
        async with self._works.read() as work:
            return await self._repository.index_page(work, after, limit)

    async def check(self, identifier: str, code: str) -> IssuedLicence:
        """Return the licence whose identifier and code (校验码) somebody has.

        Raises IssuedNotFound for anything else, always the same.
        """
        async with self._works.read() as work:
            found = await self._repository.by_identifier(work, identifier.upper())
        expected = NO_CODE if found is None else found.check_code
        given = "".join(code.split()).upper()
        is_known = hmac.compare_digest(given.encode(), expected.encode())
        if found is None or not is_known or found.issued_at is None:
            raise IssuedNotFound("no issued licence has this identifier and code")
        return found

    # ---- inside --------------------------------------------------------------------------------

    async def _get(self, work: Work, licence_id: str, *, lock: bool) -> IssuedLicence:
        found = await self._repository.get(work, licence_id, lock=lock)
        if found is None:
            raise IssuedNotFound("no such licence")
        return found

    async def _require_calm(self, work: Work, licence: IssuedLicence) -> None:
        versions = await self._repository.of_reference(work, licence.reference)
        waiting = any(one.state is IssuedState.NOT_ACTIVE for one in versions)
        proposed = await self._repository.proposals(work, licence.licence_id)
        if waiting or any(one.state is ProposalState.OPEN for one in proposed):
            raise ProposalOpen("a change of this licence is pending")

    async def _add(self, work: Work, draft: IssuedLicence, note: str = "") -> IssuedLicence:
        identifier = make_licence_identifier(
            draft.type_code, draft.issuer.uscc, draft.serial, draft.edition
        )
        # What we mint has every part in its full form; a wider one is for what others minted.
        parse_uscc(parse_licence_identifier(identifier).issuer)
        minted = replace(draft, identifier=identifier)
        subjects = [self._subject_hash(subject_of(one)) for one in minted.content.subjects]
        await self._repository.add(work, minted, subjects)
        await work.moved(_moved(None, minted, "elicense.minted", minted.actor, note))
        return minted

    async def _move(
        self, work: Work, licence: IssuedLicence, new: IssuedState, actor: str, note: str = ""
    ) -> IssuedLicence:
        event = TABLE.event(licence.state, new)
        moved = await self._repository.save(work, licence, {"state": new})
        await work.moved(_moved(licence.state, moved, event, actor, note))
        if moved.issued_at is not None:
            first = licence.state is IssuedState.NOT_ACTIVE
            await self._tell(work, moved, "I" if first else "U")
        return moved

    async def _tell(self, work: Work, licence: IssuedLicence, operation: str) -> None:
        now = self._clock.now()
        shown = f"{beijing(now):%Y-%m-%d %H:%M:%S}"
        record = index_record(licence, operation, shown)
        await self._repository.add_index(
            work,
            IndexRow(
                sequence=await work.next_number(_INDEX),
                licence_id=licence.licence_id,
                operation=operation,
                at=now,
                lacks=lacking(record),
                record=record,
            ),
        )

    def _check_code(self) -> str:
        drawn = hashlib.sha256(self._ids.secret().encode()).digest()[:_CODE_LENGTH]
        return "".join(_CODE_LETTERS[number % len(_CODE_LETTERS)] for number in drawn)


def subject_of(holder: tuple[str, str]) -> str:
    """Return what is digested for a holder, given as kind and code, as LicenceService does it."""
    kind, code = holder
    return f"{kind}:{code.upper()}"


def _refuse(licence: IssuedLicence, to: IssuedState) -> NoReturn:
    allowed = [str(state) for state in TABLE.allowed(licence.state)]
    raise IllegalTransition(TABLE.name, str(licence.state), str(to), allowed)


def _moved(
    old: IssuedState | None, licence: IssuedLicence, event: str, actor: str, note: str
) -> Move:
    return Move(
        machine=TABLE.name,
        entity=licence.licence_id,
        old=old,
        new=licence.state,
        event=event,
        reference=licence.reference,
        actor=actor,
        data={
            "licence_id": licence.licence_id,
            "licence_type": licence.type_code,
            "edition": licence.edition,
            "state": licence.state.value,
        },
        note=note,
    )
