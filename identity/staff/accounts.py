"""Accounts of staff: made without rights, activated, unlocked, closed; and their API tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from identity.codec import hashed, token_hash
from identity.model import StaffMember, StaffRole, StaffToken
from identity.staff.errors import (
    AccountExists,
    AlreadyBootstrapped,
    ResetNotApproved,
)
from identity.staff.grants import StaffGrants
from identity.staff.ground import Hasher, StaffGround
from identity.staff.model import (
    Account,
    Activation,
    Credential,
    Grant,
    Identified,
    RequestState,
    StaffKind,
    is_login,
)
from identity.staff.sessions import StaffSessions
from identity.staff.states import ROLE_REQUEST
from identity.staff.tries import Tries
from kernel.audit import Category
from kernel.errors import InvalidInput, Unauthenticated
from kernel.work import Move, Work

STAFF_PREFIX: Final = "sdst_"
SYSTEM: Final = "system"
_ONCE: Final = "identity.staff_bootstrap"
_SWEEP_ROWS: Final = 500
FIRST_ADMINS: Final[Mapping[str, StaffRole]] = {
    "sysadmin": StaffRole.SYSTEM_ADMIN,
    "secadmin": StaffRole.SECURITY_ADMIN,
    "auditadmin": StaffRole.AUDIT_ADMIN,
}
"""首批管理员: one of each power, so that every later change finds its two people."""


class StaffAccounts:
    """人员账号. ``by`` is who acts, as histories name it."""

    def __init__(
        self,
        ground: StaffGround,
        hasher: Hasher,
        grants: StaffGrants,
        sessions: StaffSessions,
        *,
        token_seconds: int,
    ) -> None:
        self._ground = ground
        self._hasher = hasher
        self._grants = grants
        self._sessions = sessions
        self._token_seconds = token_seconds
        self._tries = Tries(ground)

    async def create(
        self, by: str, staff_id: str, name: str, certificate: str | None = None
    ) -> Account:
        """Make an account that may do nothing yet. ``certificate`` is a SHA-256 fingerprint.

        Raises AccountExists, InvalidInput for a number that no account can have.
        """
        if not is_login(staff_id):
            raise InvalidInput("a number has 3 to 32 of a-z, 0-9, dot, dash and underscore")
        ground = self._ground
        account = Account(staff_id, name, StaffKind.NONE, True, ground.clock.now())
        async with ground.works.begin() as work:
            if await ground.rows.account(work, staff_id) is not None:
                raise AccountExists
            await self._add(work, account, certificate)
            await ground.note(
                work, "staff.account_created", by, category=Category.ADMIN, about=staff_id
            )
        return account

    async def _add(self, work: Work, account: Account, certificate: str | None) -> None:
        await self._ground.rows.add_account(work, account)
        credential = Credential(
            staff_id=account.id,
            password=None,
            password_at=account.created_at,
            must_change=True,
            previous=(),
            totp=None,
            totp_step=0,
            certificate=certificate,
            locked=False,
            awake_at=account.created_at,
        )
        await self._ground.rows.add_credential(work, credential)

    async def activate(self, by: str, staff_id: str) -> Activation:
        """Give an account a password for one sign-in, which must set up everything else.

        Its old password, second factor, sessions and tokens are over. An account with rights needs
        an approved reset. Raises AccountUnknown, ResetNotApproved.
        """
        ground = self._ground
        password = ground.ids.secret()
        made = await self._hasher.make(password)
        async with ground.works.begin() as work:
            account = await ground.active(work, staff_id, lock=True)
            if await ground.rows.grants_of(work, staff_id):
                await self._use_reset(work, by, staff_id)
            return await self._activate(work, by, account, password, made)

    async def _use_reset(self, work: Work, by: str, staff_id: str) -> None:
        rows = self._ground.rows
        reset = await rows.approved_reset(work, staff_id)
        old, new = RequestState.APPROVED, RequestState.USED
        if reset is None or not await rows.move_request(work, reset.id, old, new, {}):
            raise ResetNotApproved
        event = ROLE_REQUEST.event(old, new)
        data = {"act": reset.act.value, "staff_id": staff_id}
        move = Move(ROLE_REQUEST.name, reset.id, old, new, event, reset.id, by, data=data)
        await work.moved(move)

    async def _activate(
        self, work: Work, by: str, account: Account, password: str, made: str
    ) -> Activation:
        ground, staff_id = self._ground, account.id
        now = ground.clock.now()
        await ground.rows.change_credential(
            work,
            staff_id,
            password=made,
            password_at=now,
            must_change=True,
            totp=None,
            locked=False,
            awake_at=now,
        )
        await ground.rows.set_recovery_codes(work, staff_id, ())
        await self._end_all(work, staff_id, by)
        await ground.note(
            work, "staff.account_activated", by, category=Category.ADMIN, about=staff_id
        )
        ends = now + timedelta(seconds=ground.options.activation_seconds)
        return Activation(staff_id, password, ends)

    async def close(self, by: str, staff_id: str) -> None:
        """Close an account for good; its sessions and tokens end. Raises AccountUnknown."""
        ground = self._ground
        async with ground.works.begin() as work:
            await ground.active(work, staff_id, lock=True)
            await ground.rows.change_account(work, staff_id, ground.clock.now(), active=False)
            await self._end_all(work, staff_id, by)
            await ground.note(
                work, "staff.account_closed", by, category=Category.ADMIN, about=staff_id
            )

    async def unlock(self, by: str, staff_id: str) -> None:
        """Forget failed tries and the lock of a dormant account. Raises AccountUnknown."""
        ground = self._ground
        async with ground.works.begin() as work:
            await ground.active(work, staff_id)
            await ground.rows.forget_tries(work, self._tries.name_key(staff_id))
            now = ground.clock.now()
            await ground.rows.change_credential(work, staff_id, locked=False, awake_at=now)
            await ground.note(
                work, "staff.account_unlocked", by, category=Category.SECURITY, about=staff_id
            )

    async def list(self, after: str, limit: int) -> Sequence[Account]:
        """Return accounts behind a number, in the order of their numbers."""
        async with self._ground.works.read() as work:
            return await self._ground.rows.accounts(work, after, limit)

    async def bootstrap(self) -> Sequence[Activation]:
        """Make the first three administrators, once in the life of an installation.

        Raises AlreadyBootstrapped.
        """
        ground = self._ground
        passwords = {name: ground.ids.secret() for name in FIRST_ADMINS}
        made = {name: await self._hasher.make(passwords[name]) for name in FIRST_ADMINS}
        ready = []
        async with ground.works.begin() as work:
            # A numbered sequence is locked until the end: of two at once, one gets the first.
            if await work.next_number(_ONCE) != 1:
                raise AlreadyBootstrapped
            for name, role in FIRST_ADMINS.items():
                now = ground.clock.now()
                account = Account(name, role.value, StaffKind.NONE, True, now)
                await self._add(work, account, None)
                await self._grants.give(work, account, role, Grant("", name, role, "", "", now))
                ready.append(
                    await self._activate(work, SYSTEM, account, passwords[name], made[name])
                )
                await ground.note(
                    work,
                    "staff.bootstrap",
                    SYSTEM,
                    category=Category.ADMIN,
                    about=name,
                    new=role.value,
                )
        return ready

    async def provision(self, member: StaffMember) -> None:
        """Store a person with exactly this role; for demonstrations, where nobody else is there.

        Doing it again changes nothing. A real installation bootstraps, asks and approves.
        """
        ground = self._ground
        now = ground.clock.now()
        account = Account(member.id, member.name, StaffKind.NONE, member.active, now)
        wanted = (member.role, member.department, member.region)
        async with ground.works.begin() as work:
            if await ground.rows.account(work, member.id, lock=True) is None:
                await self._add(work, account, None)
            else:
                changes = {"name": member.name, "active": member.active}
                await ground.rows.change_account(work, member.id, now, **changes)
            held = await ground.rows.grants_of(work, member.id)
            for grant in held:
                if (grant.role, grant.department, grant.region) != wanted:
                    await ground.rows.remove_grant(work, grant.id)
            place = Grant("", member.id, member.role, member.department, member.region, now)
            await self._grants.give(work, account, member.role, place)
            await ground.note(
                work,
                "staff.provisioned",
                SYSTEM,
                category=Category.ADMIN,
                about=member.id,
                new=member.role.value,
            )

    # ---- API tokens ------------------------------------------------------------------------------

    async def issue_token(self, staff_id: str, ttl: timedelta, by: str = SYSTEM) -> str:
        """Return a new API token of an active member, cut to the longest life allowed.

        Raises AccountUnknown.
        """
        ground = self._ground
        now = ground.clock.now()
        life = min(ttl, timedelta(seconds=self._token_seconds))
        token = ground.ids.secret(STAFF_PREFIX)
        async with ground.works.begin() as work:
            await ground.active(work, staff_id)
            issued = StaffToken(hashed(token), staff_id, now, now + life)
            await ground.rows.add_token(work, issued)
            await ground.note(
                work, "staff.token_issued", by, category=Category.ADMIN, about=staff_id
            )
        return token

    async def identify_token(self, token: str) -> Identified:
        """Return who holds this API token. Raises Unauthenticated, GrantTampered."""
        digest = token_hash(token, STAFF_PREFIX)
        ground = self._ground
        async with ground.works.read() as work:
            issued = await ground.rows.token(work, digest)
            if (
                issued is None
                or issued.revoked_at is not None
                or ground.clock.now() >= issued.expires_at
            ):
                raise Unauthenticated("the token of staff is not valid, or not any more")
            account = await ground.rows.account(work, issued.staff_id)
            if account is None or not account.active:
                raise Unauthenticated("the account may not be used any more")
            return Identified(account, await ground.members(work, account))

    async def revoke_tokens(self, staff_id: str, by: str = SYSTEM) -> int:
        """Revoke every API token of a member; return how many were valid."""
        ground = self._ground
        async with ground.works.begin() as work:
            revoked = await ground.rows.revoke_tokens(work, staff_id, ground.clock.now())
            await ground.note(
                work, "staff.tokens_revoked", by, category=Category.ADMIN, about=staff_id
            )
        return revoked

    async def sweep(self, keep: timedelta) -> int:
        """Delete sessions, tokens and tries that are long over; repeat until it returns 0."""
        ground = self._ground
        now = ground.clock.now()
        async with ground.works.begin() as work:
            return await ground.rows.forget(work, now, now - keep, _SWEEP_ROWS)

    async def _end_all(self, work: Work, staff_id: str, by: str) -> None:
        ground = self._ground
        for session in await ground.rows.sessions_of(work, staff_id):
            await self._sessions.end_in(work, session, by)
        await ground.rows.revoke_tokens(work, staff_id, ground.clock.now())
