"""What a simulated identity system remembers: synthetic accounts, tickets, tokens, browser
sessions.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

from adapters.sandbox.store import Store
from kernel.clock import Clock
from kernel.ids import RandomIds

PERSON: Final = "1"
LEGAL: Final = "2"
"""Types of users, as every system of this kind numbers them."""
TICKET_LIFE: Final = timedelta(seconds=60)
TOKEN_LIFE: Final = timedelta(hours=12)
PASSWORD_SUFFIX: Final = "-demo"
"""The password of an account is its login name with this behind it."""
CHANGEABLE: Final = frozenset(
    {"authlevel", "isauth", "disabled", "name", "id_type", "id_number", "mobile", "role", "uscc"}
)
"""What ``/sim/accounts`` may change, so that a test can have an account of another kind. An empty
value makes the upstream leave the field out.
"""


class Refusal(StrEnum):
    """Why an identity system says no; every simulator has its own codes for these."""

    TICKET_UNKNOWN = "TICKET_UNKNOWN"
    TICKET_EXPIRED = "TICKET_EXPIRED"
    TICKET_USED = "TICKET_USED"
    TICKET_FOREIGN = "TICKET_FOREIGN"
    """It was issued to another application, and is still good there."""
    TOKEN_INVALID = "TOKEN_INVALID"
    USER_TYPE_WRONG = "USER_TYPE_WRONG"
    ACCOUNT_DISABLED = "ACCOUNT_DISABLED"
    PASSWORD_WRONG = "PASSWORD_WRONG"
    ORG_NOT_YOURS = "ORG_NOT_YOURS"
    APP_UNKNOWN = "APP_UNKNOWN"


class Refused(Exception):
    """The identity system says no."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Corporation:
    """A company; roles: 0 经办人, 1 管理员, 2 法定代表人."""

    org_id: str
    name: str
    uscc: str
    type: str
    role: str
    rep_name: str
    rep_id_type: str
    rep_id_number: str


@dataclass(frozen=True)
class Account:
    """One account: the human at the keyboard, and the company for which it acts, if any."""

    uuid: str
    user_type: str
    login_name: str
    title: str
    on_page: bool
    disabled: bool
    name: str
    id_type: str
    id_number: str
    mobile: str
    sex: str
    authlevel: str
    """0 to 3; empty for a company's account, about which nothing is said."""
    isauth: str
    corporation: Corporation | None = None


