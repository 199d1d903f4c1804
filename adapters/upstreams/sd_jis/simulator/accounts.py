"""What the simulated JIS remembers: synthetic accounts, tickets, tokens and browser sessions."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, Final

from adapters.sandbox.store import Store
from adapters.upstreams.sd_jis.wire import (
    USER_TYPE_LEGAL,
    USER_TYPE_PERSON,
    CorporationUser,
    PersonUser,
    Retcode,
)
from kernel.clock import Clock
from kernel.ids import RandomIds

TICKET_LIFE: Final = timedelta(seconds=60)
TOKEN_LIFE: Final = timedelta(hours=12)
CHANGEABLE: Final = frozenset({"authlevel", "isauth", "disabled"})
"""What ``/sim/accounts`` may change, so that a test can have an account of another kind."""


class Refused(Exception):
    """JIS says no, with one of its codes."""

    def __init__(self, retcode: str) -> None:
        super().__init__(retcode)
        self.retcode = retcode


@dataclass(frozen=True)
class Account:
    """One account as the login page lists it."""

    uuid: str
    user_type: str
    title: str
    remark: str
    disabled: bool
    user: PersonUser


class Accounts:
    """Everything durable is in the store; times come from the clock of the place."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._ids = RandomIds(clock)
        people = files(__package__).joinpath("people.toml").read_text("utf-8")
        self._people: dict[str, list[dict[str, Any]]] = tomllib.loads(people)

    def all(self) -> list[Account]:
        """Return every account, people first."""
        people = {person["uuid"]: person for person in self._people["person"]}
        found = [self._person(person) for person in people.values()]
        found += [self._corporation(entry, people) for entry in self._people["corporation"]]
        return found

    def find(self, uuid: str) -> Account | None:
        """Return one account."""
        return next((account for account in self.all() if account.uuid == uuid), None)

    def change(self, uuid: str, changes: dict[str, str]) -> None:
        """Change an account for good; raise KeyError for a field that may not be changed."""
        if unknown := set(changes) - CHANGEABLE:
            raise KeyError(", ".join(sorted(unknown)))
        self._store.put("account", uuid, {**self._changes(uuid), **changes})

    def sign_in(self, account: Account) -> tuple[str, str]:
        """Return a one-time ticket and the browser's session for somebody who just signed in."""
        ticket, session = self._ids.secret("ST-"), self._ids.secret()
        with self._store.transaction():
            self._store.put("session", _key(session), {"tokens": []})
            self._store.put(
                "ticket",
                _key(ticket),
                {"uuid": account.uuid, "session": _key(session), **self._from_now(TICKET_LIFE)},
            )
        return ticket, session

    def sign_out(self, session: str) -> None:
        """Forget a browser's session and every token that came of it."""
        with self._store.transaction():
            found = self._store.get("session", _key(session)) or {"tokens": []}
            for token in found["tokens"]:
                self._store.delete("token", token)
            self._store.delete("session", _key(session))

    def redeem(self, ticket: str) -> str:
        """Swap a ticket for a token, once; raise Refused."""
        with self._store.transaction():
            found = self._store.get("ticket", _key(ticket))
            if found is None:
                raise Refused(Retcode.TICKET_UNKNOWN)
            if found.get("used"):
                raise Refused(Retcode.TICKET_USED)
            if self._over(found):
                raise Refused(Retcode.TICKET_EXPIRED)
            account = self.find(found["uuid"])
            if account is None or account.disabled:
                raise Refused(Retcode.ACCOUNT_DISABLED)
            token = self._ids.secret("TK-")
            life = self._from_now(TOKEN_LIFE)
            self._store.put("ticket", _key(ticket), {**found, "used": True})
            self._store.put("token", _key(token), {"uuid": account.uuid, **life})
            session = self._store.get("session", found["session"])
            if session is not None:
                tokens = [*session["tokens"], _key(token)]
                self._store.put("session", found["session"], {"tokens": tokens})
        return token

    def holder(self, token: str, user_type: str) -> Account:
        """Return whose token this is; raise Refused."""
        found = self._store.get("token", _key(token))
        account = None if found is None or self._over(found) else self.find(found["uuid"])
        if account is None:
            raise Refused(Retcode.TOKEN_INVALID)
        if account.user_type != user_type:
            raise Refused(Retcode.USER_TYPE_WRONG)
        return account

    def expire(self) -> None:
        """End the life of every ticket and token that was handed out."""
        past = {"until": self._clock.now().isoformat()}
        with self._store.transaction():
            for kind in ("ticket", "token"):
                for key, entry in self._store.items(kind):
                    self._store.put(kind, key, {**entry, **past})

    def _person(self, person: dict[str, Any]) -> Account:
        entry = {**person, **self._changes(person["uuid"])}
        level = f"实名等级 {entry['authlevel']} · {entry['papersnumber'][:6]}********"
        disabled = entry.pop("disabled", "") == "1"
        user = PersonUser.model_validate(entry)
        return Account(entry["uuid"], USER_TYPE_PERSON, entry["name"], level, disabled, user)

    def _corporation(
        self, corporation: dict[str, Any], people: dict[str, dict[str, Any]]
    ) -> Account:
        entry = {**corporation, **self._changes(corporation["uuid"])}
        operator = people[entry["operator"]]
        representative = people[entry["legal_representative"]]
        # As in the real system, the answer about a corporation carries no level.
        user = CorporationUser(
            uuid=entry["uuid"],
            loginname=entry["loginname"],
            name=operator["name"],
            paperstype=operator["paperstype"],
            papersnumber=operator["papersnumber"],
            mobile=operator["mobile"],
            authlevel=entry.get("authlevel"),
            corname=entry["corname"],
            cornumber=entry["cornumber"],
            corporationid=entry["corporationid"],
            corrole=entry["corrole"],
            cortype=entry["cortype"],
            corusername=representative["name"],
            corusercardtype=representative["paperstype"],
            corusercardid=representative["papersnumber"],
        )
        disabled = entry.get("disabled") == "1"
        remark = f"{entry['cornumber']} · 经办 {operator['name']}"
        return Account(entry["uuid"], USER_TYPE_LEGAL, entry["corname"], remark, disabled, user)

    def _changes(self, uuid: str) -> dict[str, str]:
        return dict(self._store.get("account", uuid) or {})

    def _from_now(self, life: timedelta) -> dict[str, str]:
        return {"until": (self._clock.now() + life).isoformat()}

    def _over(self, entry: dict[str, Any]) -> bool:
        return self._clock.now() >= datetime.fromisoformat(entry["until"])


def _key(secret: str) -> str:
    return secret[:200]
