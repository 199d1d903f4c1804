"""Keeps raises of the proofing level for the account, takes those of windows, and revokes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from identity import codec
from identity.model import Ial, Principal, Session, SessionState, StaffMember
from identity.opening import IdentityKeys
from identity.proofing.errors import ProofingNotFound, ProofingOfOneself, ProofingRefused
from identity.proofing.model import Proofing, ProofingSource, ProofingState, Seen
from identity.proofing.ports import ProofingRepository
from identity.proofing.states import PROOFING, PROVEN
from identity.states import SESSION
from kernel.clock import Clock
from kernel.crypto import sm3
from kernel.ids import IdSource
from kernel.work import Move, Work, WorkSource

_MANY: Final = 100
_LAST: Final = 4

Forget = Callable[[str, str | None], None]


class ProofingService:
    """实名核验. ``forget`` is told which session changed, and the hash of its own token."""

    def __init__(
        self,
        repository: ProofingRepository,
        works: WorkSource,
        clock: Clock,
        ids: IdSource,
        keys: IdentityKeys,
        *,
        life: timedelta,
        forget: Forget,
    ) -> None:
        self._rows = repository
        self._works = works
        self._clock = clock
        self._ids = ids
        self._keys = keys
        self._life = life
        self._forget = forget

    async def keep(
        self,
        work: Work,
        principal: Principal,
        ial: Ial,
        source: ProofingSource,
        evidence: dict[str, str],
        *,
        made_by: str = "",
    ) -> Proofing:
        """Store that the person at the keyboard was proven; counts from the next sign-in on."""
        now = self._clock.now()
        proofing = Proofing(
            id=self._ids.new("prf"),
            sub=principal.sub,
            person_index=self._keys.person_index(principal.person.id_number),
            ial=ial,
            source=source,
            evidence=evidence,
            state=PROOFING.initial,
            created_at=now,
            expires_at=now + self._life,
            made_by=made_by,
        )
        await self._rows.add(work, proofing)
        actor = f"staff:{made_by}" if made_by else f"citizen:{principal.sub}"
        await work.moved(_move(proofing, None, PROVEN, actor))
        return proofing

    async def at_window(self, work: Work, clerk: StaffMember, seen: Seen) -> Proofing:
        """Raise the account of a person who stands at the window, signed in to it, to IAL 4.

        The session is that of the person with this very document; it is raised at once. Runs in
        the caller's unit of work. Raises ProofingRefused, ProofingOfOneself.
        """
        session, principal = await self._present(work, seen)
        # Accounts of staff hold no id number: the name decides, and a namesake asks a colleague.
        if principal.person.name == clerk.name:
            raise ProofingOfOneself
        evidence = {
            "document": str(seen.document),
            "last_four": seen.number[-_LAST:],
            "office": seen.office,
        }
        proofing = await self.keep(
            work, principal, Ial.IN_PERSON, ProofingSource.WINDOW, evidence, made_by=clerk.id
        )
        raised = replace(principal, ial=max(principal.ial, proofing.ial))
        sealed = self._keys.seal(session.id, "principal", codec.principal_as_json(raised))
        await self._rows.rewrite(work, session.id, sealed)
        self._forget(session.id, session.token_hash)
        return proofing

    async def revoke(self, work: Work, clerk: StaffMember, proofing_id: str) -> Proofing:
        """Revoke a raise and end the account's open sessions, which still carry it.

        Runs in the caller's unit of work. Raises ProofingNotFound, ProofingOfOneself,
        IllegalTransition.
        """
        proofing = await self._rows.get(work, proofing_id)
        if proofing is None:
            raise ProofingNotFound
        if proofing.made_by == clerk.id:
            raise ProofingOfOneself
        event = PROOFING.event(proofing.state, ProofingState.REVOKED)
        now = self._clock.now()
        revoked = replace(
            proofing, state=ProofingState.REVOKED, revoked_at=now, revoked_by=clerk.id
        )
        await self._rows.revoke(work, revoked)
        await work.moved(_move(revoked, proofing.state, event, f"staff:{clerk.id}"))
        for session in await self._rows.live(work, proofing.sub, now):
            if await self._rows.end(work, session.id):
                await work.moved(_ended(session, f"staff:{clerk.id}"))
            self._forget(session.id, session.token_hash)
        return revoked

    async def of(self, sub: str) -> Sequence[Proofing]:
        """Return the newest raises of an account."""
        async with self._works.read() as work:
            return await self._rows.of(work, sub, _MANY)

    async def _present(self, work: Work, seen: Seen) -> tuple[Session, Principal]:
        for session in await self._rows.live(work, seen.sub, self._clock.now()):
            if session.principal is None:
                continue
            opened = self._keys.open(session.id, "principal", session.principal)
            principal = codec.principal_of_json(opened)
            person = principal.person
            same = sm3.same(person.id_number.encode(), seen.number.encode())
            if same and (person.id_type, person.name) == (seen.document, seen.name):
                return session, principal
            break
        raise ProofingRefused


def _move(proofing: Proofing, old: ProofingState | None, event: str, actor: str) -> Move:
    return Move(
        PROOFING.name,
        proofing.id,
        old,
        proofing.state,
        event,
        proofing.id,
        actor,
        data={"ial": int(proofing.ial), "source": proofing.source},
    )


def _ended(session: Session, actor: str) -> Move:
    old, new = session.status, SessionState.ENDED
    about = {"idp": session.idp, "client_id": session.client_id}
    event = SESSION.event(old, new)
    return Move(SESSION.name, session.id, old, new, event, session.id, actor, data={**about})
