"""A simulated department (仿真部门): it reviews cases through the public staff interface only."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import httpx
import structlog

_log = structlog.get_logger("department")
_PAUSE: Final = 0.5
_SECONDS: Final = 10.0
_OPINION: Final = "材料齐全，符合规定，建议准予。"


class Department:
    """Takes accepted cases into review and gives a favourable opinion after a look at each."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}

    async def work(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; an unreachable gateway is waited for."""
        async with httpx.AsyncClient(
            base_url=self._url, headers=self._headers, timeout=_SECONDS
        ) as client:
            while not stop.is_set():
                try:
                    await self._round(client)
                except (httpx.HTTPError, KeyError) as exc:
                    _log.info("gateway_not_reached", error=type(exc).__name__)
                try:
                    async with asyncio.timeout(_PAUSE):
                        await stop.wait()
                except TimeoutError:
                    continue

    async def _round(self, client: httpx.AsyncClient) -> None:
        for row in await self._rows(client, "ACCEPTED"):
            await self._post(client, row, "take", {})
        for row in await self._rows(client, "REVIEWING"):
            if not row["reviewed"]:
                body = {"opinion": "PASSED", "remark": _OPINION}
                await self._post(client, row, "review", body)

    @staticmethod
    async def _rows(client: httpx.AsyncClient, state: str) -> list[dict[str, Any]]:
        answer = await client.get("/v1/staff/cases", params={"state": state})
        answer.raise_for_status()
        rows: list[dict[str, Any]] = answer.json()["rows"]
        return rows

    @staticmethod
    async def _post(
        client: httpx.AsyncClient, row: dict[str, Any], act: str, body: dict[str, str]
    ) -> None:
        # One key per case and act: however often this is sent, it is done once.
        headers = {"Idempotency-Key": f"{act}-{row['case_id']}"}
        answer = await client.post(
            f"/v1/staff/cases/{row['case_id']}/{act}", json=body, headers=headers
        )
        if answer.is_error:
            _log.info("act_refused", act=act, status=answer.status_code)
