"""Puts the simulator together: its account, its TCP handler, its HTTP side and its push loop."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from typing import Final

from adapters.sandbox.faults import Faults
from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.store import Store
from adapters.upstreams.cnnontax_tcp.simulator.dialect import Dialect, Nodes
from adapters.upstreams.cnnontax_tcp.simulator.finance import Account, Finance
from adapters.upstreams.cnnontax_tcp.simulator.knobs import Action, Knobs
from adapters.upstreams.cnnontax_tcp.simulator.pages import Pages
from adapters.upstreams.cnnontax_tcp.simulator.pushing import Pusher
from adapters.upstreams.cnnontax_tcp.wire import PREFIX, BadFrame, Message, frame_length
from kernel.ids import RandomIds

DIVISION: Final = "370000"
FINANCE_NODE: Final = "F370000"
AGENCY_NODE: Final = "K3700000001"
AGENCY: Final = "0370001"
ACCOUNT: Final = "3700001"
READ_SECONDS: Final = 10.0


def provision(place: Place) -> Onboarding:
    """Open the agency's account on the first call; the same token ever after."""
    store = Store(place.folder)
    try:
        store.add("setting", "token", RandomIds(place.clock).secret("sbx-"))
        token: str = store.get("setting", "token")
    finally:
        store.close()
    return Onboarding(
        options={
            "tcp_host": place.host,
            "tcp_port": place.tcp_port,
            "division": DIVISION,
            "src": AGENCY_NODE,
            "des": FINANCE_NODE,
            "agency_code": AGENCY,
            "agency_name": "山东省一窗示例执收单位",
            "account": ACCOUNT,
            "account_name": "山东省财政厅非税收入财政专户（仿真）",
            "account_type": "1",
            "account_bank": "仿真银行济南分行",
            "account_bank_no": "000000000000",
            "listen_host": place.push_host,
            "listen_port": place.push_port,
        },
        secrets={"token": token},
    )


def create(place: Place) -> Simulator:
    """Build the simulator from what ``provision`` made."""
    store = Store(place.folder)
    token: str = store.get("setting", "token")
    account = Account(DIVISION, AGENCY)
    finance = Finance(store, place.clock, account, f"{place.url}/qr")
    knobs, faults = Knobs(), Faults()
    dialect = Dialect(finance, Nodes(FINANCE_NODE, AGENCY_NODE, token), place.clock, knobs)
    pusher = Pusher(place, finance, dialect, knobs)
    till = _Till(finance, dialect, pusher, knobs, faults)

    async def close() -> None:
        store.close()

    return Simulator(
        app=faults.wrap(Pages(finance, pusher, knobs).app()),
        tcp=till.handle,
        close=close,
        tasks=(pusher.run,),
    )


class _Till:
    """Serves one TCP connection: one frame, one answer."""

    def __init__(
        self, finance: Finance, dialect: Dialect, pusher: Pusher, knobs: Knobs, faults: Faults
    ) -> None:
        self._finance = finance
        self._dialect = dialect
        self._pusher = pusher
        self._knobs = knobs
        self._faults = faults

    async def handle(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Read the frame and answer it as the fault knobs allow."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                prefix = await reader.readexactly(PREFIX)
                raw = prefix + await reader.readexactly(frame_length(prefix) - PREFIX)
        except (BadFrame, TimeoutError):
            return
        request = self._dialect.read(raw)

        async def answer() -> bytes:
            given = self._dialect.answer(request)
            await self._overtake(request)
            return given

        await self._faults.reply(self._dialect.operation(request), writer, answer)

    async def _overtake(self, request: Message | tuple[str, str]) -> None:
        """Let a bill be paid, and the news of it arrive, before its issue is answered."""
        if isinstance(request, tuple) or self._dialect.operation(request) != "issue":
            return
        if self._knobs.take(Action.PUSH_BEFORE_RESPONSE) is None:
            return
        self._finance.pay(request.voucher["PayCode"], "51")
        await self._pusher.deliver(only_due=False)
