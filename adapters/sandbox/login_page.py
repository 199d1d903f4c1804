"""The browser's side of a simulated identity system: login page, logout, and knobs for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from string import Template
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Route

from adapters.sandbox.citizens import LEGAL, PERSON, Account, Citizens, Refused
from adapters.sandbox.store import Store

NEIGHBOUR: Final = "neighbour"
"""Another application of the same province, to which people can be handed over."""
SESSION_COOKIE: Final = "SIMSESSION"


@dataclass(frozen=True)
class Names:
    """How a dialect calls the parameters of its login page; the first of each is written.

    ``only_app`` and ``only_type`` stand for parameters that the dialect does not have; ``also``
    comes back besides the ticket.
    """

    app: tuple[str, ...]
    back: tuple[str, ...]
    user_type: tuple[str, ...]
    ticket: str
    only_app: str = ""
    only_type: str = ""
    also: Mapping[str, str] = field(default_factory=dict)


def register(store: Store, app: str, secrets: Mapping[str, str], back_url: str) -> dict[str, str]:
    """Register an application once and return its secrets, the same ones ever after.

    The gateway may have moved since: its registered address is corrected.
    """
    store.add("app", app, dict(secrets))
    known: dict[str, str] = {**store.get("app", app), "back_url": back_url}
    store.put("app", app, known)
    store.add("app", NEIGHBOUR, {"back_url": "https://neighbour.invalid"})
    return known


class LoginPages:
    """The pages of one simulator, and ``/sim/accounts``, ``/sim/expire``, ``/sim/redeem``."""

    def __init__(self, store: Store, citizens: Citizens, names: Names) -> None:
        self._store = store
        self._citizens = citizens
        self._names = names
        page = files(__package__).joinpath("login_page.html").read_text("utf-8")
        self._page = Template(page)

    def page_routes(self, login: str) -> list[Route]:
        """Return the routes of the login page at this path."""
        self._login_path = login
        return [
            Route(login, self.show, methods=["GET"]),
            Route(login, self.login, methods=["POST"]),
        ]

    def routes(self, login: str, logout: str | None) -> list[Route]:
        """Return the routes of the pages at these paths, and of the knobs."""
        routes = [
            *self.page_routes(login),
            Route("/sim/accounts", self.accounts, methods=["GET"]),
            Route("/sim/accounts/{uuid}", self.change, methods=["POST"]),
            Route("/sim/expire", self.expire, methods=["POST"]),
            Route("/sim/redeem", self.redeem, methods=["POST"]),
        ]
        if logout is not None:
            routes.append(Route(logout, self.logout, methods=["GET"]))
        return routes

    async def show(self, request: Request) -> Response:
        """Show the accounts of a type of user; refuse strangers."""
        app, back, user_type = self._asked(request.query_params)
        if (refusal := self._refusal(app, back, user_type)) is not None:
            return refusal
        given = ((self._names.app, app), (self._names.user_type, user_type))
        hidden = {names[0]: value for names, value in given if names} | {self._names.back[0]: back}
        content = self._page.substitute(
            action=escape(self._login_path),
            hidden="\n".join(
                f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
                for name, value in hidden.items()
            ),
            accounts="\n".join(
                _choice(one)
                for one in self._citizens.all()
                if one.user_type == user_type and one.on_page
            ),
        )
        return HTMLResponse(content, headers={"cache-control": "no-store"})

    async def login(self, request: Request) -> Response:
        """Sign an account in and send the browser back with a ticket."""
        given = await form(request)
        app, back, user_type = self._asked(given)
        if (refusal := self._refusal(app, back, user_type)) is not None:
            return refusal
        account = self._citizens.find(given.get("account", ""))
        if account is None or account.user_type != user_type:
            return PlainTextResponse("账号不存在", 400)
        ticket, session = self._citizens.sign_in(account, app)
        answer = RedirectResponse(_with(back, self.brought(ticket, app)), 302)
        answer.set_cookie(SESSION_COOKIE, session, httponly=True, samesite="lax", path="/")
        return answer

    def brought(self, ticket: str, _app: str) -> dict[str, str]:
        """Return what the browser carries back."""
        return {self._names.ticket: ticket, **self._names.also}

    async def logout(self, request: Request) -> Response:
        """End the browser's session with every token of it, and send the browser back."""
        query = request.query_params
        back = _first(query, self._names.back)
        refusal = self._refusal(_first(query, self._names.app), back, PERSON)
        if refusal is not None:
            return refusal
        self._citizens.sign_out(request.cookies.get(SESSION_COOKIE, ""))
        answer = RedirectResponse(back, 302)
        answer.delete_cookie(SESSION_COOKIE, path="/")
        return answer

    async def accounts(self, _request: Request) -> Response:
        """Return who may sign in here; nobody of them exists."""
        return JSONResponse(
            [
                {"uuid": one.uuid, "userType": one.user_type, "title": one.title}
                for one in self._citizens.all()
            ]
        )

    async def change(self, request: Request) -> Response:
        """Make an account another one: other level, other papers, fields left out, closed."""
        uuid = request.path_params["uuid"]
        if self._citizens.find(uuid) is None:
            return PlainTextResponse("no such account", 404)
        try:
            self._citizens.change(uuid, await request.json())
        except KeyError as exc:
            return PlainTextResponse(f"cannot be changed: {exc.args[0]}", 422)
        return Response(status_code=204)

    async def expire(self, _request: Request) -> Response:
        """End the life of every ticket and token."""
        self._citizens.expire()
        return Response(status_code=204)

    async def redeem(self, request: Request) -> Response:
        """Do what another application does with a ticket that it was handed."""
        given = await request.json()
        try:
            _, account = self._citizens.redeem(str(given["ticket"]), str(given["app"]))
        except Refused as refused:
            return JSONResponse({"refused": refused.reason}, 409)
        return JSONResponse({"uuid": account.uuid, "title": account.title})

    def _asked(self, given: Mapping[str, str]) -> tuple[str, str, str]:
        names = self._names
        app = _first(given, names.app) or names.only_app
        user_type = _first(given, names.user_type) or names.only_type or PERSON
        return app, _first(given, names.back), user_type

    def _refusal(self, app: str, back: str, user_type: str) -> Response | None:
        known = self._store.get("app", app)
        if known is None:
            return PlainTextResponse("应用未登记", 400)
        if not below(back, str(known["back_url"])):
            return PlainTextResponse("返回地址未登记", 400)
        if user_type not in {PERSON, LEGAL}:
            return PlainTextResponse("用户类型有误", 400)
        return None


