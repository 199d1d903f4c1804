"""The HTTP face of the sandbox's finance system: CFX documents with signed headers, both ways.

The signature is computed here a second time, on purpose: a mistake must not sit on both sides.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from adapters.dialects.cfx import BadFrame, Head, Message, read_xml, write_voucher, write_xml
from adapters.sandbox.finance import AGENCY, House, Reply, Wire, provision_agency
from adapters.sandbox.finance.codes import BAD_MAC, OK, STALE, UNKNOWN_NODE, UNREADABLE
from adapters.sandbox.finance.desk import result
from adapters.sandbox.finance.pushing import UNDAMAGED, Damage, Push
from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.server import ABORT, CLOSE
from adapters.sandbox.store import Store
from adapters.upstreams.cnnontax_http import wire
from kernel.clock import beijing
from kernel.ids import RandomIds

PUSH_SECONDS: Final = 5.0
MOST_ANSWERS: Final = 200
_FIRST: Final = "k1"

_log = structlog.get_logger("sandbox.cnnontax")


def provision(place: Place) -> Onboarding:
    """Open the agency's account on the first call; later the keys that are valid then."""
    options, secrets = provision_agency(place)
    store = Store(place.folder)
    try:
        first = {"secret": RandomIds(place.clock).secret("sbx-"), "until": ""}
        store.add("key", _FIRST, first)
        keys = [f"{key_id}={kept['secret']}" for key_id, kept in store.items("key")]
    finally:
        store.close()
    return Onboarding(options, {"keys": ";".join(keys[-2:][::-1]), "sign_key": secrets["sign_key"]})


def create(place: Place) -> Simulator:
    """Build the simulator from what ``provision`` made."""
    house = House(place)
    keys = _Keys(house)
    documents = _Documents(house)
    door = _Door(house, keys, documents)
    return house.simulator(
        carrier=_Pushes(place, keys, documents),
        routes=(
            Route("/cfx/{msg_no}", door.message, methods=["POST"]),
            Route("/sim/keys", door.rotate, methods=["POST"]),
        ),
    )


class _Keys:
    """The keys of the agency, two at most, and what is signed with them."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._ids = RandomIds(house.place.clock)
        self._nonces: dict[str, tuple[float, str]] = {}
        """When a nonce came, and with which signature."""

    def _secret(self, key_id: str) -> bytes | None:
        kept = self._house.store.get("key", key_id)
        now = self._house.place.clock.now()
        if kept is None or (kept["until"] and now > datetime.fromisoformat(kept["until"])):
            return None
        return str(kept["secret"]).encode()

    def rotate(self, overlap_seconds: int) -> str:
        """Make a new key; the old one is good for so long. Return the setting for the agency."""
        number = self._house.store.next_number("key") + 1
        new, old = f"k{number}", f"k{number - 1}"
        until = self._house.place.clock.now() + timedelta(seconds=overlap_seconds)
        kept = self._house.store.get("key", old)
        self._house.store.put("key", old, {**kept, "until": until.isoformat()})
        made = {"secret": self._ids.secret("sbx-"), "until": ""}
        self._house.store.put("key", new, made)
        return f"{new}={made['secret']};{old}={kept['secret']}"

    def used_last(self) -> str:
        """Return the key that the agency used last; pushes are signed with it."""
        return str(self._house.store.get("setting", "key_used") or _FIRST)

    def _mac(self, secret: bytes, lines: Sequence[str], body: bytes) -> str:
        digest = hashlib.sha256(body).hexdigest()
        return hmac.new(secret, "\n".join([*lines, digest]).encode(), "sha256").hexdigest()

    def headers(
        self, key_id: str, start: str, path: str, body: bytes, damage: Damage
    ) -> dict[str, str]:
        """Return the headers of a message of ours, wrong where the damage says so."""
        at = self._house.place.clock.now() + timedelta(seconds=damage.skew)
        timestamp = str(int(at.timestamp()))
        nonce = hashlib.sha256(self._ids.secret().encode()).hexdigest()[:32]
        secret = self._secret(key_id) or b"no key"
        mac = self._mac(secret, (start, path, timestamp, nonce), body)
        if damage.wrong_mac:
            mac = mac[:-1] + ("1" if mac.endswith("0") else "0")
        return {
            wire.KEY_ID: key_id,
            wire.TIMESTAMP: timestamp,
            wire.NONCE: nonce,
            wire.SIGNATURE: wire.VERSION + mac,
        }

    def fault(
        self, start: str, path: str, given: dict[str, str], body: bytes, *, remember: bool
    ) -> str:
        """Return the result code for what is wrong with a message's headers, empty when nothing."""
        timestamp, nonce = given.get(wire.TIMESTAMP, ""), given.get(wire.NONCE, "")
        key_id = given.get(wire.KEY_ID, "")
        if not timestamp.isdigit() or wire.NONCE_FORM.fullmatch(nonce) is None:
            return BAD_MAC
        now = self._house.place.clock.now().timestamp()
        if abs(now - int(timestamp)) > wire.TOLERANCE:
            return STALE
        secret = self._secret(key_id)
        mac = "" if secret is None else self._mac(secret, (start, path, timestamp, nonce), body)
        if not mac or not hmac.compare_digest(wire.VERSION + mac, given.get(wire.SIGNATURE, "")):
            return BAD_MAC
        if remember:
            kept = self._nonces.items()
            self._nonces = {n: old for n, old in kept if now - old[0] < wire.NONCE_SECONDS}
            _, signature = self._nonces.setdefault(nonce, (now, given[wire.SIGNATURE]))
            if signature != given[wire.SIGNATURE]:
                return STALE
            self._house.store.put("setting", "key_used", key_id)
        return ""


