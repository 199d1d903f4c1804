"""One gateway in front of the simulated province: application, worker, listener, and its users."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
from sqlalchemy import insert
from starlette.types import ASGIApp

from gateway.bootstrap import build
from gateway.catalog import seed
from gateway.container import Container
from gateway.main import create_app
from gateway.worker.steps import register
from identity import StaffMember, StaffRole
from kernel import masking
from kernel.clock import beijing
from kernel.db.tables import numbers
from kernel.db.task_kinds import TaskRegistry
from kernel.db.tasks import TaskEngine
from kernel.db.work import connection
from kernel.ids import RandomIds
from tests.api.installation import CLIENT_ID, TravelClock, settings_for
from tests.api.logbook import Logbook
from tests.api.town import HOST, Town

PERSON, OTHER, WEAK = "jis-u-000001", "jis-u-000002", "jis-u-000003"
COMPANY = "jis-c-000001"
PERSONAL = frozenset(
    {
        *("370102199003071238", "370202198811120246", "370112196505010119"),
        *("13800000001", "13800000002", "13800000003"),
        *("张明轩", "李静怡", "王建国"),
    }
)
"""Numbers, telephones and names of the simulator's people: never in a log or a problem."""
PROBLEM_MEMBERS = {"type", "title", "status", "code", "detail", "citizen", "clerk", "trace_id"}
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"

