"""Puts the finance system together with a face, and opens the agency's account in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.routing import Route

from adapters.sandbox.finance.codes import CHANNELS
from adapters.sandbox.finance.desk import Desk
from adapters.sandbox.finance.faults import FinanceApp
from adapters.sandbox.finance.office import AGENCY, Office
from adapters.sandbox.finance.pages import Pages
from adapters.sandbox.finance.pushing import Carrier
from adapters.sandbox.place import Place, Simulator, TcpHandler
from adapters.sandbox.store import Store
from kernel.crypto import sm2
from kernel.ids import RandomIds


def provision_agency(place: Place) -> tuple[dict[str, Any], dict[str, str]]:
    """Open the agency's account on the first call; return options and secrets of every face.

    The SM2 key is made here for the agency's convenience; a real agency brings its own.
    """
    ids = RandomIds(place.clock)
    store = Store(place.folder)
    try:
        if store.get("setting", "agency_key") is None:
            key = sm2.generate()
            made = {"scalar": key.scalar.hex(), "point": key.public.point.hex()}
            store.add("setting", "agency_key", made)
        store.add("setting", "token", ids.secret("sbx-"))
        key_of = store.get("setting", "agency_key")
        token: str = store.get("setting", "token")
    finally:
        store.close()
    options = {
        "base_url": place.url,
        "division": AGENCY.division,
        "src": AGENCY.node,
        "des": AGENCY.finance_node,
        "agency_code": AGENCY.agency,
        "agency_name": "山东省一窗示例执收单位",
        "account": AGENCY.account,
        "account_name": "山东省财政厅非税收入财政专户（仿真）",
        "account_type": "1",
        "account_bank": "仿真银行济南分行",
        "account_bank_no": "000000000000",
        "channels": dict(CHANNELS),
        "extensions": True,
        "receipt_series": "370101",
    }
    return options, {"token": token, "sign_key": key_of["scalar"]}


class House(Office):
    """The finance system; faces talk to ``desk`` and are given to ``simulator``."""

    def __init__(self, place: Place, *, pushes: bool = True) -> None:
        super().__init__(place, pushes=pushes)
        self.desk = Desk(self)

    def simulator(
        self,
        *,
        carrier: Carrier | None = None,
        routes: tuple[Route, ...] = (),
        tcp: TcpHandler | None = None,
    ) -> Simulator:
        """Return the parts that a runner serves."""
        self.carrier = carrier
        pages = Pages(self)
        app = FinanceApp(pages.app(routes), self.general, self.faults)
        tasks: list[Callable[[], Any]] = [pages.tick_for_ever]
        if carrier is not None:
            tasks.append(partial(self.pusher.run, carrier))
        return Simulator(app=app, tcp=tcp, close=self.close_books, tasks=tuple(tasks))

    async def _close(self) -> None:
        self.store.close()
