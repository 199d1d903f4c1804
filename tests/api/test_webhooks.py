"""Webhooks end to end: subscribe, be told, verify, give up, send again; the gateway's own keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from kernel.crypto import sm2
from kernel.signing import callbacks
from kernel.signing.callbacks import NotFromGateway
from tests.api.partner import Program, department, portal
from tests.api.world import Caller, World, ok, refused

HOOKS = "/v1/clients/self/webhooks"


class Receiver:
    """A client's server: keeps what came, and answers as told."""

    def __init__(self) -> None:
        self.status = 204
        self.seen: list[tuple[list[tuple[str, str]], bytes]] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/gw/in?b=2&a=1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
        pairs = [(name, value) for name, _, value in (line.partition(": ") for line in head[1:])]
        headers = [pair for pair in pairs if pair[0]]
        size = int({name.lower(): value for name, value in headers}["content-length"])
        self.seen.append((headers, await reader.readexactly(size)))
        writer.write(f"HTTP/1.1 {self.status} X\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    async with server:
        made.port = server.sockets[0].getsockname()[1]
        yield made


@pytest.fixture
async def program(world: World) -> Program:
    return await portal(world, callback_hosts=("localhost", "hooks.example.gov.cn"))


async def post(program: Program, path: str, body: Any = None) -> Any:
    content = b"" if body is None else json.dumps(body).encode()
    return await program.send("POST", path, body=content)


async def subscribed(program: Program, receiver: Receiver, *topics: str) -> str:
    made = ok(await post(program, HOOKS, {"url": receiver.url, "topics": list(topics)}), 201)
    return str(made["webhook_id"])


async def gateway_keys(world: World) -> dict[str, sm2.PublicKey]:
    found = ok(await world.http.get("/v1/.well-known/gw-keys"))["keys"]
    return {key["key_id"]: sm2.PublicKey.from_pem(key["public_key"]) for key in found}


async def tell(world: World) -> None:
    while await world.container.webhooks.fan_out():
        pass
    await world.work()


async def test_a_client_is_told_and_can_verify_it(
    world: World, citizen: Caller, program: Program, receiver: Receiver
):
    await citizen.declare()
    hook = await subscribed(program, receiver, "case.*")
    case_id = await citizen.declare()
    await tell(world)
    ((headers, body),) = receiver.seen
    told = json.loads(body)
    assert (told["type"], told["subject"]) == ("case.declared", case_id)
    keys, now = await gateway_keys(world), int(world.clock.now().timestamp())
    nonce = callbacks.verify(receiver.url, headers, body, keys, now)
    assert nonce == dict(headers)["X-Gw-Nonce"]
    (row,) = ok(await program.get(f"{HOOKS}/{hook}/deliveries"))["rows"]
    assert (row["state"], row["attempts"], row["last_status"]) == ("DELIVERED", 1, 204)
    await tell(world)
    assert len(receiver.seen) == 1
    wrongs: tuple[dict[str, Any], ...] = (
        {"body": body + b" "},
        {"url": receiver.url + "&c=3"},
        {"now": now + 301},
        {"keys": {next(iter(keys)): sm2.generate().public}},
        {"keys": {}},
        {"headers": [(name, value) for name, value in headers if name != "X-Gw-Nonce"]},
    )
    for wrong in wrongs:
        parts: Any = {"url": receiver.url, "headers": headers, "body": body, "keys": keys}
        with pytest.raises(NotFromGateway):
            callbacks.verify(**{**parts, "now": now, **wrong})


async def test_only_what_was_wanted_is_sent(
    world: World, citizen: Caller, program: Program, receiver: Receiver
):
    await subscribed(program, receiver, "case.submitted")
    await citizen.declare()
    await tell(world)
    assert receiver.seen == []


async def test_a_receiver_that_is_down_is_tried_again_then_given_up(
    world: World, citizen: Caller, program: Program, receiver: Receiver
):
    hook = await subscribed(program, receiver, "case.declared")
    receiver.status = 500
    await citizen.declare()
    await tell(world)
    for _ in range(12):
        await world.work_later(timedelta(seconds=11))
    path = f"{HOOKS}/{hook}/deliveries"
    (row,) = ok(await program.get(path))["rows"]
    assert (row["state"], row["attempts"], row["last_status"]) == ("DEAD", 12, 500)
    assert len({dict(headers)["X-Gw-Nonce"] for headers, _ in receiver.seen}) == 12
    receiver.status = 200
    again = f"/v1/clients/self/deliveries/{row['delivery_id']}/redeliver"
    assert ok(await post(program, again))["state"] == "PENDING"
    await world.work()
    (row,) = ok(await program.get(path))["rows"]
    assert (row["state"], row["attempts"]) == ("DELIVERED", 1)
    assert receiver.seen[0][1] == receiver.seen[-1][1]


async def test_hosts_that_are_not_registered_or_lead_inwards(world: World, program: Program):
    for url in (
        "https://evil.example/in",
        "https://127.0.0.1/",
        "https://localhost@evil.example/",
        "ftp://localhost/",
        "not an address",
    ):
        refused(await post(program, HOOKS, {"url": url}), 422, "webhook_refused")
    refused(await post(program, HOOKS, {"url": "x", "more": 1}), 422, "fields_invalid")


async def test_a_name_that_leads_inwards_is_never_connected_to(
    world: World, citizen: Caller, receiver: Receiver
):
    program = await portal(world, callback_hosts=("localhost",))
    hook = ok(await post(program, HOOKS, {"url": "https://localhost/in"}), 201)["webhook_id"]
    await world.container.clients.change(
        program.client_id, "test", callback_hosts=("other.example",)
    )
    await citizen.declare()
    await tell(world)
    (row,) = ok(await program.get(f"{HOOKS}/{hook}/deliveries"))["rows"]
    assert (row["state"], row["last_error"]) == ("PENDING", "host_not_registered")
    assert receiver.seen == []


async def test_of_another_client(world: World, program: Program, receiver: Receiver):
    hook = await subscribed(program, receiver)
    other = await department(world)
    assert ok(await other.get(HOOKS)) == []
    refused(await other.get(f"{HOOKS}/{hook}/deliveries"), 404, "webhook_not_found")
    refused(await post(other, f"{HOOKS}/{hook}/unsubscribe"), 404, "webhook_not_found")
    ok(await post(program, f"{HOOKS}/{hook}/unsubscribe"))
    assert ok(await program.get(HOOKS)) == []


async def test_the_gateways_keys_rotate(world: World, citizen: Caller, program: Program, receiver):
    await subscribed(program, receiver, "case.declared")
    (first,) = await gateway_keys(world)
    fresh = await world.container.gateway_keys.rotate()
    assert set(await gateway_keys(world)) == {first, fresh.key_id}
    assert (await world.container.gateway_keys.current()).key_id == first
    world.clock.shift += timedelta(hours=24, minutes=1)
    assert (await world.container.gateway_keys.current()).key_id == fresh.key_id
    assert set(await gateway_keys(world)) == {first, fresh.key_id}
    world.clock.shift += timedelta(days=31)
    assert set(await gateway_keys(world)) == {fresh.key_id}