class Citizens:
    """Everything durable is in the store; times come from the clock of the place.

    ``prefix`` opens the identifiers of this system's accounts and companies.
    """

    def __init__(self, store: Store, clock: Clock, prefix: str) -> None:
        self._store = store
        self._clock = clock
        self._ids = RandomIds(clock)
        self._prefix = prefix
        text = files(__package__).joinpath("citizens.toml").read_text("utf-8")
        self._book: dict[str, list[dict[str, Any]]] = tomllib.loads(text)

    def all(self) -> list[Account]:
        """Return every account, people first."""
        people = {person["id"]: person for person in self._book["person"]}
        found = [self._person(person) for person in people.values()]
        return found + [self._corporation(entry, people) for entry in self._book["corporation"]]

    def find(self, uuid: str) -> Account | None:
        """Return one account."""
        return next((account for account in self.all() if account.uuid == uuid), None)

    def change(self, uuid: str, changes: dict[str, str]) -> None:
        """Change an account for good; raise KeyError for a field that may not be changed."""
        if unknown := set(changes) - CHANGEABLE:
            raise KeyError(", ".join(sorted(unknown)))
        self._store.put("account", uuid, {**self._changes(uuid), **changes})

    def sign_in(self, account: Account, app: str) -> tuple[str, str]:
        """Return a one-time ticket for an application, and the browser's session, of somebody who
        just signed in.
        """
        session = self._ids.secret()
        with self._store.transaction():
            self._store.put("session", _key(session), {"tokens": []})
            ticket = self._ticket(account.uuid, app, _key(session))
        return ticket, session

    def sign_out(self, session: str) -> None:
        """Forget a browser's session and every token that came of it."""
        with self._store.transaction():
            found = self._store.get("session", _key(session)) or {"tokens": []}
            for token in found["tokens"]:
                self._store.delete("token", token)
            self._store.delete("session", _key(session))

    def redeem(self, ticket: str, app: str) -> tuple[str, Account]:
        """Swap a ticket for a token, once, and only for the application that it was issued to;
        raise Refused.
        """
        with self._store.transaction():
            found = self._store.get("ticket", _key(ticket))
            if found is None:
                raise Refused(Refusal.TICKET_UNKNOWN)
            if found.get("app") != app:
                raise Refused(Refusal.TICKET_FOREIGN)
            if found.get("used"):
                raise Refused(Refusal.TICKET_USED)
            if self._over(found):
                raise Refused(Refusal.TICKET_EXPIRED)
            account = self._able(found["uuid"])
            self._store.put("ticket", _key(ticket), {**found, "used": True})
            return self._token(account, found["session"]), account

    def holder(self, token: str, user_type: str | None = None) -> Account:
        """Return whose token this is; raise Refused."""
        found = self._store.get("token", _key(token))
        account = None if found is None or self._over(found) else self.find(found["uuid"])
        if account is None:
            raise Refused(Refusal.TOKEN_INVALID)
        if user_type is not None and account.user_type != user_type:
            raise Refused(Refusal.USER_TYPE_WRONG)
        return account

    def companies(self, token: str) -> list[Account]:
        """Return the companies' accounts of the person who holds this token; raise Refused."""
        holder = self.holder(token)
        return [
            one
            for one in self.all()
            if one.corporation is not None and one.id_number == holder.id_number
        ]

    def switch(self, token: str, org_id: str) -> str:
        """Return a token for another company of the same person; the old one is over. Raise
        Refused.
        """
        chosen = [
            one
            for one in self.companies(token)
            if one.corporation is not None and one.corporation.org_id == org_id
        ]
        if not chosen:
            raise Refused(Refusal.ORG_NOT_YOURS)
        with self._store.transaction():
            found = self._store.get("token", _key(token))
            self._store.delete("token", _key(token))
            return self._token(self._able(chosen[0].uuid), found["session"])

    def hand_over(self, token: str, app: str) -> str:
        """Return a ticket with which another application may ask for this person; raise Refused."""
        holder = self.holder(token)
        session = self._store.get("token", _key(token))["session"]
        with self._store.transaction():
            return self._ticket(holder.uuid, app, session)

    def by_password(self, login_name: str, password: str, app: str) -> str:
        """Return a ticket for an account's name and password; raise Refused."""
        for one in self.all():
            if one.login_name == login_name and password == login_name + PASSWORD_SUFFIX:
                return self.sign_in(self._able(one.uuid), app)[0]
        raise Refused(Refusal.PASSWORD_WRONG)

    def expire(self) -> None:
        """End the life of every ticket and token that was handed out."""
        past = {"until": self._clock.now().isoformat()}
        with self._store.transaction():
            for kind in ("ticket", "token"):
                for key, entry in self._store.items(kind):
                    self._store.put(kind, key, {**entry, **past})

    def _ticket(self, uuid: str, app: str, session: str) -> str:
        ticket = self._ids.secret("ST-")
        entry = {"uuid": uuid, "app": app, "session": session, **self._from_now(TICKET_LIFE)}
        self._store.put("ticket", _key(ticket), entry)
        return ticket

    def _token(self, account: Account, session: str) -> str:
        token = self._ids.secret("TK-")
        entry = {"uuid": account.uuid, "session": session, **self._from_now(TOKEN_LIFE)}
        self._store.put("token", _key(token), entry)
        open_session = self._store.get("session", session)
        if open_session is not None:
            tokens = [*open_session["tokens"], _key(token)]
            self._store.put("session", session, {"tokens": tokens})
        return token

    def _able(self, uuid: str) -> Account:
        account = self.find(uuid)
        if account is None or account.disabled:
            raise Refused(Refusal.ACCOUNT_DISABLED)
        return account

    def _person(self, person: dict[str, Any]) -> Account:
        uuid = f"{self._prefix}-{person['id']}"
        entry = {"isauth": "1", "disabled": "0", **person, **self._changes(uuid)}
        return _account(uuid, PERSON, person["name"], entry)

    def _corporation(self, given: dict[str, Any], people: dict[str, dict[str, Any]]) -> Account:
        uuid = f"{self._prefix}-{given['id']}"
        changes = self._changes(uuid)
        operator, rep = people[given["operator"]], people[given["legal_representative"]]
        about = {**given, **{name: changes[name] for name in changes if name in given}}
        corporation = Corporation(
            org_id=f"{self._prefix}-{given['org_id']}",
            name=given["name"],
            uscc=about["uscc"],
            type=given["type"],
            role=about["role"],
            rep_name=rep["name"],
            rep_id_type=rep["id_type"],
            rep_id_number=rep["id_number"],
        )
        entry = {**operator, "login_name": given["login_name"], "authlevel": "", "isauth": ""}
        entry = {**entry, "disabled": "0", "listed_only": given.get("listed_only"), **changes}
        return _account(uuid, LEGAL, given["name"], entry, corporation)

    def _changes(self, uuid: str) -> dict[str, str]:
        return dict(self._store.get("account", uuid) or {})

    def _from_now(self, life: timedelta) -> dict[str, str]:
        return {"until": (self._clock.now() + life).isoformat()}

    def _over(self, entry: dict[str, Any]) -> bool:
        return self._clock.now() >= datetime.fromisoformat(entry["until"])


def _account(
    uuid: str,
    user_type: str,
    title: str,
    entry: dict[str, Any],
    corporation: Corporation | None = None,
) -> Account:
    return Account(
        uuid=uuid,
        user_type=user_type,
        login_name=entry["login_name"],
        title=title,
        on_page=not entry.get("listed_only"),
        disabled=entry["disabled"] == "1",
        name=entry["name"],
        id_type=entry["id_type"],
        id_number=entry["id_number"],
        mobile=entry["mobile"],
        sex=entry["sex"],
        authlevel=entry["authlevel"],
        isauth=entry["isauth"],
        corporation=corporation,
    )


def _key(secret: str) -> str:
    return secret[:200]
