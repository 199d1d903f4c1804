"""Carries CFX documents in CNNONTAX 1.0 frames: one message, one answer, one TCP connection."""

from __future__ import annotations

from adapters.kit.cfx.agency import Agency, Carried, Opened
from adapters.kit.cfx.results import BAD_MAC
from adapters.kit.kit import ByteReader, Kit
from adapters.kit.translate import protocol_breach
from adapters.upstreams.cnnontax_tcp import mac, wire
from adapters.upstreams.cnnontax_tcp.options import Options
from adapters.upstreams.cnnontax_tcp.wire import BadFrame
from kernel.errors import UpstreamAuthFailed, UpstreamOutcomeUnknown, UpstreamProtocolError

TOKEN = "token"


def create(options: Options, kit: Kit) -> CnNontax:
    """Return the provider of this connection."""
    return CnNontax(options, kit)


class CnNontax(Agency):
    """The agency side of CNNONTAX 1.0 over TCP."""

    def __init__(self, options: Options, kit: Kit) -> None:
        super().__init__(
            options, kit, _Frames(kit), unknown=kit.unknown, files_url=options.base_url
        )


class _Frames:
    """Frames with the legacy MAC (adapters.kit.cfx.agency.Carrier)."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._token = kit.secrets[TOKEN]

    async def carry(self, operation: str, msg_no: str, xml: bytes) -> Carried:
        frame = self.close(msg_no, xml)
        raw = await self._kit.client.exchange(operation, frame, _read_frame)
        try:
            answer = wire.split_frame(raw)
        except BadFrame as exc:
            raise protocol_breach(self._kit.manifest, operation, str(exc)) from None
        if mac.matches(self._token, answer.xml, answer.mac):
            return Carried(answer.msg_no, answer.xml)
        if self._kit.manifest.operation(operation).safe:
            raise UpstreamAuthFailed("the answer's MAC is not made with our token")
        raise UpstreamOutcomeUnknown("the answer's MAC is not made with our token")

    def open(self, raw: bytes) -> Opened:
        frame = wire.split_frame(raw)
        if not mac.matches(self._token, frame.xml, frame.mac):
            raise BadFrame("the MAC is not made with our token", BAD_MAC)
        return Opened(frame.msg_no, frame.xml)

    def close(self, msg_no: str, xml: bytes) -> bytes:
        return wire.join_frame(msg_no, xml, mac.sign(self._token, xml))


async def _read_frame(reader: ByteReader) -> bytes:
    prefix = await reader.exactly(wire.PREFIX)
    try:
        total = wire.frame_length(prefix)
    except BadFrame as exc:
        raise UpstreamProtocolError(str(exc)) from None
    return prefix + await reader.exactly(total - wire.PREFIX)
