"""Carries CFX documents over HTTP with signed headers, and opens what is pushed the same way."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from cachetools import TTLCache

from adapters.dialects.cfx import BadFrame
from adapters.kit.cfx.agency import Agency, Carried, Opened
from adapters.kit.cfx.results import BAD_MAC, STALE
from adapters.kit.kit import Kit
from adapters.kit.translate import protocol_breach
from adapters.upstreams.cnnontax_http import wire
from adapters.upstreams.cnnontax_http.options import Options
from adapters.upstreams.cnnontax_http.signature import (
    NotFresh,
    NotSigned,
    headers_of,
    parse_keys,
    require_signed,
)
from kernel import httptext
from kernel.errors import UpstreamAuthFailed, UpstreamOutcomeUnknown

KEYS = "keys"
MOST_NONCES: Final = 100_000
MOST_BODY: Final = 64 * 1024
"""Longest push in bytes (OURS), as the TCP listener has it."""


def create(options: Options, kit: Kit) -> CnNontaxHttp:
    """Return the provider of this connection."""
    return CnNontaxHttp(options, kit)


class CnNontaxHttp(Agency):
    """The agency side of CNNONTAX 1.0 over HTTP.

    ``decode_push`` takes a request, and ``acknowledge`` returns an answer, as kernel.httptext
    writes them.
    """

    def __init__(self, options: Options, kit: Kit) -> None:
        super().__init__(
            options,
            kit,
            _Signed(options, kit),
            unknown=kit.unknown,
            files_url=options.base_url,
        )


class _Signed:
    """HTTP messages with the four headers (adapters.kit.cfx.agency.Carrier)."""

    def __init__(self, options: Options, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._keys = parse_keys(kit.secrets[KEYS])
        self._prefix = urlsplit(options.base_url).path.rstrip("/")
        self._callback = wire.callback_path(options.division)
        self._seen: TTLCache[str, datetime] = TTLCache(
            MOST_NONCES, wire.NONCE_SECONDS, timer=kit.clock.monotonic
        )

    async def carry(self, operation: str, msg_no: str, xml: bytes) -> Carried:
        path = wire.message_path(msg_no)
        signed = self._prefix + path
        answer = await self._kit.client.request(
            operation,
            "POST",
            path,
            headers={"content-type": wire.CONTENT_TYPE, **self._headers("POST", signed, xml)},
            content=xml,
        )
        manifest = self._kit.manifest
        # What is cut off proves nothing about keys.
        if not answer.body.endswith(b"</CFX>"):
            raise protocol_breach(manifest, operation, "the answer is no whole document")
        now, status = self._kit.clock.now(), str(answer.status)
        try:
            require_signed(self._active(now), status, signed, answer.headers, answer.body, now)
        except (NotSigned, NotFresh) as exc:
            if manifest.operation(operation).safe:
                raise UpstreamAuthFailed(f"the answer: {exc}") from None
            raise UpstreamOutcomeUnknown(f"the answer: {exc}") from None
        return Carried("", answer.body)

    def open(self, raw: bytes) -> Opened:
        try:
            request = httptext.read_request(raw)
        except httptext.NotHttpText as exc:
            raise BadFrame(str(exc)) from None
        if (request.method, request.path) != ("POST", self._callback):
            raise BadFrame("not sent to where pushes are taken")
        if len(request.body) > MOST_BODY:
            raise BadFrame("the push is too long", BadFrame.LENGTH)
        at = request.received_at
        try:
            nonce = require_signed(
                self._active(at), "POST", request.path, request.headers, request.body, at
            )
        except NotFresh as exc:
            raise BadFrame(str(exc), STALE) from None
        except NotSigned as exc:
            raise BadFrame(str(exc), BAD_MAC) from None
        # The same request is opened again when it is worked off; another arrival is a replay.
        if self._seen.setdefault(nonce, at) != at:
            raise BadFrame("the nonce was used before", STALE)
        return Opened("", request.body)

    def close(self, msg_no: str, xml: bytes) -> bytes:
        headers = {
            "content-type": wire.CONTENT_TYPE,
            **self._headers("200", self._callback, xml),
        }
        return httptext.write_response(httptext.Response(200, headers, xml))

    def _headers(self, start: str, path: str, body: bytes) -> dict[str, str]:
        now = self._kit.clock.now()
        nonce = hashlib.sha256(self._kit.ids.secret().encode()).hexdigest()[:32]
        return headers_of(self._keys[0], start, path, now, nonce, body)

    def _active(self, at: datetime) -> dict[str, str]:
        until = self._options.key_until
        return {
            key.key_id: key.secret
            for key in self._keys
            if key.key_id not in until or at <= until[key.key_id]
        }