ROAD = "11370102MB9000066L4000117010000"
"""A promise item with a fee and three materials, in district 370102."""
ROAD_DEPARTMENT = "11370102MB9000066L"
ROAD_FORM = {"location": "济南市历下区泉城路示例段", "area_m2": "4", "until": "2027-06-30"}
ROAD_FEE_FEN = 8000

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)"\s+value="([^"]*)">')
_ACTION = re.compile(r'<form[^>]*action="([^"]+)"')
_REDIRECTS = frozenset({301, 302, 303, 307})
_ROUNDS = 60


@dataclass
class World:
    """Everything a test may touch."""

    town: Town
    container: Container
    clock: TravelClock
    ids: RandomIds
    app: ASGIApp
    engine: TaskEngine
    book: Logbook
    secrets: set[str] = field(default_factory=set)
    """Tokens and codes that were handed out: none may appear in a log."""
    http: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.http = self.browser()

    # ---- clients ---------------------------------------------------------------------------------

    def browser(self) -> httpx.AsyncClient:
        """Return a browser: the gateway is in this process, everything else is for real."""
        transport = httpx.ASGITransport(self.app, client=(HOST, 51000))
        return httpx.AsyncClient(
            base_url=self.town.gateway_url,
            mounts={self.town.gateway_url: transport},
            event_hooks={"response": [self._inspect]},
            timeout=30,
        )

    async def _inspect(self, response: httpx.Response) -> None:
        """Hold every answer of the gateway against what all of them promise."""
        if response.request.url.port != self.town.gateway_port:
            return
        await response.aread()
        assert response.status_code != 500, response.text
        assert re.fullmatch(r"[0-9a-z]{26,32}", response.headers["x-trace-id"])
        told = response.request.method != "HEAD" and "/health/" not in response.request.url.path
        if response.status_code >= 400 and told:
            require_problem(response)

    async def sign_in(self, account: str = PERSON, user_type: str = "NATURAL_PERSON") -> Caller:
        """Sign in through the province's login page and return the applicant."""
        async with self.browser() as browser:
            login = Login(self, browser, user_type)
            issued = await login.redeem(await login.finish(await login.begin(), account))
        assert issued.status_code == 200, issued.text
        token = str(issued.json()["access_token"])
        self.secrets.add(token)
        return Caller(self, token)

    async def step_up(self, caller: Caller, acr: str = "urn:sd:loa:3:aal:2") -> Caller:
        """Let a caller prove by its face that it is there; return it with its new token."""
        begun = ok(await caller.begin_step_up(acr), 201)
        await self.verify_face(begun["url"], "pass")
        answer = await caller.post(f"/v1/auth/step-up/{begun['step_up_id']}/result")
        token = str(ok(answer)["access_token"])
        self.secrets.add(token)
        return Caller(self, token)

    async def verify_face(self, url: str, outcome: str) -> str:
        """Finish a verification as its person would; return where the browser is sent."""
        async with httpx.AsyncClient(timeout=30) as browser:
            answer = await browser.post(url, data={"outcome": outcome})
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    async def staff(
        self,
        role: StaffRole,
        *,
        department: str = ROAD_DEPARTMENT,
        region: str = "370102",
        hours: int = 8,
    ) -> Caller:
        """Register a member of staff and return it with its token."""
        number = f"{role.value.lower()}-{department[-6:].lower()}-{region}"
        member = StaffMember(number, "测试员", role, department, region)
        await self.container.staff.accounts.provision(member)
        issue = self.container.staff.accounts.issue_token
        token = await issue(member.id, timedelta(hours=hours))
        self.secrets.add(token)
        return Caller(self, token)

    # ---- the worker ------------------------------------------------------------------------------

    async def work(self) -> None:
        """Run due tasks until none is left."""
        for _ in range(_ROUNDS):
            if not await self.engine.run_once():
                return
        raise AssertionError(f"tasks never end: {await self.engine.stats()}")

    async def work_later(self, by: timedelta) -> None:
        """Let time pass for the gateway, then run what has become due."""
        self.clock.shift += by
        await self.work()

    # ---- the bank --------------------------------------------------------------------------------

    async def pay(self, pay_url: str) -> None:
        """Press the button on the simulated pay page, deliver the news, and work on it."""
        async with httpx.AsyncClient(timeout=30) as browser:
            page = (await browser.get(pay_url)).raise_for_status()
            action = _ACTION.search(page.text)
            assert action is not None, page.text
            form = dict(_HIDDEN.findall(page.text))
            target = urljoin(str(page.url), unescape(action[1]))
            (await browser.post(target, data=form)).raise_for_status()
        await self.deliver()

    async def deliver(self) -> None:
        """Let the finance system push everything that waits, and work on it."""
        async with httpx.AsyncClient(timeout=30) as browser:
            url = f"{self.town.url('cnnontax_tcp')}/sim/push"
            (await browser.post(url)).raise_for_status()
        await self.work()


@dataclass(frozen=True)
class Login:
    """A login under way, step by step, so that a test can spoil any of them."""

    world: World
    browser: httpx.AsyncClient
    user_type: str = "NATURAL_PERSON"
    verifier: str = "v" * 50
    state: str = "portal-state-0123456789"

    @property
    def return_to(self) -> str:
        return f"{self.world.town.gateway_url}/portal/"

    def params(self, **changes: str) -> dict[str, str]:
        """Return the parameters of a right request, changed as wanted."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return {
            "client_id": CLIENT_ID,
            "idp": "sd_jis",
            "user_type": self.user_type,
            "return_to": self.return_to,
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            **changes,
        }

    async def begin(self) -> httpx.Response:
        """Go to the login page and return it."""
        answer = await self.browser.get("/v1/auth/login", params=self.params())
        while answer.status_code in _REDIRECTS:
            answer = await self.browser.get(urljoin(str(answer.url), answer.headers["location"]))
        return answer.raise_for_status()

    async def choose(self, page: httpx.Response, account: str) -> str:
        """Choose an account and return the callback's address, unopened."""
        form = {name: unescape(value) for name, value in _HIDDEN.findall(page.text)}
        answer = await self.browser.post(page.url, data={**form, "account": account})
        assert answer.status_code == 302, answer.text
        callback = answer.headers["location"]
        self.world.secrets.update(parse_qs(urlsplit(callback).query)["ticket"])
        self.world.secrets.add(urlsplit(callback).path.rpartition("/")[2])
        return str(callback)

    async def finish(self, page: httpx.Response, account: str) -> str:
        """Choose an account and return the one-time code that reaches the portal."""
        answer = await self.browser.get(await self.choose(page, account))
        assert answer.status_code == 303, answer.text
        return self.code_of(answer)

    def code_of(self, answer: httpx.Response) -> str:
        """Return the code in a redirect to the portal."""
        target = answer.headers["location"]
        assert target.startswith(self.return_to)
        query = parse_qs(urlsplit(target).query)
        assert query["state"] == [self.state]
        self.world.secrets.update(query["code"])
        return query["code"][0]

    async def redeem(self, code: str, **changes: str) -> httpx.Response:
        """Redeem a code at the token endpoint."""
        body = {
            "client_id": CLIENT_ID,
            "code": code,
            "code_verifier": self.verifier,
            **changes,
        }
        return await self.browser.post("/v1/auth/token", json=body)


@dataclass(frozen=True)
class Caller:
    """An applicant or a member of staff with a token."""

    world: World
    token: str

    async def get(self, path: str, **params: Any) -> httpx.Response:
        """Read."""
        return await self.send("GET", path, params=params)

    async def post(
        self, path: str, body: Any = None, *, key: str | None = None, **more: Any
    ) -> httpx.Response:
        """Write, with a new key unless one is given."""
        content = {} if body is None else {"json": body}
        return await self.send("POST", path, key=key, **content, **more)

    async def put(self, path: str, body: Any, *, key: str | None = None) -> httpx.Response:
        """Replace something, with a new key unless one is given."""
        return await self.send("PUT", path, key=key, json=body)

    async def upload(
        self,
        case_id: str,
        code: str,
        content: Any = PDF,
        media_type: str = "application/pdf",
        key: str | None = None,
    ) -> httpx.Response:
        """Upload a file as a material."""
        path = f"/v1/cases/{case_id}/materials/{code}"
        return await self.send(
            "PUT", path, key=key, content=content, headers={"Content-Type": media_type}
        )

    async def send(
        self, method: str, path: str, *, key: str | None = None, **parts: Any
    ) -> httpx.Response:
        """Send a request with this caller's token."""
        headers = {"Authorization": f"Bearer {self.token}", **parts.pop("headers", {})}
        if method in {"POST", "PUT", "DELETE"}:
            headers["Idempotency-Key"] = key or self.world.ids.new("key")
        return await self.world.http.request(method, path, headers=headers, **parts)

    async def begin_step_up(self, acr: str, **changes: str) -> httpx.Response:
        """Ask for a step-up."""
        body = {"acr": acr, "return_to": f"{self.world.town.gateway_url}/portal/", **changes}
        return await self.post("/v1/auth/step-up", body)

    # ---- what applicants and staff do all day ----------------------------------------------------

    async def declare(self, item: str = ROAD, form: Mapping[str, str] | None = None) -> str:
        """Open a draft and return its id."""
        chosen = dict(ROAD_FORM if item == ROAD and form is None else form or {})
        body = {"item_code": item, "channel": "PC_WEB", "form": chosen}
        made = ok(await self.post("/v1/cases", body), 201)
        return str(made["case_id"])

    async def act(self, case_id: str, act: str, body: Any = None) -> Any:
        """Carry out one of the applicant's acts and return the case."""
        return ok(await self.post(f"/v1/cases/{case_id}/{act}", body))

    async def desk(self, case_id: str, act: str, body: Any = None) -> Any:
        """Carry out one of the staff's acts and return the case."""
        return ok(await self.post(f"/v1/staff/cases/{case_id}/{act}", body))

    async def case(self, case_id: str) -> Any:
        """Return one of the applicant's cases."""
        return ok(await self.get(f"/v1/cases/{case_id}"))


def ok(response: httpx.Response, status: int = 200) -> Any:
    """Return the JSON of an answer that must be as good as this."""
    assert response.status_code == status, response.text
    return response.json()


def refused(response: httpx.Response, status: int, code: str) -> Any:
    """Return the problem of an answer that must be refused exactly so."""
    assert (response.status_code, response.json().get("code")) == (status, code), response.text
    return response.json()


def require_problem(response: httpx.Response) -> None:
    """Fail unless an answer is a complete problem (RFC 9457) that gives nobody away."""
    oauth = response.request.method == "POST" and "/oauth2/" in response.request.url.path
    # RFC 6749, 5.2 wants plain JSON there; the members are the same.
    media_types = {"application/problem+json", *(["application/json"] if oauth else [])}
    assert response.headers["content-type"] in media_types
    problem = response.json()
    assert problem.keys() >= PROBLEM_MEMBERS
    assert all(problem[member] for member in PROBLEM_MEMBERS)
    assert problem["status"] == response.status_code
    assert problem["type"] == f"/problems/{problem['code']}"
    assert problem["trace_id"] == response.headers["x-trace-id"]
    shown = {name: value for name, value in problem.items() if name != "trace_id"}
    assert masking.redact(shown, ()) == shown
    text = json.dumps(problem, ensure_ascii=False)
    assert not [secret for secret in PERSONAL if secret in text]


async def submitted(world: World, citizen: Caller, item: str = ROAD) -> str:
    """Declare, bring every material in as a file, submit; return the case's id."""
    case_id = await citizen.declare(item)
    for material in (await world.container.catalog.get(item)).materials:
        ok(await citizen.upload(case_id, material.code))
    await citizen.act(case_id, "submit")
    return case_id


@asynccontextmanager
async def opened(town: Town, database_url: str, book: Logbook) -> AsyncIterator[World]:
    """Open a gateway on a migrated database and close it afterwards; its log must be clean."""
    clock = TravelClock()
    ids = RandomIds(clock)
    container = build(settings_for(town, database_url), clock=clock, ids=ids, process="test")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(container.close)
        await _prepare(container, next(town.worlds))
        registry = TaskRegistry()
        register(registry, container)
        engine = TaskEngine(container.works, registry, chance=lambda: 0.0)
        assert container.listen is not None
        listener = await container.listen()
        stack.push_async_callback(listener.close)
        world = World(town, container, clock, ids, create_app(container), engine, book)
        await stack.enter_async_context(world.http)
        yield world
    book.require_clean(PERSONAL | world.secrets)


async def _prepare(container: Container, number: int) -> None:
    """Fill the catalogue; the province remembers pay codes, so every gateway needs its own."""
    await container.catalog.take_in(seed.bundled())
    year = beijing(container.clock.now()).year
    name = f"payments.pay_code.370000.{year}"
    async with container.works.begin() as work:
        await connection(work).execute(insert(numbers).values(name=name, value=number * 1000))
