"""What every non-tax finance system must do, examined by billing, paying and voiding.

A simulator offers, besides its dialect: ``POST /sim/pay {payCode}``; ``GET /sim/bills/{code}`` with
``status`` (0 unpaid, 1 paid, 2 voided) or 404; ``GET /sim/bills`` with ``pushes``, how many wait to
be acknowledged; ``POST /sim/push``, which tries them at once; ``POST /sim/knobs {action}`` with the
actions ``wrong_mac`` and ``stranger``.
"""

from __future__ import annotations

import hashlib
from asyncio import StreamReader, StreamWriter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

from adapters.kit.conformance.drills import Drill
from adapters.kit.conformance.world import World
from kernel.clock import beijing_day
from kernel.errors import UpstreamRejected
from kernel.money import Fen
from payments.errors import InvalidBill, PushRefused
from payments.model import Bill, BillItem, FactSource, Payer, PaymentFact, UpstreamState
from payments.ports import NontaxProvider, PushedFact

_AMOUNT = Fen(8000)


async def check_issue_gives_a_pay_page(world: World) -> None:
    """A bill that was accepted has an address where it is paid."""
    bill = _bill(world, "page")
    issued = await _provider(world).issue(bill)
    answer = await world.browser.get(issued.pay_url)
    assert answer.status_code == 200
    assert bill.pay_code in answer.text
    assert "80.00" in answer.text


async def check_the_same_bill_again_changes_nothing(world: World) -> None:
    """Issuing is keyed by the pay code."""
    bill = _bill(world, "again")
    assert await _provider(world).issue(bill) == await _provider(world).issue(bill)


async def check_a_changed_amount_is_refused(world: World) -> None:
    """The same pay code with another amount is refused and does not replace the bill."""
    bill = _bill(world, "changed")
    await _provider(world).issue(bill)
    dearer = replace(bill, items=(replace(bill.items[0], amount_fen=Fen(8001)),))
    try:
        await _provider(world).issue(replace(dearer, original_fen=Fen(8001)))
    except UpstreamRejected:
        seen = await _provider(world).query(bill.pay_code)
        assert seen.amount_fen == _AMOUNT
    else:
        raise AssertionError("a changed amount was accepted")


async def check_query_knows_every_state(world: World) -> None:
    """Nothing, unpaid, paid with its amount, voided."""
    provider = _provider(world)
    paid, voided = _bill(world, "paid"), _bill(world, "voided")
    seen = await provider.query(paid.pay_code)
    assert seen.state is UpstreamState.NOT_FOUND
    for bill in (paid, voided):
        await provider.issue(bill)
    seen = await provider.query(paid.pay_code)
    assert (seen.state, seen.amount_fen, seen.fact) == (UpstreamState.UNPAID, _AMOUNT, None)
    await _pay(world, paid)
    await provider.void(voided)
    seen = await provider.query(paid.pay_code)
    assert seen.state is UpstreamState.PAID
    assert seen.fact is not None
    assert (seen.fact.source, seen.fact.amount_fen) == (FactSource.QUERY, _AMOUNT)
    assert (await provider.query(voided.pay_code)).state is UpstreamState.VOIDED


async def check_a_paid_bill_is_not_voided(world: World) -> None:
    """Already paid wins; voiding twice is once."""
    provider = _provider(world)
    paid, voided = _bill(world, "paid"), _bill(world, "voided")
    for bill in (paid, voided):
        await provider.issue(bill)
    await _pay(world, paid)
    await provider.void(voided)
    await provider.void(voided)
    try:
        await provider.void(paid)
    except UpstreamRejected:
        assert (await provider.query(paid.pay_code)).state is UpstreamState.PAID
    else:
        raise AssertionError("a paid bill was voided")


async def check_what_cannot_be_written_is_refused_before_sending(world: World) -> None:
    """Separators inside names, lists that are too long, characters without a code."""
    bill = _bill(world, "bad")
    item = bill.items[0]
    many = tuple(replace(item, item_code=f"10304{n:04d}") for n in range(12))
    for wrong in (
        replace(bill, items=(replace(item, name="工本费|加急"),)),
        replace(bill, items=(replace(item, name="工本费#1"),)),
        replace(bill, items=many),
        replace(bill, payer=replace(bill.payer, name="张\ud800")),
        replace(bill, payer=replace(bill.payer, name="张\x00三")),
        replace(bill, payer=replace(bill.payer, mobile="")),
    ):
        try:
            _provider(world).examine(wrong)
        except InvalidBill:
            continue
        raise AssertionError("a bill that cannot be written was not refused")
    rare = replace(bill, payer=replace(bill.payer, name="㛃䶮𠮷"))
    _provider(world).examine(rare)
    assert not world.calls


