"""Sessions of staff after the sign-in: who holds one, how it ends, and a new password."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from identity.codec import hashed
from identity.model import is_secret
from identity.staff.errors import LoginFailed, PasswordTooWeak, SessionUnknown
from identity.staff.ground import Hasher, StaffGround, staff_actor
from identity.staff.login import password_due
from identity.staff.model import Identified, StaffSession, StaffSessionState
from identity.staff.policy import faults
from identity.staff.states import STAFF_SESSION
from identity.staff.tries import Tries
from kernel.audit import Category, Result
from kernel.crypto import sm3
from kernel.errors import Unauthenticated
from kernel.work import Move, Work

_TOUCH: Final = timedelta(seconds=30)
"""How exactly the last use of a session is noted."""


class StaffSessions:
    """工作人员会话."""

    def __init__(self, ground: StaffGround, hasher: Hasher) -> None:
        self._ground = ground
        self._hasher = hasher
        self._tries = Tries(ground)

    def csrf_token(self, sid: str) -> str:
        """Return the token that proves a write comes from a page of ours (double submit)."""
        return sm3.hmac(self._ground.key("identity_staff_csrf"), sid.encode()).hex()

    def is_csrf_token(self, sid: str, given: str) -> bool:
        """Whether this is that session's token."""
        return sm3.same(self.csrf_token(sid).encode(), given.encode())

    async def identify(self, sid: str) -> Identified:
        """Return who holds this session. Raises Unauthenticated, GrantTampered."""
        if not is_secret(sid):
            raise Unauthenticated("not a session of this gateway")
        ground = self._ground
        now = ground.clock.now()
        async with ground.works.read() as work:
            session = await ground.rows.session(work, hashed(sid))
            if session is None or not self._lives(session):
                raise Unauthenticated("the session of staff is over")
            account = await ground.rows.account(work, session.staff_id)
            credential = await ground.rows.credential(work, session.staff_id)
            if account is None or not account.active or credential is None or credential.locked:
                raise Unauthenticated("the account may not be used any more")
            members = await ground.members(work, account)
        if now - session.last_seen_at >= _TOUCH:
            async with ground.works.begin() as work:
                await ground.rows.touch_session(work, session.id, now)
        return Identified(account, members, session, password_due(ground, credential))

    def _lives(self, session: StaffSession) -> bool:
        idle = timedelta(seconds=self._ground.options.idle_seconds)
        over = min(session.expires_at, session.last_seen_at + idle)
        return session.status is StaffSessionState.ACTIVE and self._ground.clock.now() < over

    async def mine(self, staff_id: str) -> Sequence[StaffSession]:
        """Return the living sessions of a member, newest first."""
        async with self._ground.works.read() as work:
            found = await self._ground.rows.sessions_of(work, staff_id)
        return [one for one in found if self._lives(one)]

    async def end(self, staff_id: str, session_id: str) -> None:
        """End one session of a member. Raises SessionUnknown."""
        for session in await self.mine(staff_id):
            if session.id == session_id:
                async with self._ground.works.begin() as work:
                    await self.end_in(work, session, staff_actor(staff_id))
                return
        raise SessionUnknown

    async def end_in(self, work: Work, session: StaffSession, actor: str) -> None:
        """End a session in a unit of work that is open."""
        old, new = StaffSessionState.ACTIVE, StaffSessionState.ENDED
        if await self._ground.rows.move_session(work, session.id, old, new):
            event = STAFF_SESSION.event(old, new)
            await work.moved(
                Move(STAFF_SESSION.name, session.id, old, new, event, session.id, actor)
            )
            await self._ground.note(work, "staff.logout", actor, about=session.staff_id)

    async def change_password(self, who: Identified, old: str, new: str, src_ip: str) -> None:
        """Change one's own password and end the other sessions.

        Raises PasswordTooWeak, LoginFailed, LoginLocked.
        """
        ground, staff_id = self._ground, who.account.id
        await self._tries.count(staff_id, src_ip)
        async with ground.works.read() as work:
            credential = await ground.rows.credential(work, staff_id)
        if (
            credential is None
            or credential.password is None
            or not await self._hasher.matches(old, credential.password)
        ):
            async with ground.works.begin() as work:
                await ground.note(
                    work,
                    "staff.password_changed",
                    staff_actor(staff_id),
                    category=Category.SECURITY,
                    result=Result.DENIED,
                    reason="wrong_password",
                    about=staff_id,
                )
            raise LoginFailed
        await self._tries.take_back(staff_id, src_ip)
        used = (credential.password, *credential.previous)[: ground.options.history]
        await self._require_new(staff_id, new, used)
        made = await self._hasher.make(new)
        async with ground.works.begin() as work:
            await ground.rows.change_credential(
                work,
                staff_id,
                password=made,
                password_at=ground.clock.now(),
                must_change=False,
                previous=list(used),
            )
            for session in await ground.rows.sessions_of(work, staff_id):
                if who.session is None or session.id != who.session.id:
                    await self.end_in(work, session, staff_actor(staff_id))
            await ground.note(
                work,
                "staff.password_changed",
                staff_actor(staff_id),
                category=Category.SECURITY,
                about=staff_id,
            )

    async def _require_new(self, staff_id: str, password: str, used: Sequence[str]) -> None:
        found = faults(password, staff_id)
        for one in used:
            if not found and await self._hasher.matches(password, one):
                found.append("used_before")
        if found:
            raise PasswordTooWeak("the policy refuses this password", faults=found)
