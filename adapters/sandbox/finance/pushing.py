"""Pushes messages to the gateway, each again and again until it is acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from adapters.sandbox.finance.faults import Act, PaymentFaults
from adapters.sandbox.store import Store
from kernel.money import fen, format_yuan, parse_yuan

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
HELD: Final = 2.0
"""Longest time in seconds for which a push waits to be overtaken."""
OVERSIZE: Final = 10_000_000


@dataclass(frozen=True)
class Push:
    """One message that waits."""

    msg_no: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Damage:
    """What a face must do wrong when it sends a message."""

    wrong_mac: bool = False
    stranger: bool = False
    split: bool = False
    oversize: int = 0
    reset: bool = False
    skew: int = 0
    """Seconds by which its time is off."""


UNDAMAGED: Final = Damage()


class Carrier(Protocol):
    """Sends one push in a dialect."""

    async def carry(self, push: Push, damage: Damage) -> bool:
        """Return whether it was acknowledged; an unreachable gateway is no acknowledgement."""
        ...


class Pusher:
    """Delivers what waits in the store, in order; pauses are forgotten by a restart."""

    def __init__(self, store: Store, faults: PaymentFaults) -> None:
        self._store = store
        self._faults = faults
        self._pauses: dict[str, tuple[float, float]] = {}
        self._held: dict[str, float] = {}
        self._busy = asyncio.Lock()
        self._wake = asyncio.Event()

    def queue(self, msg_no: str, pay_code: str, fields: Sequence[tuple[str, str]]) -> None:
        """Let a message be pushed, and look at once."""
        key = f"{self._store.next_number('push'):012d}"
        waiting = {"msg_no": msg_no, "pay_code": pay_code, "fields": list(fields)}
        self._store.put("push", key, waiting)
        self._wake.set()

    def waiting(self) -> int:
        """Return how many pushes were not acknowledged yet."""
        return len(self._store.items("push"))

    async def run(self, carrier: Carrier) -> None:
        """Deliver for ever."""
        while True:
            await self.deliver(carrier, only_due=True)
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_PAUSE / 2):
                    await self._wake.wait()

    async def deliver(self, carrier: Carrier, *, only_due: bool) -> int:
        """Try every push that is waiting, or due; return how many are still waiting."""
        async with self._busy:
            now = asyncio.get_running_loop().time()
            for key, waiting in self._in_order(now):
                due, pause = self._pauses.get(key, (0.0, FIRST_PAUSE))
                if only_due and due > now:
                    continue
                if await self._deliver_one(carrier, waiting):
                    self._store.delete("push", key)
                    self._pauses.pop(key, None)
                else:
                    self._pauses[key] = (now + pause, min(pause * 2, LONGEST_PAUSE))
            return self.waiting()

    def _in_order(self, now: float) -> list[tuple[str, dict[str, Any]]]:
        """Return what waits; a held push goes behind the others, or stays while it is alone."""
        items = self._store.items("push")
        for key, waiting in items:
            if key not in self._held and self._take(Act.REORDER, waiting):
                self._held[key] = now + HELD
        held = [item for item in items if item[0] in self._held]
        free = [item for item in items if item[0] not in self._held]
        if not free:
            held = [item for item in held if self._held[item[0]] <= now]
        for key, _ in held:
            self._held[key] = 0.0
        return free + held

    def _take(self, act: Act, waiting: dict[str, Any]) -> int:
        rule = self._faults.take(act, waiting["msg_no"], waiting["pay_code"])
        return 0 if rule is None else rule.amount()

    async def _deliver_one(self, carrier: Carrier, waiting: dict[str, Any]) -> bool:
        if milliseconds := self._take(Act.DELAY_MS, waiting):
            await asyncio.sleep(milliseconds / 1000)
        if self._take(Act.DROP_BEFORE_COMMIT, waiting):
            return False
        push = Push(waiting["msg_no"], tuple((name, text) for name, text in waiting["fields"]))
        push = self._changed(push, waiting)
        oversize = self._faults.take(Act.OVERSIZE, waiting["msg_no"], waiting["pay_code"])
        damage = Damage(
            wrong_mac=bool(self._take(Act.WRONG_MAC, waiting)),
            stranger=bool(self._take(Act.STRANGER, waiting)),
            split=bool(self._take(Act.SPLIT_TCP, waiting)),
            oversize=oversize.amount(OVERSIZE) if oversize else 0,
            reset=bool(self._take(Act.RST, waiting)),
            skew=self._take(Act.CLOCK_SKEW, waiting),
        )
        done = False
        for _ in range(1 + self._take(Act.DUPLICATE, waiting)):
            done = await carrier.carry(push, damage)
        return done and not self._take(Act.DROP_RESPONSE_AFTER_COMMIT, waiting)

    def _changed(self, push: Push, waiting: dict[str, Any]) -> Push:
        fields = dict(push.fields)
        if off := self._take(Act.WRONG_AMOUNT, waiting):
            fields["Amt"] = format_yuan(fen(parse_yuan(fields["Amt"]) + off))
        if self._take(Act.WRONG_ACCOUNT, waiting):
            fields["RecAcct"] = "6222000000000000"
        return replace(push, fields=tuple(fields.items()))
