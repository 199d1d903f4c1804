"""An identity service on memory: repository, units of work and a provider that says what it is
told.
"""

from __future__ import annotations

import base64
import copy
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from identity.model import (
    Aal,
    ActingRole,
    Ial,
    IdType,
    Login,
    LoginState,
    Org,
    Person,
    PortalKind,
    Profile,
    Session,
    SessionState,
    UpstreamSession,
    UserType,
)
from identity.opening import IdentityKeys
from identity.options import Options, PortalClient
from identity.ports import IdentityProvider, Repository
from identity.service import IdentityService
from identity.upstream import LoginAttempt
from kernel.clock import FrozenClock
from kernel.crypto.fields import Algorithm, FieldCipher
from kernel.crypto.keys import KeyRing
from kernel.ids import RandomIds
from kernel.work import Move, Work, open_works

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
HOME = "https://portal.example.gov.cn/back"
HOME_WITH_QUERY = "https://portal.example.gov.cn/back?from=gateway"
PORTAL = "demo-portal"
OTHER_PORTAL = "other-portal"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
ID_NUMBER = "370102199003071238"

OPTIONS = Options(
    callback_base="https://gateway.example.gov.cn/auth/cb",
    portals=(
        PortalClient(
            client_id=PORTAL,
            name="示例门户",
            kind=PortalKind.WEB,
            return_to=(HOME, HOME_WITH_QUERY),
            after_logout="https://portal.example.gov.cn/",
        ),
        PortalClient(
            client_id=OTHER_PORTAL, name="另一门户", kind=PortalKind.APP, return_to=(HOME,)
        ),
    ),
)


def keys() -> IdentityKeys:
    ring = KeyRing({"k1": bytes(range(32))}, "k1")
    counter = iter(range(1, 1_000_000))
    cipher = FieldCipher(ring, Algorithm.SM4_GCM, lambda n: next(counter).to_bytes(n))
    return IdentityKeys(cipher, b"index key of thirty-two bytes ..")


def person_profile(upstream_sub: str = "u-1", **changes: Any) -> Profile:
    person = Person(
        name="张明轩", id_type=IdType.RESIDENT_ID, id_number=ID_NUMBER, mobile="13800000001"
    )
    profile = Profile(
        upstream_sub=upstream_sub,
        user_type=UserType.NATURAL_PERSON,
        person=person,
        ial=Ial.REAL_PERSON,
        aal=Aal.SINGLE_FACTOR,
        amr=("unknown",),
        auth_time=START,
    )
    return replace(profile, **changes)


def company_profile() -> Profile:
    org = Org(
        name="山东一窗示例科技有限公司",
        uscc="91370100MA3ABCDE1G",
        legal_rep_name="李静怡",
        legal_rep_id_type=IdType.RESIDENT_ID,
        legal_rep_id="370202198811120246",
    )
    return person_profile(
        "o-1/u-1",
        user_type=UserType.LEGAL_PERSON,
        org=org,
        acting_role=ActingRole.ORG_ADMIN,
        ial=Ial.SELF_ASSERTED,
    )


@dataclass
class FakeProvider(IdentityProvider):
    """Accepts every ticket; raises ``failure`` where one is set."""

    profiles: dict[UserType, Profile] = field(
        default_factory=lambda: {
            UserType.NATURAL_PERSON: person_profile(),
            UserType.LEGAL_PERSON: company_profile(),
        }
    )
    failure: Exception | None = None
    exchanged: list[Mapping[str, str]] = field(default_factory=list)
    ticket_parameter: str = "ticket"

    attempts: list[LoginAttempt] = field(default_factory=list)

    async def start_login(self, attempt: LoginAttempt) -> str:
        self.attempts.append(attempt)
        back = f"back={attempt.return_url}"
        return f"https://idp.example.gov.cn/login?type={attempt.user_type}&{back}"

    async def exchange(self, params: Mapping[str, str], attempt: LoginAttempt) -> UpstreamSession:
        assert open_works.get() == 0, "the upstream was called inside a unit of work"
        self.exchanged.append(params)
        self.attempts.append(attempt)
        if self.failure is not None:
            raise self.failure
        return UpstreamSession(attempt.user_type, "upstream-token")

    async def fetch_principal(self, session: UpstreamSession) -> Profile:
        assert open_works.get() == 0
        return self.profiles[session.user_type]

    def logout_url(self, session: UpstreamSession, return_url: str) -> str | None:
        assert session.token == "upstream-token"
        return f"https://idp.example.gov.cn/logout?back={return_url}"

    def checks(self) -> Sequence[Any]:
        return ()


@dataclass
class Rows:
    """What a database would hold."""

    logins: dict[str, Login] = field(default_factory=dict)
    tickets: dict[tuple[str, str], datetime] = field(default_factory=dict)
    subjects: dict[tuple[str, str, UserType], tuple[str, str]] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)


class MemoryWorks:
    """Units of work that undo on an exception."""

    def __init__(self) -> None:
        self.rows = Rows()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryWorks]:
        before = copy.copy(self.rows)
        before.__dict__.update({k: copy.copy(v) for k, v in vars(self.rows).items()})
        mark = open_works.set(open_works.get() + 1)
        try:
            yield self
        except BaseException:
            self.rows = before
            raise
        finally:
            open_works.reset(mark)

    read = begin

    async def moved(self, move: Move) -> None:
        self.rows.moves.append(move)

    async def emit(self, topic: str, reference: str, data: Any) -> None:
        raise NotImplementedError

    async def enqueue(self, kind: str, key: str, payload: Any = None, *, due: Any = None) -> bool:
        raise NotImplementedError

    async def next_number(self, sequence: str) -> int:
        raise NotImplementedError


