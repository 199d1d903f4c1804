"""Signed requests over the wire: RFC 9421, the line that ``onewindow sign`` prints, reviews."""

from __future__ import annotations

import asyncio
import json
import shlex
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from gateway.cli.main import app
from kernel.clock import SystemClock
from kernel.crypto import sm2
from kernel.signing import messages
from tests.api.partner import Program, department, portal, with_sm2
from tests.api.served import served
from tests.api.test_journey import staff_of
from tests.api.test_webhooks import HOOKS
from tests.api.world import ROAD, Caller, World, ok, refused, submitted

SELF = "/v1/clients/self"


def rfc9421(
    program: Program, method: str, path: str, body: bytes = b"", *, leave_out: str = ""
) -> dict[str, str]:
    """Sign under the profile of RFC 9421; a part that is left out is sent, and not covered."""
    fields: dict[str, str] = {}
    if body:
        fields["content-digest"] = messages.content_digest(body)
        fields["content-type"] = "application/json"
        fields["idempotency-key"] = program.world.ids.new("key")
    covered = {name: value for name, value in fields.items() if name != leave_out}
    base = program.world.container.settings.server.public_url
    signed = messages.sign(
        messages.Message(method, f"{base}{path}", covered),
        program.key,
        key_id=program.key_id,
        algorithm="sm2-sm3" if isinstance(program.key, sm2.PrivateKey) else "hmac-sha256",
        created=int(program.world.clock.now().timestamp()),
        nonce=program.world.ids.secret()[:32],
    )
    return {**fields, **signed}


async def test_requests_signed_by_rfc_9421(world: World):
    home = await portal(world, callback_hosts=("hooks.example.gov.cn",))
    strong = await with_sm2(world, home.client_id)
    body = json.dumps({"url": "https://hooks.example.gov.cn/in", "topics": ["case.*"]}).encode()
    for program in (home, strong):
        headers = rfc9421(program, "GET", SELF)
        assert ok(await world.http.get(SELF, headers=headers))["client_id"] == home.client_id
        refused(await world.http.get(SELF, headers=headers), 401, "sig_bad")
    for missing in ("content-digest", "content-type", "idempotency-key"):
        headers = rfc9421(home, "POST", HOOKS, body, leave_out=missing)
        refused(await world.http.post(HOOKS, headers=headers, content=body), 401, "sig_bad")
    headers = rfc9421(home, "POST", HOOKS, body)
    changed = body.replace(b"/in", b"/on")
    refused(await world.http.post(HOOKS, headers=headers, content=changed), 401, "sig_bad")
    ok(await world.http.post(HOOKS, headers=headers, content=body), 201)
    refused(await world.http.post(HOOKS, headers=headers, content=body), 401, "sig_bad")


async def test_the_printed_line_runs(world: World, tmp_path: Path):
    program = await portal(world, callback_hosts=("hooks.example.gov.cn",))
    assert isinstance(program.key, bytes)
    key, body = tmp_path / "secret", tmp_path / "body.json"
    key.write_text(program.key.hex())
    body.write_text(json.dumps({"url": "https://hooks.example.gov.cn/in?a=1", "topics": []}))
    assert abs(SystemClock().now() - world.clock.now()).total_seconds() < 5
    async with served(world) as url:
        with_body = ("--body", f"@{body}")
        for method, path, more, shown in (
            ("get", f"{SELF}?b=2&a=%E9%97%A8", (), "client_id"),
            ("post", HOOKS, with_body, "webhook_id"),
        ):
            words = ("sign", method, f"{url}{path}", "--client", program.key_id)
            done = CliRunner().invoke(app, [*words, "--key-file", str(key), *more])
            assert done.exit_code == 0, done.output
            line = shlex.split(done.output.strip().rpartition("\n")[2])
            assert line[0] == "curl"
            assert shown in await _run(line)
            # A second time it is a replay.
            assert (await _run(line))["code"] == "sig_bad"


async def _run(words: list[str]) -> Any:
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    return json.loads(said)


async def test_a_department_reviews_from_its_own_system(world: World, citizen: Caller):
    scopes = frozenset({"case.read", "case.review"})
    weak = await department(world, scopes=scopes)
    case_id = await submitted(world, citizen)
    clerk, *_ = await staff_of(world, ROAD)
    await clerk.desk(case_id, "receive")
    await clerk.desk(case_id, "accept")
    path = f"{SELF}/cases/{case_id}"
    hmac = await portal(world, scopes=scopes)
    refused(await hmac.send("POST", f"{path}/take"), 403, "sig_sm2_required")
    portal_key = await with_sm2(world, hmac.client_id)
    refused(await portal_key.send("POST", f"{path}/take"), 404, "case_not_found")
    other = await department(world, client_id="other", org_uscc="11370102MB9000074F", scopes=scopes)
    refused(await other.send("POST", f"{path}/take"), 404, "case_not_found")
    body = json.dumps({"opinion": "PASSED", "remark": "经核查，同意。"}).encode()
    refused(await weak.send("POST", f"{path}/review", body=body), 409, "illegal_transition")
    ok(await weak.send("POST", f"{path}/take"))
    assert ok(await weak.send("POST", f"{path}/review", body=body))["reviewed"] is True
    refused(await weak.send("POST", f"{path}/review", body=body), 409, "illegal_transition")
    case = await world.container.cases.look(case_id)
    assert case.review is not None
    assert case.review.by == "client:road-office"
