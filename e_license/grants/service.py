"""Gives the right to one look-up where an open matter lists that licence for that holder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from e_license.errors import LicenceGrantInvalid, LicencePurposeMissing
from e_license.grants.model import Grant, GrantRequest, Matter, Use
from e_license.grants.ports import GrantRepository, Matters
from e_license.model import AuthBasis, Holder, Operation
from e_license.options import LicenceOptions
from e_license.ports import SubjectHash
from kernel.clock import Clock
from kernel.ids import IdSource
from kernel.work import Work


class Grants:
    """用证授权: issued per look-up, short-lived, used up in the database before a source is asked.

    Features N28; the five minutes are OURS.
    """

    def __init__(
        self,
        matters: Matters,
        repository: GrantRepository,
        clock: Clock,
        ids: IdSource,
        subject_hash: SubjectHash,
        options: LicenceOptions,
    ) -> None:
        self._matters = matters
        self._repository = repository
        self._clock = clock
        self._ids = ids
        self._subject_hash = subject_hash
        self._life = timedelta(seconds=options.grant_seconds)

    async def issue(self, work: Work, requests: Sequence[GrantRequest]) -> list[str]:
        """Return a grant id per request, in their order. Raises LicencePurposeMissing."""
        now = self._clock.now()
        known: dict[str, Matter | None] = {}
        made = []
        for request in requests:
            if request.reference not in known:
                known[request.reference] = await self._matters.open_matter(work, request.reference)
            subject = self.hash_of(request.holder)
            matter = _entitled(known[request.reference], request, subject)
            made.append(
                Grant(
                    grant_id=self._ids.new("grant"),
                    reference=request.reference,
                    item_code=matter.item_code,
                    material_code=request.material_code,
                    subject_hash=subject,
                    licence_type=request.licence_type,
                    operation=request.operation,
                    identifier=request.identifier,
                    basis=request.basis,
                    actor=request.actor,
                    issued_at=now,
                    expires_at=now + self._life,
                )
            )
        if made:
            await self._repository.add(work, made)
        return [grant.grant_id for grant in made]

    async def consume(self, work: Work, uses: Sequence[Use]) -> None:
        """Use up one grant per use; all or none. Raises LicenceGrantInvalid."""
        used = await self._repository.consume(work, uses, self._clock.now())
        if len(used) != len(uses):
            raise LicenceGrantInvalid("no live grant agrees with this question")

    def hash_of(self, holder: Holder) -> str:
        """Return the keyed digest under which a holder is written down."""
        return hash_of(holder, self._subject_hash)


def hash_of(holder: Holder, subject_hash: SubjectHash) -> str:
    """Return the keyed digest of kind and code of a holder: one person, one hash."""
    return subject_hash(f"{holder.kind.value}:{holder.code.upper()}")


def _entitled(matter: Matter | None, request: GrantRequest, subject: str) -> Matter:
    if matter is None:
        raise LicencePurposeMissing("no open case or pre-check has this reference")
    if subject != matter.subject_hash:
        raise LicencePurposeMissing("the matter is another holder's")
    if request.licence_type not in matter.types.get(request.material_code, ()):
        raise LicencePurposeMissing("the item does not list this licence type")
    # By duty one may only see whether a licence that serves the case still holds.
    if request.basis is AuthBasis.BY_DUTY and request.operation is not Operation.FETCH:
        raise LicencePurposeMissing("duty entitles to a re-check only")
    if (request.operation in {Operation.FETCH, Operation.DOCUMENT}) != bool(request.identifier):
        raise LicencePurposeMissing("a re-check names its licence, a look-up names none")
    return matter