class _Documents:
    """Writes and reads CFX documents of this division."""

    def __init__(self, house: House) -> None:
        self._house = house

    def write(
        self, msg_no: str, msg_ref: str, fields: Sequence[tuple[str, str]], damage: Damage
    ) -> bytes:
        """Return a document of ours; without ``msg_ref`` it opens a conversation."""
        now = beijing(self._house.clock.now() + timedelta(seconds=damage.skew))
        msg_id = f"F{now:%Y%m%d}{self._house.store.next_number('message'):08d}"
        src = "F110000" if damage.stranger else AGENCY.finance_node
        head = Head(src, AGENCY.node, msg_no, msg_id, msg_ref or msg_id, f"{now:%Y%m%d}")
        return write_xml(head, [write_voucher(fields)])

    @staticmethod
    def read(msg_no: str, body: bytes) -> Message | Reply:
        """Return a message, or the refusal of it."""
        try:
            message = read_xml(body)
        except BadFrame as exc:
            return result("0000", exc.code, "报文未被受理")
        head = message.head
        if (head.src, head.des) != (AGENCY.node, AGENCY.finance_node):
            return result("0000", UNKNOWN_NODE, "节点未登记")
        if msg_no not in {"", head.msg_no}:
            return result("0000", UNREADABLE, "报文编号与地址不一致")
        return message


class _Door:
    """Takes messages of the agency."""

    def __init__(self, house: House, keys: _Keys, documents: _Documents) -> None:
        self._house = house
        self._keys = keys
        self._documents = documents
        self._answers: dict[str, Response] = {}

    async def message(self, request: Request) -> Response:
        """Answer one message as the fault knobs allow.

        The very same message again (nonce and signature) is answered again and not acted on; a
        nonce with another message is refused.
        """
        body = await request.body()
        given = dict(request.headers)
        path = request.url.path
        fault = self._keys.fault("POST", path, given, body, remember=True)
        if fault and self._house.settings.strict:
            refusal = result("0000", fault, "报文未被受理")
            return self._sealed(given, path, "", refusal, UNDAMAGED)
        nonce = given.get(wire.NONCE, "")
        if nonce in self._answers:
            return self._answers[nonce]
        message = self._documents.read(request.path_params["msg_no"], body)
        if isinstance(message, Reply):
            return self._sealed(given, path, "", message, UNDAMAGED)
        made = await self._house.desk.treat(message)
        response = self._wired(given, path, message.head.msg_id, made)
        if made.reply is not None and made.damage == UNDAMAGED:
            while len(self._answers) >= MOST_ANSWERS:
                self._answers.pop(next(iter(self._answers)))
            self._answers[nonce] = response
        return response

    def _wired(self, given: dict[str, str], path: str, msg_ref: str, made: Wire) -> Response:
        if made.damage.reset or (made.reply is None and not made.html):
            return _HungUp(ABORT if made.damage.reset else CLOSE)
        if made.reply is None:
            return HTMLResponse("<!DOCTYPE html><html><body>系统维护</body></html>")
        if made.damage.oversize:
            return StreamingResponse(_blanks(made.damage.oversize), media_type="application/xml")
        return self._sealed(given, path, msg_ref, made.reply, made.damage)

    def _sealed(
        self, given: dict[str, str], path: str, msg_ref: str, reply: Reply, damage: Damage
    ) -> Response:
        xml = self._documents.write(reply.msg_no, msg_ref, reply.fields, damage)
        key_id = given.get(wire.KEY_ID, "") or self._keys.used_last()
        headers = self._keys.headers(key_id, "200", path, xml, damage)
        headers["content-type"] = wire.CONTENT_TYPE
        if damage.split:
            return StreamingResponse(_bytes(xml), headers=headers)
        return Response(xml, headers=headers)

    async def rotate(self, request: Request) -> Response:
        """Make a new key; ``{"overlapSeconds": n}`` says how long the old one is good."""
        wanted: Any = await request.json()
        overlap = wanted.get("overlapSeconds", 600) if isinstance(wanted, dict) else None
        if not isinstance(overlap, int) or not 0 <= overlap <= 86_400:
            return JSONResponse({"error": "overlapSeconds is a number up to 86400"}, 422)
        return JSONResponse({"keys": self._keys.rotate(overlap)})


