"""Prepares the gateway's database through its own services: people, tokens, cases to work on."""

from __future__ import annotations

import hashlib
import tomllib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import tomli_w

import e_license
from gateway.bootstrap import build
from gateway.cases.model import Channel
from gateway.cases.translate import applicant_of, scope_of
from gateway.catalog import seed as catalogue
from gateway.cli.demo.installation import CLIENT_ID, install
from gateway.cli.demo.play import FORM, ITEM
from gateway.container import Container
from gateway.settings import Settings, load
from identity import (
    Aal,
    Ial,
    IdentityKeys,
    IdentityProvider,
    IdentityService,
    IdType,
    IssuedToken,
    LoginAttempt,
    Person,
    Principal,
    StaffMember,
    StaffRole,
    UserType,
)
from identity.model import Profile, UpstreamSession
from identity.repository import SqlRepository
from kernel.clock import SystemClock
from kernel.crypto.fields import Algorithm, FieldCipher
from kernel.crypto.keys import KeyRing
from kernel.gbcodes import make_citizen_id
from kernel.ids import random_bytes
from migrations.run import upgrade

Tell = Callable[[int], None]

BATCH: Final = 50
_HOURS: Final = 8
_IDP: Final = "sd_jis"
_PDF: Final = b"%PDF-1.4\n%%EOF\n"
_CLERK: Final = StaffMember(
    "bench-clerk", "受理员", StaffRole.CLERK, "11370102MB9000066L", "370102"
)


@dataclass(frozen=True)
class Prepared:
    """What the load needs to know of a prepared database."""

    citizen: str
    clerk: str
    received: tuple[str, ...]
    """Ids of cases in the state RECEIVED, all of the one citizen."""
    form: Mapping[str, str]
    item: str


async def install_gateway(folder: Path, port: int) -> Path:
    """Install a demonstration in a folder and return its settings file."""
    installation = await install(folder, port, SystemClock())
    return installation.settings_file


def settings_for(base: Path, url: str, target: Path) -> Settings:
    """Write the demonstration's settings for another database, with quiet logs, and load them."""
    document = tomllib.loads(base.read_text("utf-8"))
    document["database"]["url"] = url
    document["logs"] = {"level": "WARNING", "json_lines": True}
    # A long benchmark must not end because its citizen sat still between two rounds.
    document["identity"] |= {"idle_seconds": _HOURS * 3600, "absolute_seconds": _HOURS * 3600}
    target.write_text(tomli_w.dumps(document), "utf-8")
    target.chmod(0o600)
    return load(target)


async def prepare(settings: Settings, cases: int, tell: Tell) -> Prepared:
    """Fill an empty database with what the measured requests need; ``tell`` hears how far it is."""
    await upgrade(settings.database.url.get_secret_value())
    container = build(settings, process="onewindow bench")
    try:
        await container.licence_types.take_in(e_license.bundled())
        await container.catalog.take_in(catalogue.bundled())
        await container.staff.accounts.provision(_CLERK)
        clerk = await container.staff.accounts.issue_token(_CLERK.id, timedelta(hours=_HOURS))
        issued = await _sign_in(container)
        received: list[str] = []
        while len(received) < cases:
            # One transaction for many cases: the services' own units become savepoints in it.
            async with container.works.begin():
                some = range(min(BATCH, cases - len(received)))
                received += [await _received(container, issued.principal) for _ in some]
            tell(len(received))
    finally:
        await container.close()
    return Prepared(issued.token, clerk, tuple(received), dict(FORM), ITEM)


async def _received(container: Container, principal: Principal) -> str:
    """Take one case as far as a clerk would before accepting it; return its id."""
    case = await container.cases.declare(
        owner=principal.sub,
        client_id=principal.idp,
        ial=principal.ial,
        applicant=applicant_of(principal),
        item_code=ITEM,
        form=dict(FORM),
        channel=Channel.PC_WEB,
    )
    item = await container.catalog.get(ITEM)
    for material in item.materials:
        await container.materials.upload(
            case.case_id, principal.sub, material.code, "application/pdf", _PDF
        )
    await container.cases.submit(case.case_id, principal.sub)
    await container.desk.receive(case.case_id, scope_of(_CLERK))
    return str(case.case_id)


class _Province(IdentityProvider):
    """An identity provider whose one citizen is always signed in: only the setup uses it."""

    ticket_parameter = "ticket"

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self.state = ""

    async def start_login(self, attempt: LoginAttempt) -> str:
        self.state = str(attempt.return_url).rpartition("/")[2]
        return str(attempt.return_url)

    async def exchange(self, params: Mapping[str, str], attempt: LoginAttempt) -> UpstreamSession:
        return UpstreamSession(attempt.user_type, params[self.ticket_parameter])

    async def fetch_principal(self, session: UpstreamSession) -> Profile:
        person = Person(
            name="测试申请人",
            id_type=IdType.RESIDENT_ID,
            id_number=make_citizen_id("370102", date(1990, 1, 1), 1),
        )
        return Profile(
            upstream_sub="bench-000001",
            user_type=session.user_type,
            person=person,
            ial=Ial.REAL_PERSON,
            aal=Aal.SINGLE_FACTOR,
            amr=("pwd",),
            auth_time=self._clock.now(),
        )

    def checks(self) -> Sequence[Any]:
        return ()


async def _sign_in(container: Container) -> IssuedToken:
    """Sign the citizen in through the identity service itself, so that its rows are real ones."""
    settings, clock = container.settings, SystemClock()
    province = _Province(clock)
    ring = KeyRing(settings.keys.ring_bytes(), settings.keys.active)
    cipher = FieldCipher(ring, Algorithm[settings.keys.algorithm], random_bytes)
    service = IdentityService(
        {_IDP: province},
        SqlRepository(),
        container.works,
        clock,
        container.ids,
        IdentityKeys(cipher, settings.keys.index_bytes()),
        settings.identity,
    )
    verifier = container.ids.secret("v")
    digest = hashlib.sha256(verifier.encode()).digest()
    await service.begin_login(
        CLIENT_ID,
        _IDP,
        UserType.NATURAL_PERSON,
        settings.identity.portals[0].return_to[0],
        container.ids.secret(),
        urlsafe_b64encode(digest).rstrip(b"=").decode(),
    )
    finished = await service.finish_login(
        _IDP, province.state, province.state, [("ticket", container.ids.secret())]
    )
    code = parse_qs(urlsplit(finished.redirect_url).query)["code"][0]
    return await service.redeem(CLIENT_ID, code, verifier)
