"""Serves a gateway of the tests on the socket where its town expects it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from tests.api.town import HOST
from tests.api.world import World


@asynccontextmanager
async def served(world: World) -> AsyncIterator[str]:
    """Serve; yield the address."""
    server = uvicorn.Server(uvicorn.Config(world.app, log_config=None, lifespan="off"))
    # Whoever comes before the server is ready waits in the socket's queue.
    with socket.create_server((HOST, world.town.gateway_port)) as listening:
        task = asyncio.create_task(server.serve([listening]))
        try:
            yield world.town.gateway_url
        finally:
            server.should_exit = server.force_exit = True
            await task
