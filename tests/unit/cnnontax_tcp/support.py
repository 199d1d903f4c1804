"""Frames made by hand, an adapter without a network, and a whole town around the simulator."""

from __future__ import annotations

import hashlib
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.kit.conformance import World, running
from adapters.kit.kit import Kit
from adapters.kit.manifest import load
from adapters.upstreams import cnnontax_tcp
from adapters.upstreams.cnnontax_tcp import wire
from adapters.upstreams.cnnontax_tcp.adapter import CnNontax, create
from adapters.upstreams.cnnontax_tcp.listener import PushListener
from adapters.upstreams.cnnontax_tcp.options import Options
from kernel.clock import Clock, FrozenClock, SystemClock
from kernel.ids import IdSource, RandomIds, SequentialIds
from payments import PaymentOptions, PaymentService, PushedFact, push_step
from tests.unit.payments.fakes import START
from tests.unit.payments.memory import Memory, MemoryWorks
from tests.unit.payments.memory_money import MemoryPayments

TOKEN = "sandbox-token-370000"
PAY_CODE = "37000026100000000017"
PUSH_FIELDS = {
    "PayCode": PAY_CODE,
    "CfmDate": "20260115",
    "CfmTime": "150305",
    "Amt": "80.00",
    "BankOutlet": "00000",
    "Operator": "G000001",
    "PayMode": "51",
    "TraNoBus": "2026011500000000000001",
    "PayerName": "",
    "RecAcctType": "1",
    "RecAcct": "3700001",
    "Hold1": "",
    "Hold2": "",
}
OPTIONS: dict[str, Any] = {
    "tcp_host": "127.0.0.1",
    "tcp_port": 9601,
    "division": "370000",
    "src": "K3700000001",
    "des": "F370000",
    "agency_code": "0370001",
    "agency_name": "示例执收单位",
    "account": "3700001",
    "account_name": "财政专户",
    "account_bank": "示例银行",
}


def seal(xml: bytes, token: str = TOKEN) -> str:
    return hashlib.sha256(token.encode() + xml).hexdigest()


def head(msg_no: str = "5996", src: str = "F370000", des: str = "K3700000001") -> wire.Head:
    return wire.Head(src, des, msg_no, "F2026011500000002", "F2026011500000002", "20260115")


def voucher(**changes: str) -> bytes:
    return wire.write_voucher(list({**PUSH_FIELDS, **changes}.items()))


def push(xml: bytes | None = None, *, mac: str = "", **changes: str) -> bytes:
    body = wire.write_xml(head(), [voucher(**changes)]) if xml is None else xml
    return wire.join_frame("5996", body, mac or seal(body))


def result_of(answer: bytes) -> dict[str, str]:
    frame = wire.split_frame(answer)
    assert frame.mac == seal(frame.xml)
    message = wire.read_xml(frame.xml)
    assert (message.head.msg_no, message.head.des) == ("8001", "F370000")
    return dict(message.voucher)


class NoNetwork:
    """A client that must not be used."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the network was used: {name}")


def adapter(
    unknown: list[tuple[str, str]] | None = None, *, client: Any = None, **options: Any
) -> CnNontax:
    seen = unknown if unknown is not None else []
    kit = Kit(
        manifest=load(Path(cnnontax_tcp.__file__).parent / "manifest.toml"),
        client=client or NoNetwork(),
        secrets={"token": TOKEN, "sign_key": "1" * 64},
        clock=FrozenClock(START),
        ids=SequentialIds(),
        unknown=lambda name, code: seen.append((name, code)),
    )
    return create(Options(**{**OPTIONS, **options}), kit)


@dataclass
class Street:
    """Service, listener and simulator on real sockets; the books are in memory."""

    world: World
    works: MemoryWorks
    service: PaymentService
    kept: list[bytes] = field(default_factory=list)
    answers: int = 0

    @property
    def memory(self) -> Memory:
        return self.works.memory

    async def on_push(self, raw: bytes) -> bytes:
        answer = await self.service.accept_push(raw, self.keep)
        self.answers += 1
        return answer

    async def keep(self, raw: bytes, push: PushedFact) -> None:
        async with self.works.begin():
            self.kept.append(raw)
        await push_step(self.service, raw)

    async def pay(self, pay_code: str, **more: Any) -> dict[str, Any]:
        answer = await self.world.browser.post("/sim/pay", json={"payCode": pay_code, **more})
        found: dict[str, Any] = answer.json()
        return found

    async def knob(self, action: str, value: int = 1, times: int = 1) -> None:
        rule = {"match": {}, "action": action, "value": value, "times": times}
        (await self.world.browser.post("/sim/faults", json=rule)).raise_for_status()

    async def push_now(self) -> int:
        """Deliver what waits; return how many pushes are still not acknowledged."""
        answer = await self.world.browser.post("/sim/push")
        waiting: int = answer.json()["waiting"]
        return waiting

    async def bills_upstream(self) -> int:
        count: int = (await self.world.browser.get("/sim/bills")).json()["bills"]
        return count


def service_for(world: World, works: MemoryWorks, clock: Clock, ids: IdSource) -> PaymentService:
    return PaymentService(
        provider=world.provider,
        repository=MemoryPayments(),
        works=works,
        clock=clock,
        ids=ids,
        options=PaymentOptions(upstream="cnnontax_tcp"),
    )


@asynccontextmanager
async def street(folder: Path) -> AsyncIterator[Street]:
    clock = SystemClock()
    ids = RandomIds(clock)
    async with running("cnnontax_tcp", folder, clock=clock, ids=ids) as world:
        works = MemoryWorks()
        here = Street(world, works, service_for(world, works, clock, ids))
        listener = PushListener(here.on_push)

        async def handle(reader: StreamReader, writer: StreamWriter) -> None:
            await listener.handle(reader, writer)

        world.on_push = handle
        yield here
