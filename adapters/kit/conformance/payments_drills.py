"""The payments suite's drills: each call of the port once, to be disturbed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from adapters.kit.conformance.drills import Drill
from adapters.kit.conformance.payments_hands import (
    AMOUNT,
    bill_of,
    converse,
    issued,
    order_number,
    provider_of,
    receipt_order,
    receipted,
    refund_order,
    reversal_order,
    settled,
)
from adapters.kit.conformance.world import World
from kernel.clock import beijing_day
from payments.ports import OrderFinder


async def _listed(world: World, key: str, name: str) -> list[dict[str, Any]]:
    answer = await world.browser.get(f"/sim/bills/{order_number(world, key)}")
    found: list[dict[str, Any]] = answer.json()[name] if answer.status_code == 200 else []
    return found


async def _issue(world: World, key: str) -> object:
    return await provider_of(world).issue(bill_of(world, key))


async def _issued(world: World, key: str) -> int:
    answer = await world.browser.get(f"/sim/bills/{order_number(world, key)}")
    return int(answer.status_code == 200)


async def _query(world: World, key: str) -> object:
    return await provider_of(world).query(bill_of(world, key).pay_code or order_number(world, key))


async def _find_order(world: World, key: str) -> object:
    finder = provider_of(world)
    assert isinstance(finder, OrderFinder)
    return await finder.find_order(order_number(world, key))


async def _void(world: World, key: str) -> object:
    bill = await issued(world, key)
    await provider_of(world).void(bill)
    return bill.pay_code


async def _voided(world: World, key: str) -> int:
    answer = await world.browser.get(f"/sim/bills/{order_number(world, key)}")
    return int(answer.status_code == 200 and answer.json()["status"] == "2")


async def _number(world: World, key: str) -> object:
    return await converse(world).receipts.take_number(await settled(world, key))


async def _numbers(world: World, key: str) -> int:
    return len(await _listed(world, key, "receipts"))


async def _receipt(world: World, key: str) -> object:
    bill = await settled(world, key)
    world.notes.setdefault(key, await converse(world).receipts.take_number(bill))
    return await converse(world).receipts.issue_receipt(receipt_order(bill, world.notes[key]))


async def _receipts(world: World, key: str) -> int:
    found = await _listed(world, key, "receipts")
    return sum(receipt["state"] == "issued" for receipt in found)


async def _find(world: World, key: str) -> object:
    return await converse(world).receipts.find_receipt(await settled(world, key), None)


async def _download(world: World, key: str) -> object:
    made = await receipted(world, await settled(world, key))
    return await converse(world).receipts.download_receipt(made)


async def _verify(world: World, key: str) -> object:
    made = await receipted(world, await settled(world, key))
    return await converse(world).receipts.verify_receipt(made)


async def _refund(world: World, key: str) -> object:
    order = await refund_order(world, await settled(world, key), key[-32:], AMOUNT, AMOUNT)
    await converse(world).refunds.apply_refund(order)
    return order.refund_no


async def _refunds(world: World, key: str) -> int:
    return len(await _listed(world, key, "refunds"))


async def _refund_state(world: World, key: str) -> object:
    return await converse(world).refunds.query_refund(key[-32:])


async def _reverse(world: World, key: str) -> object:
    order = await reversal_order(world, await settled(world, key))
    await converse(world).reversals.reverse(order)
    return order.pay_code


async def _reversed(world: World, key: str) -> int:
    found = await _listed(world, key, "payments")
    return sum(payment["reversed"] for payment in found)


async def _file(world: World, _key: str) -> object:
    # Two days ago is published at any hour, though nobody paid anything.
    day = beijing_day(world.clock.now()) - timedelta(days=2)
    return await converse(world).files.fetch_file(provider_of(world).terms().division, day)


DRILLS: Sequence[Drill] = (
    Drill("issue a bill", _issue, _issued),
    Drill("ask for a bill", _query),
    Drill("find an order", _find_order, needs="find_order"),
    Drill("void a bill", _void, _voided, needs="void"),
    Drill("take a receipt's number", _number, _numbers, needs="receipt"),
    Drill("issue a receipt", _receipt, _receipts, needs="receipt"),
    Drill("find a receipt", _find, needs="receipt"),
    Drill("download a receipt", _download, needs="receipt"),
    Drill("verify a receipt", _verify, needs="receipt"),
    Drill("apply for a refund", _refund, _refunds, needs="refund"),
    Drill("ask for a refund", _refund_state, needs="refund"),
    Drill("reverse a payment", _reverse, _reversed, needs="reversal"),
    Drill("fetch a reconciliation file", _file, needs="recon"),
)
