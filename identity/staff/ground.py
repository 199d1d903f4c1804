"""What every service of staff stands on: rows, clock, keys, and how acts are noted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from identity.model import StaffMember
from identity.staff.errors import AccountUnknown, GrantTampered
from identity.staff.model import Account, Grant
from identity.staff.options import StaffOptions
from identity.staff.ports import StaffRows
from kernel.audit import AuditEvent, AuditTrail, Category, Result
from kernel.clock import Clock
from kernel.crypto import passwords, sm3
from kernel.crypto.fields import FieldCipher
from kernel.ids import Entropy, IdSource
from kernel.work import Work, WorkSource


@dataclass(frozen=True)
class StaffGround:
    """``seal_key`` (32 bytes) seals role grants and hides names in counters of tries."""

    rows: StaffRows
    works: WorkSource
    clock: Clock
    ids: IdSource
    cipher: FieldCipher
    seal_key: bytes = field(repr=False)
    entropy: Entropy
    audit: AuditTrail
    options: StaffOptions

    async def note(
        self,
        work: Work,
        action: str,
        actor: str,
        *,
        category: Category = Category.AUTH,
        result: Result = Result.OK,
        reason: str = "",
        about: str = "",
        fields: tuple[str, ...] = (),
        old: str = "",
        new: str = "",
    ) -> None:
        """Write an audit event about a member of staff."""
        event = AuditEvent(
            action=action,
            category=category,
            actor=actor,
            result=result,
            reason=reason,
            object_type="staff" if about else "",
            object_id=about,
            fields=fields,
            old=old,
            new=new,
        )
        await self.audit.record(work, event)

    def seal(self, grant: Grant) -> str:
        """Return the MAC of a role: HMAC-SM3 over person, role, department, region."""
        return sm3.hmac(self.key("identity_staff_grant"), grant.signed_text()).hex()

    def key(self, purpose: str) -> bytes:
        """Return a key of its own for one purpose."""
        return sm3.hmac(self.seal_key, purpose.encode())

    async def held(self, work: Work, account: Account) -> Sequence[Grant]:
        """Return the roles of a person. Raises GrantTampered for one that we did not seal."""
        found = await self.rows.grants_of(work, account.id)
        for grant in found:
            if not sm3.same(self.seal(grant).encode(), grant.mac.encode()):
                raise GrantTampered(f"the grant {grant.id} does not carry our seal")
        return found

    async def members(self, work: Work, account: Account) -> tuple[StaffMember, ...]:
        """Return a person in each of its roles."""
        return tuple(
            StaffMember(account.id, account.name, grant.role, grant.department, grant.region)
            for grant in await self.held(work, account)
        )

    async def active(self, work: Work, staff_id: str, *, lock: bool = False) -> Account:
        """Return an account that may be used. Raises AccountUnknown."""
        found = await self.rows.account(work, staff_id, lock=lock)
        if found is None or not found.active:
            raise AccountUnknown
        return found


class Hasher:
    """Hashes passwords beside the event loop, a few at a time."""

    def __init__(self, options: StaffOptions, entropy: Entropy) -> None:
        self._cost = options.cost()
        self._entropy = entropy
        self._room = asyncio.Semaphore(options.hash_parallel)
        self._nobody: str | None = None

    async def make(self, password: str) -> str:
        """Return the stored form of a password."""
        async with self._room:
            return await asyncio.to_thread(passwords.make, password, self._cost, self._entropy)

    async def matches(self, password: str, stored: str | None) -> bool:
        """Return whether this is the password; nobody's takes as long as somebody's."""
        if self._nobody is None:
            self._nobody = await self.make("nobody")
        async with self._room:
            right = await asyncio.to_thread(passwords.matches, password, stored or self._nobody)
        return right and stored is not None

    def is_current(self, stored: str) -> bool:
        """Return whether a stored form is as a new one would be."""
        return passwords.is_current(stored, self._cost)


def staff_actor(staff_id: str) -> str:
    """Return a member of staff as histories and audit name it."""
    return f"staff:{staff_id}"