async def form(request: Request) -> dict[str, str]:
    """Return the fields of a posted form; of a repeated one the last."""
    body = (await request.body()).decode("utf-8", "replace")
    return dict(parse_qsl(body, keep_blank_values=True))


def below(url: str, registered: str) -> bool:
    """Return whether an address is on the registered origin and below its path."""
    try:
        given, allowed = urlsplit(url), urlsplit(registered)
    except ValueError:
        return False
    prefix = allowed.path.rstrip("/") + "/"
    return (
        (given.scheme, given.netloc) == (allowed.scheme, allowed.netloc)
        and (given.path or "/").startswith(prefix)
        and ".." not in given.path.split("/")
        and "\\" not in url
    )


def _first(given: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((given[name] for name in names if given.get(name)), "")


def _choice(account: Account) -> str:
    if account.corporation is not None:
        remark = f"{account.corporation.uscc} · 经办 {account.name}"
    else:
        remark = f"实名等级 {account.authlevel} · {account.id_number[:6]}********"
    return (
        f'<label><input type="radio" name="account" value="{escape(account.uuid)}" required>'
        f" {escape(account.title)}<small>{escape(remark)}</small></label>"
    )


def _with(back: str, brought: Mapping[str, str]) -> str:
    parts = urlsplit(back)
    own = urlencode(brought)
    return urlunsplit(parts._replace(query=f"{parts.query}&{own}" if parts.query else own))
