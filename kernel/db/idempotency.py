"""Idempotency-Key (幂等键): the same request is carried out once, however often it arrives.

The contract is OURS; the header's name is that of draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, select, update
from sqlalchemy.exc import DBAPIError

from kernel.clock import Clock
from kernel.db.base import require_one, upsert
from kernel.db.engine import is_postgresql
from kernel.db.errors import is_busy
from kernel.db.tables import MAX_KEY, idempotency
from kernel.db.work import connection
from kernel.errors import InvalidInput, OperationInProgress, Text
from kernel.work import Work


class IdempotencyKeyMissing(InvalidInput):
    """A request that writes came without an Idempotency-Key."""

    code = "idempotency_key_missing"
    status = 400
    title = Text("缺少幂等键", "Idempotency-Key is missing")
    citizen = Text(
        "请求不完整，请刷新页面后重试。", "The request is incomplete; please reload the page."
    )
    clerk = Text("请求缺少 Idempotency-Key 请求头。", "The header Idempotency-Key is missing.")


class IdempotencyKeyInvalid(InvalidInput):
    """The Idempotency-Key is sent twice, empty, longer than 255, or not visible ASCII."""

    code = "idempotency_key_invalid"
    status = 400
    title = Text("幂等键无效", "Idempotency-Key is invalid")
    citizen = Text(
        "请求不正确，请刷新页面后重试。", "The request is malformed; please reload the page."
    )
    clerk = Text(
        "Idempotency-Key 须为 1 至 255 个可见 ASCII 字符，且只能出现一次。",
        "Idempotency-Key must be 1 to 255 visible ASCII characters, sent once.",
    )


class IdempotencyKeyReused(InvalidInput):
    """The key was used before with another body or for another operation."""

    code = "idempotency_key_reused"
    title = Text("幂等键已用于其他请求", "Idempotency-Key was used for another request")
    citizen = Text(
        "该请求与之前提交的内容不一致，请刷新页面后重新提交。",
        "This differs from what you sent before; please reload the page and submit again.",
    )
    clerk = Text("同一幂等键对应的请求内容不同。", "The same key came with another content.")


@dataclass(frozen=True)
class Claimed:
    """The request is ours to carry out. ``again`` tells that an earlier attempt never answered."""

    id: int
    until: datetime
    again: bool


@dataclass(frozen=True)
class Replay:
    """The request was carried out before; this was the answer."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def check_key(values: Sequence[str]) -> str:
    """Return the one key among the header's values.

    Raises IdempotencyKeyMissing for none, IdempotencyKeyInvalid for two, for an empty one, for more
    than 255 characters and for anything but visible ASCII.
    """
    if not values:
        raise IdempotencyKeyMissing
    if len(values) > 1:
        raise IdempotencyKeyInvalid("the header was sent more than once")
    key = values[0]
    if not 1 <= len(key) <= MAX_KEY:
        raise IdempotencyKeyInvalid(f"{len(key)} characters")
    if not all("!" <= character <= "~" for character in key):
        raise IdempotencyKeyInvalid("a character is not visible ASCII")
    return key


def fingerprint(route: str, body: bytes) -> str:
    """Return the SHA-256 of the operation and its body, in hexadecimal."""
    return hashlib.sha256(route.encode() + b"\0" + body).hexdigest()


class Idempotency:
    """Claims keys and stores answers; the unique constraint of (caller, key) decides every race.

    The claim, the business change and the answer may be one unit of work, or three. In one, a
    second request waits for the first and then replays its answer. In three, it is told that the
    operation is in progress until ``lease`` has passed; then it may carry the request out again,
    which is safe where the business key is unique too.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        lease: timedelta = timedelta(seconds=60),
        keep: timedelta = timedelta(hours=72),
    ) -> None:
        self._clock = clock
        self._lease = lease
        self._keep = keep

    async def claim(
        self,
        work: Work,
        *,
        caller: str,
        key: str,
        route: str,
        body: bytes,
    ) -> Claimed | Replay:
        """Claim a key, or return the first answer.

        Raises IdempotencyKeyReused for another route or body, OperationInProgress (with the seconds
        to wait) while somebody else holds the claim.
        """
        conn = connection(work)
        now = self._clock.now()
        fresh: dict[str, Any] = {
            "fingerprint": fingerprint(route, body),
            "route": route,
            "status": None,
            "headers": None,
            "body": None,
            "claimed_until": now + self._lease,
            "created_at": now,
        }
        row = upsert(conn, idempotency).values(caller=caller, key=key, **fresh)
        row = row.on_conflict_do_nothing(index_elements=["caller", "key"])
        try:
            made = (await conn.execute(row.returning(idempotency.c.id))).scalar_one_or_none()
        except DBAPIError as exc:
            if is_busy(exc):
                # Somebody holds the key in a transaction that lasts longer than we may wait.
                raise OperationInProgress from None
            raise
        if made is not None:
            return Claimed(made, now + self._lease, again=False)
        found = select(idempotency).where(
            idempotency.c.caller == caller,
            idempotency.c.key == key,
        )
        if is_postgresql(conn):
            found = found.with_for_update()
        earlier = (await conn.execute(found)).first()
        if earlier is None:
            # Released between the two statements: whoever comes next will claim it.
            raise OperationInProgress
        if earlier.created_at > now - self._keep:
            answer = self._answered(earlier, str(fresh["fingerprint"]), now)
            if answer is not None:
                return answer
            again = True
            del fresh["created_at"]
        else:
            again = False
        await conn.execute(
            update(idempotency).where(idempotency.c.id == earlier.id).values(**fresh),
        )
        return Claimed(earlier.id, now + self._lease, again=again)

    @staticmethod
    def _answered(earlier: Row[Any], wanted: str, now: datetime) -> Replay | None:
        if earlier.fingerprint != wanted:
            raise IdempotencyKeyReused
        if earlier.status is not None:
            return Replay(earlier.status, earlier.body, earlier.headers)
        left = (earlier.claimed_until - now).total_seconds()
        if left > 0:
            raise OperationInProgress(retry_after=max(1, min(math.ceil(left), 5)))
        return None

    async def answer(
        self,
        work: Work,
        claimed: Claimed,
        *,
        status: int,
        body: bytes,
        headers: Mapping[str, str],
    ) -> None:
        """Store the answer. Raises StaleVersion when the claim ran out and was taken over."""
        require_one(
            await connection(work).execute(
                update(idempotency)
                .where(
                    idempotency.c.id == claimed.id,
                    idempotency.c.claimed_until == claimed.until,
                    idempotency.c.status.is_(None),
                )
                .values(status=status, body=body, headers=dict(headers)),
            ),
        )

    async def release(self, work: Work, claimed: Claimed) -> None:
        """Give a claim back when nothing was done, so that the caller may try again at once."""
        await connection(work).execute(
            delete(idempotency).where(
                idempotency.c.id == claimed.id,
                idempotency.c.claimed_until == claimed.until,
                idempotency.c.status.is_(None),
            ),
        )

    async def purge(self, work: Work, limit: int = 1000) -> int:
        """Delete up to ``limit`` keys that are older than they are kept; return how many."""
        old = (
            select(idempotency.c.id)
            .where(idempotency.c.created_at <= self._clock.now() - self._keep)
            .order_by(idempotency.c.created_at)
            .limit(limit)
        )
        gone = await connection(work).execute(
            delete(idempotency).where(idempotency.c.id.in_(old)),
        )
        return gone.rowcount