async def check_a_push_tells_the_payment(world: World) -> None:
    """A payment is pushed with its amount, time and transaction, until it is acknowledged."""
    gateway = _Gateway(_provider(world))
    world.on_push = gateway.handle
    bill = _bill(world, "push")
    await _provider(world).issue(bill)
    gateway.ok = False
    await _pay(world, bill)
    await world.browser.post("/sim/push")
    assert gateway.pushed, "nothing was pushed"
    assert await _waiting(world) == 1, "a push that was not accepted was forgotten"
    gateway.ok = True
    await world.browser.post("/sim/push")
    assert await _waiting(world) == 0, "the acknowledgement was not understood"
    first, last = gateway.pushed[0].fact, gateway.pushed[-1].fact
    assert first == last, "a repetition tells something else"
    assert isinstance(first, PaymentFact)
    assert (first.pay_code, first.amount_fen) == (bill.pay_code, _AMOUNT)
    assert first.source is FactSource.PUSH
    assert first.tra_no
    assert first.account == _provider(world).terms().account
    assert first.paid_at is not None
    assert abs(first.paid_at - world.clock.now()) < timedelta(minutes=1)


async def check_forged_pushes_are_refused(world: World) -> None:
    """A wrong MAC and a stranger's node change nothing and are told so."""
    gateway = _Gateway(_provider(world))
    world.on_push = gateway.handle
    bill = _bill(world, "forged")
    await _provider(world).issue(bill)
    for action in ("wrong_mac", "stranger"):
        answer = await world.browser.post("/sim/knobs", json={"action": action, "times": 0})
        answer.raise_for_status()
        if action == "wrong_mac":
            await _pay(world, bill)
        await world.browser.post("/sim/push")
        assert gateway.refused, f"{action} was not refused"
        assert not gateway.pushed, f"{action} was believed"
        assert await _waiting(world) == 1, f"the refusal of {action} was taken for an ok"
        gateway.refused.clear()
        await world.browser.delete("/sim/knobs")
    await world.browser.post("/sim/push")
    assert await _waiting(world) == 0


async def check_garbage_is_refused(world: World) -> None:
    """Bytes that are no push never raise anything else."""
    for raw in (b"", b"GET / HTTP/1.1\r\n\r\n", b"90      " + b"x" * 82, bytes(range(256))):
        try:
            _provider(world).decode_push(raw)
        except PushRefused as refusal:
            answered = bool(refusal.answer)
        else:
            answered = False
        if answered:
            continue
        raise AssertionError("garbage was taken for a push, or refused without an answer")


@dataclass
class _Gateway:
    """Takes pushes as the gateway's listener would."""

    provider: NontaxProvider
    ok: bool = True
    pushed: list[PushedFact] = field(default_factory=list)
    refused: list[PushRefused] = field(default_factory=list)

    async def handle(self, reader: StreamReader, writer: StreamWriter) -> None:
        raw = await reader.read(64 * 1024)
        try:
            push = self.provider.decode_push(raw)
        except PushRefused as refusal:
            self.refused.append(refusal)
            writer.write(refusal.answer)
        else:
            self.pushed.append(push)
            writer.write(self.provider.acknowledge(push, self.ok, "" if self.ok else "稍后重发"))
        with suppress(OSError):
            await writer.drain()


def _provider(world: World) -> NontaxProvider:
    provider: NontaxProvider = world.provider
    return provider


def _bill(world: World, key: str) -> Bill:
    provider = _provider(world)
    terms = provider.terms()
    now = world.clock.now()
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    serial = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % 10**10
    return Bill(
        bill_id=f"bill_{key}"[:64],
        reference=key,
        fee_version="1",
        pay_code=provider.mint(terms.division, beijing_day(now).year, serial),
        division=terms.division,
        agency=terms.agency,
        account=terms.account,
        payer=Payer(name="张明轩", mobile="13800000001"),
        items=(BillItem(item_code="103043211", name="不动产登记费", amount_fen=_AMOUNT),),
        original_fen=_AMOUNT,
        delay_fen=Fen(0),
        deadline=day + timedelta(days=15),
        created_at=day,
        updated_at=day,
    )


async def _pay(world: World, bill: Bill) -> None:
    answer = await world.browser.post("/sim/pay", json={"payCode": bill.pay_code})
    answer.raise_for_status()


async def _waiting(world: World) -> int:
    answer = (await world.browser.get("/sim/bills")).raise_for_status()
    waiting: int = answer.json()["pushes"]
    return waiting


async def _status(world: World, key: str) -> str:
    answer = await world.browser.get(f"/sim/bills/{_bill(world, key).pay_code}")
    return str(answer.json()["status"]) if answer.status_code == 200 else ""


async def _issue(world: World, key: str) -> object:
    return await _provider(world).issue(_bill(world, key))


async def _issued(world: World, key: str) -> int:
    return int(bool(await _status(world, key)))


async def _query(world: World, key: str) -> object:
    return await _provider(world).query(_bill(world, key).pay_code)


async def _void(world: World, key: str) -> object:
    bill = _bill(world, key)
    if (await _provider(world).query(bill.pay_code)).state is UpstreamState.NOT_FOUND:
        await _provider(world).issue(bill)
    await _provider(world).void(bill)
    return bill.pay_code


async def _voided(world: World, key: str) -> int:
    return int(await _status(world, key) == "2")


DRILLS: Sequence[Drill] = (
    Drill("issue a bill", _issue, _issued),
    Drill("ask for a bill", _query),
    Drill("void a bill", _void, _voided, needs="void"),
)
