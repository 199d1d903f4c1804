"""Lets anybody who holds a bill look at it: pay code and a second factor, and no way to guess."""

from __future__ import annotations

import asyncio
import hmac
from typing import Final

from cachetools import TTLCache

import payments
from kernel.clock import Clock
from kernel.errors import Failure, NotFound, Text

FLOOR_SECONDS: Final = 0.05
"""Every answer takes at least this long, so that its time does not tell what was wrong (OURS)."""
WINDOW_SECONDS: Final = 600
TRIES_PER_CODE: Final = 5
TRIES_PER_CALLER: Final = 30
"""In ten minutes and per process (OURS): four digits cannot be tried out."""
_REMEMBERED: Final = 50_000


class LookupFailed(NotFound):
    """No bill has this pay code and this second factor; which of them is wrong is not told."""

    code = "bill_lookup_failed"
    title = Text("没有找到缴款单", "No bill found")
    citizen = Text(
        "没有找到与所填信息一致的缴款单，请核对缴款识别码和验证信息。",
        "No bill matches what you entered; please check the pay code and the second detail.",
    )
    clerk = Text(
        "缴款识别码与验证信息不匹配或不存在。", "Pay code and second factor match no bill."
    )


class TooManyTries(Failure):
    """This pay code or this caller was tried too often."""

    code = "too_many_tries"
    status = 429
    title = Text("查询过于频繁", "Too many tries")
    citizen = Text("查询次数过多，请十分钟后再试。", "Too many tries; please wait ten minutes.")
    clerk = Text("同一缴款识别码或来源查询过于频繁。", "Too many tries for this code or caller.")
    retry_after = WINDOW_SECONDS


class BillLookup:
    """Answers the public question what a pay code stands for."""

    def __init__(self, collector: payments.PaymentService, clock: Clock) -> None:
        self._payments = collector
        self._clock = clock
        self._tries: TTLCache[str, int] = TTLCache(
            _REMEMBERED, WINDOW_SECONDS, timer=clock.monotonic
        )

    async def look_up(
        self, pay_code: str, *, caller: str, name_last: str = "", mobile_last: str = ""
    ) -> payments.Bill:
        """Return the bill of a pay code to who knows the payer's last character or four digits.

        Raises LookupFailed for an unknown code and for a wrong factor alike, and TooManyTries.
        """
        started = self._clock.monotonic()
        self._count(f"caller:{caller}", TRIES_PER_CALLER)
        # Counted whether the code exists or not: the limit tells nothing either.
        self._count(f"code:{pay_code}", TRIES_PER_CODE)
        bill = await self._payments.by_pay_code(pay_code)
        right = bill is not None and _matches(bill.payer, name_last, mobile_last)
        await asyncio.sleep(max(0.0, FLOOR_SECONDS - (self._clock.monotonic() - started)))
        if bill is None or not right:
            raise LookupFailed("pay code and second factor match no bill")
        return bill

    def _count(self, key: str, most: int) -> None:
        tries = self._tries.get(key, 0) + 1
        if tries > most:
            raise TooManyTries("the limit of look-ups is reached")
        self._tries[key] = tries


def _matches(payer: payments.Payer, name_last: str, mobile_last: str) -> bool:
    if mobile_last:
        return _same(payer.mobile[-4:], mobile_last)
    return bool(name_last) and _same(payer.name[-1:], name_last)


def _same(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(ours.encode(), theirs.encode())
