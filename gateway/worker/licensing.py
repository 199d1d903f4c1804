"""The steps of making a licence (制证): mint, compose, seal and publish."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import e_license
from gateway.container import Container
from kernel.db.task_run import Abandon, Run
from kernel.errors import UpstreamUnavailable

Act = Callable[[Run], Awaitable[None]]


def licence_steps(services: Container) -> list[Act]:
    """Return the steps; each may be repeated, so a worker may die between or inside any of them."""

    async def licence_id(run: Run) -> str:
        # A re-issue was minted where it was ordered; the first version belongs to its case.
        given = run.payload.get("licence_id")
        if isinstance(given, str):
            return given
        case_id, actor = run.payload.get("case_id"), run.payload.get("actor")
        if not isinstance(case_id, str) or not isinstance(actor, str):
            raise Abandon("payload_invalid", "case_id or actor is missing")
        try:
            return await services.results.mint(case_id, actor)
        except e_license.issuing.AwardInvalid as exc:
            raise Abandon(exc.code, str(exc)) from exc

    async def mint(run: Run) -> None:
        await licence_id(run)

    async def compose(run: Run) -> None:
        await services.results.compose(await licence_id(run))

    async def seal(run: Run) -> None:
        if not await services.results.seal(await licence_id(run)):
            raise UpstreamUnavailable("the seal system has not answered yet")

    return [mint, compose, seal]
