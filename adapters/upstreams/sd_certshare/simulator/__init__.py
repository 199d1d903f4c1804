"""A licence platform that speaks the share service's dialect, with a handful of made-up
licences.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.sandbox.licences import Licences
from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.store import Store
from adapters.upstreams.sd_certshare.simulator import consents, register
from adapters.upstreams.sd_certshare.simulator.desk import ACCESS_ID, ACCOUNT, Answering, Desk
from adapters.upstreams.sd_certshare.wire import FILE_BY_ID
from kernel.crypto import sm2
from kernel.ids import RandomIds

_TEST_LICENCE: Final = "11100000MB0143028R001"
"""A type whose licences name no citizen as their holder; the self-check reads one."""


def provision(place: Place) -> Onboarding:
    """Open the caller's account: an access token, and the key pair that answers are encrypted for.

    A real caller makes its key pair itself and hands in the public half; here both are made, once.
    """
    store = Store(place.folder)
    try:
        with store.transaction():
            account = store.get(ACCOUNT, ACCESS_ID)
            if account is None:
                key = sm2.generate()
                account = {
                    "token": RandomIds(place.clock).secret(),
                    "private_key": key.to_pem(),
                    "public_key": key.public.to_pem(),
                }
                store.put(ACCOUNT, ACCESS_ID, account)
    finally:
        store.close()
    test = next(one for one in Licences().all if one.type == _TEST_LICENCE)
    return Onboarding(
        options={
            "base_url": place.url,
            "access_id": ACCESS_ID,
            "system_name": "一窗受理系统（沙箱）",
            "probe_identifier": test.identifier,
        },
        secrets={"access_token": account["token"], "private_key": account["private_key"]},
    )


def create(place: Place) -> Simulator:
    """Return the platform for the accounts that ``provision`` opened."""
    store = Store(place.folder)
    ids = RandomIds(place.clock)
    desk = Desk(store)
    held = register.Register(store, place.clock, ids)
    consent = consents.Consents(store, place.clock, ids, held)
    share = {**held.operations, **consent.query}

    def of(operations: Mapping[str, Answering]) -> Callable[[Request], Awaitable[Response]]:
        async def post(request: Request) -> Response:
            return await desk.answer(request, operations.get(request.path_params["operation"]))

        return post

    app = Starlette(
        routes=[
            Route(f"{register.FILES}/{{name}}", held.file, methods=["GET"]),
            Route(f"{register.SERVICE}/{FILE_BY_ID}", held.file, methods=["GET"]),
            Route(f"{register.SERVICE}/{{operation}}", of(share), methods=["POST"]),
            Route(f"{consents.PATH}/{{operation:path}}", of(consent.operations), methods=["POST"]),
            Route("/sim/qrcode", consent.show_code, methods=["POST"]),
            Route("/sim/consent", consent.decide, methods=["POST"]),
        ]
    )

    async def close() -> None:
        store.close()

    return Simulator(app=app, close=close)
