"""What the payments suite works with: bills, a payer, and a gateway that takes pushes."""

from __future__ import annotations

import hashlib
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

from starlette.responses import Response

from adapters.kit.conformance.world import Received, World
from kernel import httptext
from kernel.clock import beijing_day
from kernel.money import Fen
from payments.errors import PushRefused
from payments.model import Bill, BillItem, Channel, MintSide, Payer
from payments.ports import (
    Issued,
    NontaxProvider,
    PushedFact,
    ReceiptProvider,
    ReconProvider,
    RefundProvider,
    ReversalProvider,
)
from payments.receipt_model import IssuedReceipt, ReceiptNumber, ReceiptOrder
from payments.refund_model import RefundOrder, ReversalOrder

AMOUNT: Final = Fen(8000)


class Gateway:
    """Takes pushes over TCP and over HTTP, as the gateway's listener and its router would."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.ok = True
        self.pushed: list[PushedFact] = []
        self.refused: list[PushRefused] = []
        world.on_push = self._handle
        world.answer = self._respond

    def take(self, raw: bytes) -> bytes:
        """Return the answer to a push."""
        provider = provider_of(self._world)
        try:
            push = provider.decode_push(raw)
        except PushRefused as refusal:
            self.refused.append(refusal)
            return refusal.answer
        self.pushed.append(push)
        return provider.acknowledge(push, self.ok, "" if self.ok else "稍后重发")

    async def _handle(self, reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(self.take(await reader.read(64 * 1024)))
        with suppress(OSError):
            await writer.drain()

    async def _respond(self, received: Received) -> Response:
        request = httptext.Request(
            received.method,
            received.path,
            received.headers,
            received.body,
            self._world.clock.now(),
        )
        answer = httptext.read_response(self.take(httptext.write_request(request)))
        return Response(answer.body, answer.status, dict(answer.headers))


@dataclass(frozen=True)
class Halves:
    """The provider by its optional protocols; one that it lacks fails the check."""

    provider: Any

    @property
    def receipts(self) -> ReceiptProvider:
        """Return the half of 8999, 8981, 8982."""
        assert isinstance(self.provider, ReceiptProvider)
        return self.provider

    @property
    def refunds(self) -> RefundProvider:
        """Return the half of 8801, 8802."""
        assert isinstance(self.provider, RefundProvider)
        return self.provider

    @property
    def reversals(self) -> ReversalProvider:
        """Return the half of 8803."""
        assert isinstance(self.provider, ReversalProvider)
        return self.provider

    @property
    def files(self) -> ReconProvider:
        """Return the half of 8805."""
        assert isinstance(self.provider, ReconProvider)
        return self.provider


def converse(world: World) -> Halves:
    """Return the optional halves of the provider."""
    return Halves(world.provider)


def provider_of(world: World) -> NontaxProvider:
    """Return the implementation of the port."""
    provider: NontaxProvider = world.provider
    return provider


def order_number(world: World, key: str) -> str:
    """Return the pay code, or our order number, of a key."""
    provider = provider_of(world)
    serial = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % 10**10
    year = beijing_day(world.clock.now()).year
    return provider.mint(provider.terms().division, year, serial)


def bill_of(world: World, key: str) -> Bill:
    """Return a bill of 80 yuan, always the same one for a key."""
    terms = provider_of(world).terms()
    number = order_number(world, key)
    day = world.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return Bill(
        bill_id=f"bill_{key}"[:64],
        reference=key,
        fee_version="1",
        pay_code=number if terms.mint_side is MintSide.AGENCY else "",
        order_no=number,
        division=terms.division,
        agency=terms.agency,
        account=terms.account,
        payer=Payer(name="张明轩", mobile="13800000001"),
        items=(BillItem(item_code="103043211", name="不动产登记费", amount_fen=AMOUNT),),
        original_fen=AMOUNT,
        delay_fen=Fen(0),
        deadline=day + timedelta(days=15),
        created_at=day,
        updated_at=day,
    )


def code_of(bill: Bill, made: Issued) -> str:
    """Return the pay code of a bill that was issued."""
    return made.pay_code or bill.pay_code


async def issued(world: World, key: str) -> Bill:
    """Issue a key's bill and return it with its pay code; a second time it is the same one."""
    bill = bill_of(world, key)
    if key in world.notes.setdefault("codes", {}):
        return replace(bill, pay_code=world.notes["codes"][key])
    code = code_of(bill, await provider_of(world).issue(bill))
    world.notes["codes"][key] = code
    return replace(bill, pay_code=code)


async def pay(world: World, bill: Bill) -> None:
    """Pay at a counter."""
    answer = await world.browser.post("/sim/pay", json={"payCode": bill.pay_code})
    answer.raise_for_status()


async def settled(world: World, key: str) -> Bill:
    """Return a key's bill, issued and paid."""
    bill = await issued(world, key)
    if (await shown(world, bill.pay_code))["status"] == "0":
        await pay(world, bill)
    return bill


async def shown(world: World, code: str) -> dict[str, Any]:
    """Return what the simulator shows testers of a bill, by pay code or order number."""
    answer = await world.browser.get(f"/sim/bills/{code}")
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


async def waiting(world: World) -> int:
    """Return how many pushes wait to be acknowledged."""
    answer = (await world.browser.get("/sim/bills")).raise_for_status()
    count: int = answer.json()["pushes"]
    return count


def receipt_order(bill: Bill, number: ReceiptNumber) -> ReceiptOrder:
    """Return the order for a receipt over everything that was paid."""
    return ReceiptOrder(
        bill=bill,
        number=number,
        amount_fen=AMOUNT,
        paid_at=bill.created_at,
        channel=Channel.ALIPAY,
        channel_raw="51",
    )


async def receipted(world: World, bill: Bill) -> IssuedReceipt:
    """Return the bill's receipt, issued at the first time."""
    provider: ReceiptProvider = converse(world).receipts
    notes = world.notes.setdefault("receipts", {})
    if bill.pay_code not in notes:
        number = await provider.take_number(bill)
        notes[bill.pay_code] = await provider.issue_receipt(receipt_order(bill, number))
    made: IssuedReceipt = notes[bill.pay_code]
    return made


async def _transaction(world: World, bill: Bill) -> tuple[str, date]:
    payment = (await shown(world, bill.pay_code))["payments"][0]
    text = payment["acct_date"]
    return payment["tra_no"], date(int(text[:4]), int(text[4:6]), int(text[6:]))


async def refund_order(
    world: World, bill: Bill, refund_no: str, amount: int, expected: int
) -> RefundOrder:
    """Return the order to pay back a part of a bill's only payment."""
    tra_no, _ = await _transaction(world, bill)
    return RefundOrder(
        refund_no=refund_no,
        pay_code=bill.pay_code,
        tra_no=tra_no,
        paid_fen=AMOUNT,
        amount_fen=Fen(amount),
        expected_refundable_fen=Fen(expected),
        reason="申请人撤回",
        receiver_name=bill.payer.name,
    )


async def reversal_order(world: World, bill: Bill) -> ReversalOrder:
    """Return the order to undo a bill's only payment."""
    tra_no, day = await _transaction(world, bill)
    return ReversalOrder(bill.pay_code, tra_no, day, "柜面操作有误")
