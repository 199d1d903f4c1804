"""What an adapter is handed when it is created: its manifest, its secrets, a clock, ids and one
client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from adapters.kit.manifest import Manifest
from kernel.clock import Clock
from kernel.ids import IdSource


@dataclass(frozen=True)
class Answer:
    """What an upstream sent back: HTTP status, headers with lower-case names, and the raw body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """Return the content type without parameters, in lower case; empty when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class ByteReader(Protocol):
    """The reading half of a TCP connection, with a hard limit on how much it hands out."""

    async def exactly(self, count: int) -> bytes:
        """Read exactly this many bytes; raises UpstreamProtocolError when the peer closes
        before.
        """
        ...


class UpstreamClient(Protocol):
    """The only way out: dead-lines, breaker, bulkhead, retry budget, telemetry and the five errors.

    Every method refuses to run inside a unit of work (kernel.work.WorkHeldOpen) and raises only
    UpstreamUnavailable, UpstreamOutcomeUnknown, UpstreamRejected, UpstreamAuthFailed or
    UpstreamProtocolError.
    ``operation`` is a name from the manifest's ``operations``; its time-outs and safety come from
    there: a *safe*
    operation may be repeated (a query), a *keyed* one may be repeated because the upstream
    deduplicates it, any
    other one that gets no answer is UpstreamOutcomeUnknown and never repeated.
    """

    async def request(
        self,
        operation: str,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """Send one HTTP request to the configured base address and return the answer of any
        status below 400, and of those that the operation lists in ``own_statuses``.

        ``url`` is a path below the adapter's base address. Redirects are not followed. An HTML page
        with a status below 300 is an error unless the manifest's operation says ``html = true``.
        """
        ...

    async def request_json(
        self,
        operation: str,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
    ) -> Any:
        """Like ``request`` and parse the body as JSON; an HTML page or broken JSON is
        UpstreamProtocolError.
        """
        ...

    async def exchange(
        self,
        operation: str,
        frame: bytes,
        read: Callable[[ByteReader], Awaitable[bytes]],
    ) -> bytes:
        """Open a TCP connection to the configured host and port, send one frame, read one answer,
        close.
        """
        ...


@dataclass(frozen=True)
class Kit:
    """Everything an adapter may use besides its own options."""

    manifest: Manifest
    client: UpstreamClient
    secrets: Mapping[str, str] = field(repr=False)
    """Values of the manifest's ``secrets``, by name."""
    clock: Clock
    ids: IdSource
    unknown: Callable[[str, str], None]
    """``unknown(field, code)`` counts and logs an upstream code that the mapping does not know."""