class MemoryRepository:
    """The rows of one MemoryWorks."""

    def __init__(self, works: MemoryWorks) -> None:
        self._works = works

    @property
    def rows(self) -> Rows:
        return self._works.rows

    async def add_login(self, work: Work, login: Login) -> None:
        self.rows.logins[login.id] = login

    async def login(self, work: Work, state_hash: str) -> Login | None:
        found = (one for one in self.rows.logins.values() if one.state_hash == state_hash)
        return next(found, None)

    async def move_login(self, work: Work, login_id: str, old: LoginState, new: LoginState) -> bool:
        if self.rows.logins[login_id].status is not old:
            return False
        self.rows.logins[login_id] = replace(self.rows.logins[login_id], status=new)
        return True

    async def burn_ticket(self, work: Work, idp: str, ticket_mac: str, at: datetime) -> bool:
        if (idp, ticket_mac) in self.rows.tickets:
            return False
        self.rows.tickets[idp, ticket_mac] = at
        return True

    async def subject(
        self,
        work: Work,
        *,
        new_sub: str,
        idp: str,
        upstream_sub: str,
        user_type: UserType,
        id_number_index: str,
        at: datetime,
    ) -> str:
        key = (idp, upstream_sub, user_type)
        sub = self.rows.subjects.get(key, (new_sub, ""))[0]
        self.rows.subjects[key] = (sub, id_number_index)
        return sub

    async def proven(self, work: Work, sub: str, person_index: str, now: datetime) -> Ial:
        return Ial.SELF_ASSERTED

    async def add_session(self, work: Work, session: Session) -> None:
        self.rows.sessions[session.id] = session

    async def session_by_code(self, work: Work, code_hash: str) -> Session | None:
        found = (one for one in self.rows.sessions.values() if one.code_hash == code_hash)
        return next(found, None)

    async def session(self, work: Work, session_id: str) -> Session | None:
        return self.rows.sessions.get(session_id)

    async def session_by_token(self, work: Work, token_hash: str) -> Session | None:
        found = (one for one in self.rows.sessions.values() if one.token_hash == token_hash)
        return next(found, None)

    async def open_session(
        self, work: Work, session_id: str, token_hash: str, at: datetime, expires_at: datetime
    ) -> bool:
        session = self.rows.sessions[session_id]
        if session.status is not SessionState.AWAITING_CODE:
            return False
        self.rows.sessions[session_id] = replace(
            session,
            status=SessionState.ACTIVE,
            token_hash=token_hash,
            last_seen_at=at,
            expires_at=expires_at,
        )
        return True

    async def touch_session(self, work: Work, session_id: str, at: datetime) -> None:
        self.rows.sessions[session_id] = replace(self.rows.sessions[session_id], last_seen_at=at)

    async def end_session(self, work: Work, session_id: str) -> bool:
        session = self.rows.sessions[session_id]
        if session.status is not SessionState.ACTIVE:
            return False
        self.rows.sessions[session_id] = replace(
            session, status=SessionState.ENDED, principal=None, upstream=None
        )
        return True

    async def forget(
        self, work: Work, *, now: datetime, idle_since: datetime, old_before: datetime, limit: int
    ) -> int:
        raise NotImplementedError


@dataclass
class Desk:
    """A service and everything around it; walks through a login."""

    clock: FrozenClock = field(default_factory=lambda: FrozenClock(START))
    provider: FakeProvider = field(default_factory=FakeProvider)
    works: Any = field(default_factory=MemoryWorks)
    repository: Repository | None = None
    service: IdentityService = field(init=False)
    tickets: int = 0

    def __post_init__(self) -> None:
        self.repository = self.repository or MemoryRepository(self.works)
        self.service = self.another_process()

    def another_process(self, options: Options = OPTIONS) -> IdentityService:
        assert self.repository is not None
        providers: dict[str, IdentityProvider] = {"idp": self.provider}
        ids = RandomIds(self.clock)
        return IdentityService(
            providers, self.repository, self.works, self.clock, ids, keys(), options
        )

    async def begin(
        self,
        *,
        client_id: str = PORTAL,
        idp: str = "idp",
        user_type: UserType = UserType.NATURAL_PERSON,
        return_to: str = HOME,
        state: str = "portal-state",
        challenge: str = CHALLENGE,
    ) -> str:
        """Return the one-time state, which is the cookie's value too."""
        started = await self.service.begin_login(
            client_id, idp, user_type, return_to, state, challenge
        )
        callback = started.redirect_url.partition("back=")[2]
        state_in_path = callback.rpartition("/")[2]
        assert state_in_path == started.cookie_value
        return state_in_path

    async def finish(
        self,
        state: str,
        *,
        idp: str = "idp",
        cookie: str | None = None,
        ticket: str | None = None,
        params: list[tuple[str, str]] | None = None,
    ) -> dict[str, str]:
        """Return the query with which the browser goes back to the portal."""
        self.tickets += 1
        given = params or [("ticket", ticket or f"ST-{self.tickets}")]
        finished = await self.service.finish_login(idp, state, cookie or state, given)
        return dict(parse_qsl(urlsplit(finished.redirect_url).query))

    async def code(self, **begin: Any) -> str:
        return (await self.finish(await self.begin(**begin)))["code"]

    async def token(self, **begin: Any) -> str:
        code = await self.code(**begin)
        client_id = begin.get("client_id", PORTAL)
        return (await self.service.redeem(client_id, code, VERIFIER)).token

    def later(self, **by: float) -> None:
        self.clock.advance(timedelta(**by))


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
