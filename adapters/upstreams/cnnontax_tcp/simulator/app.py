"""Serves frames to the agency and pushes frames to it; the rules are the house's.

The MAC is computed here a second time, on purpose: a mistake must not sit on both sides.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from asyncio import StreamReader, StreamWriter
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog

from adapters.sandbox.finance import AGENCY, House, Reply, Wire, provision_agency
from adapters.sandbox.finance.codes import BAD_MAC, OK, UNKNOWN_NODE, UNREADABLE
from adapters.sandbox.finance.desk import result
from adapters.sandbox.finance.pushing import Damage, Push
from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.upstreams.cnnontax_tcp.wire import (
    HEAD,
    MAC,
    PREFIX,
    BadFrame,
    Head,
    Message,
    frame_length,
    join_frame,
    read_xml,
    split_frame,
    write_voucher,
    write_xml,
)
from kernel.clock import beijing

READ_SECONDS: Final = 10.0
PUSH_SECONDS: Final = 5.0
LONGEST: Final = 1024 * 1024
_PAGE: Final = b"<!DOCTYPE html><html><body>\xe7\xb3\xbb\xe7\xbb\x9f\xe7\xbb\xb4\xe6\x8a\xa4</body>"

_log = structlog.get_logger("sandbox.cnnontax")


def provision(place: Place) -> Onboarding:
    """Open the agency's account on the first call; the same token ever after."""
    options, secrets = provision_agency(place)
    options |= {
        "tcp_host": place.host,
        "tcp_port": place.tcp_port,
        "listen_host": place.push_host,
        "listen_port": place.push_port,
    }
    return Onboarding(options, secrets)


def create(place: Place) -> Simulator:
    """Build the simulator from what ``provision`` made."""
    house = House(place)
    frames = _Frames(house)
    return house.simulator(carrier=_Pushes(place, frames), tcp=_Till(house, frames).handle)


class _Frames:
    """Seals and opens frames with the token of the agency."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._token = house.token().encode()

    def _mac(self, xml: bytes) -> str:
        digest = hashlib.sha256()
        digest.update(self._token)
        digest.update(xml)
        return digest.hexdigest()

    def write(
        self, msg_no: str, msg_ref: str, fields: Sequence[tuple[str, str]], damage: Damage
    ) -> bytes:
        """Return a complete frame of ours; without ``msg_ref`` it opens a conversation."""
        now = beijing(self._house.clock.now() + timedelta(seconds=damage.skew))
        number = self._house.store.next_number("message")
        msg_id = f"F{now:%Y%m%d}{number:08d}"
        src = "F110000" if damage.stranger else AGENCY.finance_node
        head = Head(src, AGENCY.node, msg_no, msg_id, msg_ref or msg_id, f"{now:%Y%m%d}")
        xml = write_xml(head, [write_voucher(fields)])
        mac = self._mac(xml).upper()
        if damage.wrong_mac:
            mac = mac[:-1] + ("1" if mac.endswith("0") else "0")
        return join_frame(msg_no, xml, mac)

    def read(self, raw: bytes) -> Message | Reply:
        """Return a verified message, or the refusal of it."""
        try:
            frame = split_frame(raw)
            genuine = hmac.compare_digest(self._mac(frame.xml), frame.mac.lower())
            if not genuine and self._house.settings.strict:
                return result("0000", BAD_MAC, "报文未被受理")
            message = read_xml(frame.xml)
        except BadFrame as exc:
            return result("0000", exc.code, "报文未被受理")
        head = message.head
        if (head.src, head.des) != (AGENCY.node, AGENCY.finance_node):
            return result("0000", UNKNOWN_NODE, "节点未登记")
        if head.msg_no != frame.msg_no:
            return result("0000", UNREADABLE, "报文编号不一致")
        return message


class _Till:
    """Serves one TCP connection: one frame, one answer."""

    def __init__(self, house: House, frames: _Frames) -> None:
        self._house = house
        self._frames = frames

    async def handle(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Read the frame and answer it as the fault knobs allow."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                prefix = await reader.readexactly(PREFIX)
                raw = prefix + await reader.readexactly(frame_length(prefix, LONGEST) - PREFIX)
        except (BadFrame, TimeoutError):
            return
        message = self._frames.read(raw)
        if isinstance(message, Reply):
            writer.write(self._frames.write(message.msg_no, "", message.fields, Damage()))
            await writer.drain()
            return
        operation = self._house.desk.operation(message)
        if any(rule.matches(operation, "") for rule in self._house.general.rules):
            await self._house.general.reply(operation, writer, lambda: self._plain(message))
            return
        await self._send(writer, await self._house.desk.treat(message), message.head.msg_id)

    async def _plain(self, message: Message) -> bytes:
        reply = await self._house.desk.plain(message)
        return self._frames.write(reply.msg_no, message.head.msg_id, reply.fields, Damage())

    async def _send(self, writer: StreamWriter, wire: Wire, msg_ref: str) -> None:
        if wire.damage.reset:
            writer.transport.abort()
            return
        if wire.html:
            writer.write(_PAGE)
        elif wire.reply is not None:
            frame = self._frames.write(wire.reply.msg_no, msg_ref, wire.reply.fields, wire.damage)
            await write_damaged(writer, frame, wire.damage)
        await writer.drain()


async def write_damaged(writer: StreamWriter, frame: bytes, damage: Damage) -> None:
    """Write a frame in single bytes, or announce and send too many, as the damage says."""
    if damage.oversize:
        total = max(damage.oversize, HEAD + MAC + 1)
        writer.write(f"{total:<8}".encode("ascii") + frame[PREFIX:HEAD])
        left = total - HEAD
        while left > 0:
            writer.write(b" " * min(left, 65_536))
            left -= 65_536
            await writer.drain()
    elif damage.split:
        for index in range(len(frame)):
            writer.write(frame[index : index + 1])
            await writer.drain()
            if index % 16 == 0:
                await asyncio.sleep(0)
    else:
        writer.write(frame)


class _Pushes:
    """Sends pushes to the gateway's listener (adapters.sandbox.finance.Carrier)."""

    def __init__(self, place: Place, frames: _Frames) -> None:
        self._place = place
        self._frames = frames

    async def carry(self, push: Push, damage: Damage) -> bool:
        raw = self._frames.write(push.msg_no, "", push.fields, damage)
        try:
            async with asyncio.timeout(PUSH_SECONDS):
                return self._acknowledged(push.msg_no, await self._exchange(raw, damage))
        except (OSError, EOFError, ValueError):
            _log.info("push_failed", msg_no=push.msg_no)
            return False

    async def _exchange(self, raw: bytes, damage: Damage) -> bytes:
        reader, writer = await asyncio.open_connection(self._place.push_host, self._place.push_port)
        try:
            if damage.reset:
                writer.write(raw[: len(raw) // 2])
                await writer.drain()
                writer.transport.abort()
                raise ConnectionResetError
            await write_damaged(writer, raw, damage)
            await writer.drain()
            prefix = await reader.readexactly(PREFIX)
            return prefix + await reader.readexactly(frame_length(prefix, LONGEST) - PREFIX)
        finally:
            writer.close()

    def _acknowledged(self, msg_no: str, raw: bytes) -> bool:
        message = self._frames.read(raw)
        if isinstance(message, Reply) or message.head.msg_no != "8001":
            return False
        voucher = message.vouchers[0]
        return (voucher.get("OriMsgNo"), voucher.get("Result")) == (msg_no, OK)
