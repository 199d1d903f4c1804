"""The HTTP server of one process; open event streams do not delay its end."""

from __future__ import annotations

import socket

import uvicorn

from gateway.container import Container
from gateway.main import create_app


class HttpServer(uvicorn.Server):
    """Serves the application of a container, and closes the container when it ends."""

    def __init__(self, container: Container) -> None:
        self._feed = container.feed
        settings = container.settings.server
        super().__init__(
            uvicorn.Config(
                create_app(container),
                host=settings.host,
                port=settings.port,
                loop="uvloop",
                http="httptools",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=10,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the streams go first: nothing else ends them before the time is up."""
        self._feed.close()
        await super().shutdown(sockets)
