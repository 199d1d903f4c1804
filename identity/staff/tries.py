"""Counts tries to sign in by name and by address, and locks both alike (登录失败处理)."""

from __future__ import annotations

from datetime import timedelta

from identity.staff.errors import LoginLocked
from identity.staff.ground import StaffGround
from identity.staff.model import normalised
from kernel.audit import Category, Result
from kernel.crypto import sm3


class Tries:
    """A try counts before it is judged, so that many at once are not cheaper than one by one.

    Names are counted whether or not there is such an account: a lock tells nothing.
    """

    def __init__(self, ground: StaffGround) -> None:
        self._ground = ground

    def name_key(self, login: str) -> str:
        """Return under what a typed name is counted."""
        return self._key("name", normalised(login))

    async def count(self, login: str | None, src_ip: str) -> None:
        """Count one try. Raises LoginLocked, which is noted, once there were too many."""
        ground, options = self._ground, self._ground.options
        now = ground.clock.now()
        limits = {self._key("address", src_ip): options.address_failures}
        if login is not None:
            limits[self.name_key(login)] = options.failures
        locked = None
        window_from = now - timedelta(seconds=options.failure_seconds)
        async with ground.works.begin() as work:
            # In the order of keys, so that two who count the same ones wait and do not deadlock.
            for key, limit in sorted(limits.items()):
                tried = await ground.rows.count_try(work, key, now, window_from)
                until = tried.locked_until
                if until is None and tried.tries > limit:
                    until = now + timedelta(seconds=options.lock_seconds)
                    await ground.rows.lock_tries(work, key, until)
                if until is not None:
                    locked = until if locked is None else max(locked, until)
            if locked is not None:
                await ground.note(
                    work,
                    "staff.login",
                    "unknown",
                    category=Category.SECURITY,
                    result=Result.DENIED,
                    reason=LoginLocked.code,
                )
        if locked is not None:
            left = int((locked - now).total_seconds())
            raise LoginLocked("too many failed tries", retry_after=max(left, 1))

    async def take_back(self, login: str, src_ip: str) -> None:
        """Uncount a try that was right so far."""
        async with self._ground.works.begin() as work:
            for key in sorted({self.name_key(login), self._key("address", src_ip)}):
                await self._ground.rows.take_back_try(work, key)

    def _key(self, what: str, value: str) -> str:
        return sm3.hmac(self._ground.key("identity_staff_try"), f"{what}\0{value}".encode()).hex()
