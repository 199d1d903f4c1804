"""What a drill does with the finance system and the gateway, and what must hold after each one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import httpx
from sqlalchemy import func, select, update

import payments
from adapters.upstreams.cnnontax_tcp import mac, wire
from gateway.cases.model import Applicant, Case, CaseState, Channel
from gateway.cases.tables import cases
from gateway.catalog.model import ApplicantType
from gateway.worker.steps import register
from kernel.clock import beijing, beijing_day
from kernel.db import tables as t
from kernel.db.task_kinds import TaskRegistry
from kernel.db.tasks import TaskEngine
from kernel.db.work import connection
from kernel.money import fen
from payments import tables as pt
from tests.api.town import HOST
from tests.api.world import ROAD, ROAD_FORM, World

SIMULATOR = "cnnontax_tcp"
NODE, AGENCY_NODE = "F370000", "K3700000001"
FEE = 8000
OWNER = "P_drill"
APPLICANT = Applicant(
    ApplicantType.NATURAL_PERSON,
    "测试甲",
    "111",
    "370102199003071238",
    "测试甲",
    "370102199003071238",
    "13800000001",
)
Fields = list[tuple[str, str]]


@dataclass
class Drill:
    """One gateway, one finance system, and the hands of everybody who may do something wrong."""

    world: World
    sim: httpx.AsyncClient
    codes: set[str] = field(default_factory=set)
    """Pay codes that the finance system and we must agree about in the end."""

    @classmethod
    @asynccontextmanager
    async def begun(cls, world: World, name: str = SIMULATOR) -> AsyncIterator[Drill]:
        """Open the drill."""
        url = world.town.url(name)
        async with httpx.AsyncClient(base_url=url, timeout=60) as sim:
            # Whatever fails waits its whole pause, so that time decides and not luck.
            registry = TaskRegistry()
            register(registry, world.container)
            world.engine = TaskEngine(world.container.works, registry, chance=lambda: 1.0)
            # The daily tasks run when a worker comes up first; no drill is about that.
            await world.work()
            yield cls(world, sim)

    # ---- ours ------------------------------------------------------------------------------------

    @property
    def service(self) -> payments.PaymentService:
        return self.world.container.payments

    async def case(self) -> str:
        """Put a case there that waits for its fee."""
        case = await self.world.container.cases.declare(
            owner=OWNER,
            client_id="sd_jis",
            ial=3,
            applicant=APPLICANT,
            item_code=ROAD,
            form=dict(ROAD_FORM),
            channel=Channel.PC_WEB,
        )
        async with self.world.container.works.begin() as work:
            waiting = {"state": CaseState.AWAITING_PAYMENT}
            statement = update(cases).where(cases.c.case_id == case.case_id).values(**waiting)
            await connection(work).execute(statement)
        return str(case.case_id)

    async def read_case(self, case_id: str) -> Case:
        return await self.world.container.cases.get(case_id, OWNER)

    async def raised(self, **changes: Any) -> payments.Bill:
        """Raise a bill that is not sent yet."""
        order = await self.order(**changes)
        bill = await self.service.raise_bill(order)
        assert isinstance(bill, payments.Bill)
        self.codes.add(bill.pay_code)
        return bill

    async def order(self, **changes: Any) -> payments.BillOrder:
        """Return an order of the usual fee for a new case."""
        code, amount = changes.pop("code", "103000001"), changes.pop("amount", FEE)
        given: dict[str, Any] = {
            "reference": changes.pop("reference", None) or await self.case(),
            "fee_version": "1",
            "payer": payments.Payer("测试甲", "13800000001"),
            "items": (payments.BillItem(code, "占道费", fen(amount)),),
        }
        return payments.BillOrder(**{**given, **changes})

    async def pending(self, **changes: Any) -> payments.Bill:
        """Raise a bill and issue it."""
        bill = await self.service.issue((await self.raised(**changes)).bill_id)
        assert bill.pay is payments.PayState.PENDING
        return bill

    async def paid(self, **changes: Any) -> payments.Bill:
        """Raise a bill, issue it, have it paid and hear of it."""
        bill = await self.pending(**changes)
        await self.pay(bill.pay_code)
        await self.deliver()
        bill = await self.get(bill)
        assert bill.pay is payments.PayState.PAID
        return bill

    async def get(self, bill: payments.Bill) -> payments.Bill:
        return await self.service.get(bill.bill_id)

    async def state(self, bill: payments.Bill) -> payments.PayState:
        return (await self.get(bill)).pay

    async def work(self) -> None:
        """Let the worker do what is due."""
        await self.world.work()

    async def later(self, **span: float) -> None:
        """Let time pass for the gateway, then let the worker do what has become due."""
        await self.world.work_later(timedelta(**span))

    # ---- the finance system's --------------------------------------------------------------------

    async def knob(self, action: str, **more: Any) -> None:
        """Set a fault (§12.4): ``msg_no``, ``pay_code``, ``times``, ``value``."""
        match = {"msgNo": more.pop("msg_no", ""), "payCode": more.pop("pay_code", "")}
        rule = {"match": match, "action": action, **more}
        (await self.sim.post("/sim/faults", json=rule)).raise_for_status()

    async def network(self, action: str, **more: Any) -> None:
        """Set one of the general faults of a network."""
        (await self.sim.post("/sim/faults", json={"action": action, **more})).raise_for_status()

    async def calm(self) -> None:
        (await self.sim.delete("/sim/faults")).raise_for_status()

    async def pay(self, pay_code: str, **more: Any) -> str:
        """Pay at a till of the finance system; return the transaction number."""
        answer = await self.sim.post("/sim/pay", json={"payCode": pay_code, **more})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["traNo"])

    async def push(self) -> int:
        """Let everything be pushed now; return how many pushes were not acknowledged."""
        return int((await self.sim.post("/sim/push")).json()["waiting"])

    async def deliver(self) -> None:
        """Push everything and work it off; everything must be acknowledged."""
        left = await self.push()
        assert left == 0, self.world.book.lines[-8:]
        await self.work()

    async def upstream(self, pay_code: str) -> Any:
        """Return the finance system's own view of a bill; None when it has none."""
        answer = await self.sim.get(f"/sim/bills/{pay_code}")
        return answer.json() if answer.status_code == 200 else None

    async def pass_upstream(self, seconds: int) -> None:
        """Move the finance system's clock."""
        body = {"advanceSeconds": seconds}
        (await self.sim.post("/sim/clock", json=body)).raise_for_status()

    @staticmethod
    def day(bill: payments.Bill) -> date:
        """Return the day in Beijing on which a bill was paid."""
        assert bill.paid_at is not None
        return beijing_day(bill.paid_at)

    async def tomorrow(self) -> None:
        """Let a day and seven hours pass on both sides, without the worker."""
        now = beijing(self.world.clock.now())
        morning = (now + timedelta(days=1)).replace(hour=7, minute=0, second=0)
        seconds = int((morning - now).total_seconds())
        self.world.clock.shift += timedelta(seconds=seconds)
        await self.pass_upstream(seconds)

    async def settle(self) -> None:
        """Let refunds and everything else that needs time come to their end on both sides."""
        for _ in range(4):
            await self.later(minutes=2)
            await self.pass_upstream(10)
            await self.push()
            await self.work()

    # ---- raw frames ------------------------------------------------------------------------------

    @property
    def token(self) -> str:
        return str(self.world.town.given[SIMULATOR].secrets["token"])

    def confirmation(self, pay_code: str, amount: str = "80.00", **more: str) -> bytes:
        """Return a 5996 as the finance system would write it, changed as wanted."""
        day = f"{beijing(self.world.clock.now()):%Y%m%d}"
        fields = {
            "PayCode": pay_code,
            "CfmDate": day,
            "CfmTime": "120000",
            "Amt": amount,
            "BankOutlet": "00000",
            "Operator": "G000001",
            "PayMode": "51",
            "TraNoBus": f"T{day}{hashlib.sha256(pay_code.encode()).hexdigest()[:12]}",
            "PayerName": "测试甲",
            "RecAcctType": "1",
            "RecAcct": "3700001",
            "Hold1": "",
            "Hold2": "",
            **more,
        }
        return self.frame(self.xml([wire.write_voucher(list(fields.items()))]))

    def xml(self, vouchers: list[bytes], src: str = NODE) -> bytes:
        """Return a CFX document with these vouchers."""
        number = self.world.ids.new("x")[-16:].upper()
        day = f"{beijing(self.world.clock.now()):%Y%m%d}"
        return wire.write_xml(wire.Head(src, AGENCY_NODE, "5996", number, number, day), vouchers)

    def frame(self, xml: bytes, token: str = "") -> bytes:
        """Return a document in its frame, with the right MAC unless another token is given."""
        return wire.join_frame("5996", xml, mac.sign(token or self.token, xml))

    async def send(self, *chunks: bytes, pause: float = 0.0) -> bytes:
        """Send bytes to the listener as anybody could; return everything that it answers."""
        reader, writer = await asyncio.open_connection(HOST, self.world.town.push_port)
        try:
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
                if pause:
                    await asyncio.sleep(pause)
            writer.write_eof()
            async with asyncio.timeout(20):
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async def result(self, *chunks: bytes, pause: float = 0.0) -> str:
        """Send a frame; return the result code of the answer, and prove that an ok was earned."""
        answer = await self.send(*chunks, pause=pause)
        if not answer:
            return ""
        code = results(answer)[0]
        if code == "00000":
            await self.require_kept(b"".join(chunks))
        return code

    async def require_kept(self, raw: bytes) -> None:
        """Fail unless these bytes are in the inbox, whole."""
        digest = hashlib.sha256(raw).hexdigest()
        async with self.world.container.works.read() as work:
            query = select(t.inbox.c.body).where(t.inbox.c.message_id == digest)
            assert (await connection(work).execute(query)).scalar_one() == raw

    # ---- what can be counted ---------------------------------------------------------------------

    async def rows(self, statement: Any) -> list[Any]:
        async with self.world.container.works.read() as work:
            return list((await connection(work).execute(statement)).all())

    async def count(self, table: Any, *where: Any) -> int:
        found = await self.rows(select(func.count()).select_from(table).where(*where))
        return int(found[0][0])

    async def events(self, bill: payments.Bill, *topics: str) -> int:
        """Return how many events of these types the bill has had."""
        return await self.count(
            t.events, t.events.c.entity == bill.bill_id, t.events.c.topic.in_(topics)
        )

    async def refusals(self) -> list[Any]:
        """Return the traces of refused pushes, newest first."""
        return list(await self.world.container.refusals.latest(200))

    async def exceptions(self, bill: payments.Bill) -> set[str]:
        """Return what operations see of a bill's exceptions."""
        found = await self.service.discrepancies()
        return {str(e) for b in found.bills if b.bill_id == bill.bill_id for e in b.exceptions}

    # ---- invariants ------------------------------------------------------------------------------

    async def require_sound(self) -> None:
        """Fail unless every invariant of §12.6 holds, and both books say the same."""
        assert list(await self.service.recon.violations()) == []
        paid = select(t.history.c.entity, func.count()).where(
            t.history.c.machine == "payments.pay", t.history.c.new == "paid"
        )
        twice = paid.group_by(t.history.c.entity).having(func.count() > 1)
        assert await self.rows(twice) == []
        told = select(t.events.c.entity, func.count()).where(
            t.events.c.topic.in_(["payments.paid", "payments.paid_late"])
        )
        assert await self.rows(told.group_by(t.events.c.entity).having(func.count() > 1)) == []
        valid = (pt.bill.c.receipt == "issued") & (
            (pt.bill.c.pay != "paid") | (pt.bill.c.refund == "full")
        )
        assert await self.count(pt.bill, valid) == 0
        for code in self.codes:
            assert await self.booked_here(code) == await self.booked_there(code), code

    async def booked_here(self, pay_code: str) -> int:
        """Return Σ paid − Σ refunded of a pay code in our books, in 分."""
        money = select(func.coalesce(func.sum(pt.attempt.c.amount_fen), 0)).join_from(
            pt.attempt, pt.bill, pt.attempt.c.bill_id == pt.bill.c.bill_id
        )
        held = [str(state) for state in payments.model.MONEY_ATTEMPTS]
        money = money.where(pt.bill.c.pay_code == pay_code, pt.attempt.c.state.in_(held))
        back = select(func.coalesce(func.sum(pt.refund.c.amount_fen), 0)).where(
            pt.refund.c.pay_code == pay_code, pt.refund.c.step == "done"
        )
        (here,), (gone,) = (await self.rows(money))[0], (await self.rows(back))[0]
        return int(here) - int(gone)

    async def booked_there(self, pay_code: str) -> int:
        """Return the same of the finance system's books."""
        found = await self.upstream(pay_code)
        if found is None:
            return 0
        paid = sum(p["amount_fen"] for p in found["payments"] if not p.get("reversed"))
        back = sum(r["amountFen"] for r in found["refunds"] if r["stats"] == "2")
        return int(paid) - int(back)


def results(answers: bytes) -> list[str]:
    """Return the result code of every frame in what the listener answered."""
    found = []
    while answers:
        size = wire.frame_length(answers[: wire.PREFIX])
        message = wire.read_xml(wire.split_frame(answers[:size]).xml)
        found.append(message.voucher["Result"])
        answers = answers[size:]
    return found
