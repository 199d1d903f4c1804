"""Which seals are dead: the published list as fetched, and questions to the status system."""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime

from e_seal.errors import Problem
from e_seal.model import FailureReason, SealState
from e_seal.options import SealOptions
from e_seal.ports import ActRepository, SealProvider, SealStatusSource
from kernel.clock import Clock
from kernel.errors import UpstreamError
from kernel.work import WorkSource

log = logging.getLogger(__name__)

REVOKED_EVENT = "e_seal.seal_revoked"


class StatusBook:
    """Answers from the stored list first, then from the status system, else from the province."""

    def __init__(
        self,
        *,
        provider: SealProvider,
        source: SealStatusSource | None,
        repository: ActRepository,
        works: WorkSource,
        clock: Clock,
        options: SealOptions,
    ) -> None:
        self._provider = provider
        self._source = source
        self._acts = repository
        self._works = works
        self._clock = clock
        self._options = options

    async def require_alive(self, seal_code: str) -> None:
        """Raise Problem when the stored list says that the seal is dead by now."""
        async with self._works.read() as work:
            found = await self._acts.revocation(work, seal_code)
        if found is not None and found.revoked_at <= self._clock.now():
            raise Problem(FailureReason.SEAL_NOT_USABLE, "on the revocation list")

    async def states(
        self, seals: Iterable[tuple[str, str, datetime | None]]
    ) -> Mapping[str, SealState]:
        """Return the state of each seal (code, name, time of its use) that could be found out.

        A seal that died only after it was used was alive then: the list's time decides.
        """
        now = self._clock.now()
        found: dict[str, SealState] = {}
        for code, name, used_at in sorted(seals, key=lambda seal: seal[0]):
            async with self._works.read() as work:
                dead = await self._acts.revocation(work, code)
            if dead is not None and dead.revoked_at <= (used_at or now):
                found[code] = SealState.REVOKED
                continue
            if dead is not None:
                late = dead.revoked_at <= now
                found.setdefault(code, SealState.REVOKED_LATER if late else SealState.ACTIVE)
                continue
            try:
                state = await self._asked(code, name, now)
            except UpstreamError as exc:
                log.warning("seal_status_unanswered", extra={"code": exc.code})
                continue
            if found.get(code) is not SealState.REVOKED:
                found[code] = state
        return found

    async def _asked(self, code: str, name: str, at: datetime) -> SealState:
        if self._source is None:
            return await self._provider.status(code)
        return await self._source.status(code, name, at)

    async def sweep(self) -> int:
        """Fetch the list since the last time, store it, tell of every new death; return how many.

        Raises the upstream error when the list cannot be had. Without a source there is no list.
        """
        if self._source is None:
            return 0
        async with self._works.read() as work:
            newest = await self._acts.newest_revocation(work)
        since = (newest or self._clock.now()) - (
            self._options.revocation_history if newest is None else self._options.revocation_overlap
        )
        listed = await self._source.revocations(since)
        async with self._works.begin() as work:
            new = await self._acts.add_revocations(work, listed)
            for item in new:
                data = {"seal_code": item.code, "revoked_at": item.revoked_at.isoformat()}
                await work.emit(REVOKED_EVENT, item.code, dict(data))
        log.info("seal_revocations", extra={"listed": len(listed), "new": len(new)})
        return len(new)