class _HungUp(Response):
    """No answer at all."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self._how = how

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Close or reset the connection."""
        scope["extensions"][self._how]["call"]()
        while (await receive())["type"] != "http.disconnect":
            pass


async def _blanks(count: int) -> AsyncIterator[bytes]:
    for start in range(0, count, 65_536):
        yield b" " * min(65_536, count - start)


async def _bytes(whole: bytes) -> AsyncIterator[bytes]:
    for index in range(len(whole)):
        yield whole[index : index + 1]


class _Pushes:
    """Posts pushes to the gateway (adapters.sandbox.finance.Carrier)."""

    def __init__(self, place: Place, keys: _Keys, documents: _Documents) -> None:
        address = urlsplit(place.gateway_url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._path = address.path.rstrip("/") + wire.callback_path(AGENCY.division)
        self._keys = keys
        self._documents = documents

    async def carry(self, push: Push, damage: Damage) -> bool:
        xml = self._documents.write(push.msg_no, "", push.fields, damage)
        headers = self._keys.headers(self._keys.used_last(), "POST", self._path, xml, damage)
        try:
            async with asyncio.timeout(PUSH_SECONDS):
                status, given, body = await self._post(headers, xml, damage)
        except (OSError, EOFError, ValueError):
            _log.info("push_failed", msg_no=push.msg_no)
            return False
        if self._keys.fault(status, self._path, given, body, remember=False):
            return False
        message = self._documents.read("8001", body)
        if isinstance(message, Reply):
            return False
        voucher = message.vouchers[0]
        return (voucher.get("OriMsgNo"), voucher.get("Result")) == (push.msg_no, OK)

    async def _post(
        self, headers: dict[str, str], xml: bytes, damage: Damage
    ) -> tuple[str, dict[str, str], bytes]:
        """Return status, headers and body of the answer. Raises OSError, EOFError, ValueError."""
        length = max(len(xml), damage.oversize)
        lines = [
            f"POST {self._path} HTTP/1.1",
            f"host: {self._host}:{self._port}",
            f"content-type: {wire.CONTENT_TYPE}",
            f"content-length: {length}",
            "connection: close",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        whole = "\r\n".join([*lines, "", ""]).encode("ascii") + xml.ljust(length)
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            if damage.reset:
                writer.write(whole[: len(whole) // 2])
                await writer.drain()
                writer.transport.abort()
                raise ConnectionResetError
            pieces = [whole[i : i + 1] for i in range(len(whole))] if damage.split else [whole]
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return _parsed(await reader.read(-1))
        finally:
            writer.close()


def _parsed(raw: bytes) -> tuple[str, dict[str, str], bytes]:
    head, gap, body = raw.partition(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").split("\r\n")
    parts = start.split(" ")
    if not gap or len(parts) < 2:
        raise ValueError("no HTTP answer")
    pairs = [line.partition(":") for line in lines]
    return parts[1], {name.lower(): value.strip() for name, _, value in pairs}, body
