"""Tokens: what it costs to find out whom an access token stands for, in CPU microseconds.

``python -m bench.tokens`` prints the table; ``figures()`` returns the same numbers.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table

from identity import (
    Authenticated,
    Client,
    ClientKind,
    Ial,
    IdentityKeys,
    IdType,
    Person,
    UserType,
    codec,
)
from identity.cache import VerifiedTokens
from identity.jose import SigningKey, open_proof, public_keys, verify_jwt
from identity.model import Aal, Profile, UpstreamSession
from identity.oauth.access import AccessVerifier
from identity.oauth.access_repository import SqlAccessRows
from identity.oauth.dpop import DpopVerifier
from identity.oauth.issuing import Issuer
from identity.oauth.keys import SigningKeys
from identity.oauth.model import Access
from identity.oauth.replay import Replays
from identity.oauth.repository import SqlOAuthRows
from identity.oauth.sessions import Sessions
from identity.opening import Opened, add_session
from identity.repository import SqlRepository
from identity.subjects import PairwiseSubjects
from kernel.clock import SystemClock
from kernel.crypto.fields import Algorithm, FieldCipher
from kernel.crypto.keys import KeyRing
from kernel.db.engine import Database
from kernel.db.work import SqlWorks
from kernel.gbcodes import make_citizen_id
from kernel.ids import RandomIds, random_bytes
from migrations.run import upgrade
from tests.support.postgres import running_server

CACHED: Final = 60.0
UNCACHED: Final = 300.0
"""CPU microseconds wanted for an opaque token."""
_ISSUER: Final = "https://gateway.example"
_AUDIENCE: Final = "urn:sd:gw:api"
_ROUNDS: Final = 9
_MANY, _FEW = 5_000, 200


@dataclass(frozen=True)
class Row:
    """One thing measured; ``best`` is the best round."""

    name: str
    median: float
    best: float
    wanted: float | None = None


@dataclass(frozen=True)
class Ground:
    """A database with one citizen signed in, and two tokens of that session."""

    works: SqlWorks
    short: SqlAccessRows
    rows: SqlOAuthRows
    cached: AccessVerifier
    fresh: AccessVerifier
    sealed: AccessVerifier
    """One that decrypts the profile anew each time."""
    key: SigningKey
    opaque: str
    signed: str


def _client(*, signed: bool) -> Authenticated:
    client = Client(
        client_id="bench",
        name="测量",
        org_uscc=None,
        kind=ClientKind.PORTAL,
        sector="bench",
        scopes=frozenset({"case.read"}),
    )
    return Authenticated(client, by_jwt=signed, jkt=None)


async def _ground(works: SqlWorks, clock: SystemClock, ids: RandomIds) -> Ground:
    cipher = FieldCipher(KeyRing({"k": random_bytes(32)}, "k"), Algorithm.SM4_GCM, random_bytes)
    secrets, rows = IdentityKeys(cipher, random_bytes(32)), SqlOAuthRows()
    short = SqlAccessRows(works.database)
    hour = timedelta(hours=1)
    keys = SigningKeys(rows, works, clock, cipher, life=hour, rotate_after=30 * 24 * hour)
    known = Sessions(rows, cipher, {}, hour, opened=1_000)
    unknown = Sessions(rows, cipher, {}, hour)
    issuer = Issuer(
        rows,
        keys,
        PairwiseSubjects(secrets.index_key),
        clock,
        ids,
        issuer=_ISSUER,
        audience=_AUDIENCE,
    )

    def verifier(seconds: int, sessions: Sessions) -> AccessVerifier:
        cache: VerifiedTokens[Access] = VerifiedTokens(clock, seconds=seconds, size=10_000)
        dpop = DpopVerifier(Replays(short), clock, secrets.index_key, nonces=False)
        return AccessVerifier(
            rows,
            short,
            works,
            clock,
            keys,
            sessions,
            dpop,
            cache,
            issuer=_ISSUER,
            audience=_AUDIENCE,
        )

    now = clock.now()
    made = Opened(
        session_id=ids.new("lgn"),
        client_id="bench",
        idp="bench",
        code_hash=ids.secret(),
        code_challenge="",
        code_life=hour,
        upstream=UpstreamSession(UserType.NATURAL_PERSON, "t"),
        profile=_profile(clock),
    )
    async with works.begin() as work:
        who = await add_session(work, SqlRepository(), ids, secrets, made, now)
        await rows.open_session(work, made.session_id, now, now + hour)
        found = []
        for signed in (False, True):
            caller = _client(signed=signed)
            grant = await issuer.grant(
                work,
                caller,
                sub=who.sub,
                session_id=made.session_id,
                scope="case.read",
                expires_at=now + hour,
            )
            answer = await issuer.answer(work, caller, grant, grant.scope, who)
            found.append(str(answer["access_token"]))
    key = SigningKey.generate()
    return Ground(
        works,
        short,
        rows,
        verifier(60, known),
        verifier(0, known),
        verifier(0, unknown),
        key,
        *found,
    )


def _profile(clock: SystemClock) -> Profile:
    number = make_citizen_id("370102", date(1990, 1, 1), 1)
    return Profile(
        upstream_sub="bench-1",
        user_type=UserType.NATURAL_PERSON,
        person=Person(name="测试", id_type=IdType.RESIDENT_ID, id_number=number),
        ial=Ial.REAL_PERSON,
        aal=Aal.SINGLE_FACTOR,
        amr=("pwd",),
        auth_time=clock.now(),
    )


async def _timed(
    name: str, act: Callable[[], Awaitable[object]], count: int, wanted: float | None = None
) -> Row:
    await act()
    rounds = []
    for _ in range(_ROUNDS):
        begun = time.process_time()
        for _ in range(count):
            await act()
        rounds.append((time.process_time() - begun) / count * 1e6)
    return Row(name, median(rounds), min(rounds), wanted)


async def _measured(url: str, *, alone: bool) -> list[Row]:
    await upgrade(url)
    clock = SystemClock()
    ids = RandomIds(clock)
    database = Database(url, durable=False)
    try:
        on = await _ground(SqlWorks(database, clock, ids), clock, ids)
        stored = await _stored(on, clock, ids, database.dialect)
        return [*(await _in_memory(on, clock) if alone else ()), *stored]
    finally:
        await database.dispose()


async def _through(verifier: AccessVerifier, token: str) -> None:
    await verifier.authenticate("bearer", token, (), "GET", f"{_ISSUER}/v1/me")


async def _stored(on: Ground, clock: SystemClock, ids: RandomIds, where: str) -> list[Row]:
    token_hash = codec.hashed(on.opaque)

    async def statement() -> None:
        await on.short.find(token_hash)

    async def unit() -> None:
        async with on.works.read() as work:
            await on.rows.token(work, token_hash)

    async def burned() -> None:
        await on.short.burn_jti("bench", ids.secret(), clock.now())

    return [
        await _timed(
            f"opaque, uncached, {where}", lambda: _through(on.fresh, on.opaque), _FEW, UNCACHED
        ),
        await _timed(
            "  with the profile decrypted anew",
            lambda: _through(on.sealed, on.opaque),
            _FEW,
            UNCACHED,
        ),
        await _timed("  of it the one statement", statement, _FEW),
        await _timed("  the same row by a unit of work", unit, _FEW),
        await _timed(f"signed, uncached, {where}", lambda: _through(on.fresh, on.signed), _FEW),
        await _timed(f"id of a proof used up, {where}", burned, _FEW),
    ]


async def _in_memory(on: Ground, clock: SystemClock) -> list[Row]:
    now, keys = clock.now(), public_keys({"keys": [on.key.public()]})
    at = int(now.timestamp())
    told = {"iss": "a", "aud": "b", "sub": "c", "jti": "d", "iat": at, "exp": at + 300}
    token = on.key.sign(told, typ="at+jwt")
    proof = on.key.sign({"htm": "GET", "iat": at, "jti": "x"}, typ="dpop+jwt", embed=True)

    async def verified() -> None:
        long = timedelta(hours=1)
        verify_jwt(token, keys=keys, iss="a", aud="b", typ="at+jwt", now=now, longest=long)

    async def proved() -> None:
        open_proof(proof, typ="dpop+jwt")

    return [
        await _timed("opaque, cached", lambda: _through(on.cached, on.opaque), _MANY, CACHED),
        await _timed("signed, cached", lambda: _through(on.cached, on.signed), _MANY, CACHED),
        await _timed("verify_jwt ES256 alone", verified, _FEW),
        await _timed("proof of possession alone", proved, _FEW),
    ]


def figures() -> list[Row]:
    """Measure everything, on SQLite and on a PostgreSQL of its own."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'tokens.db'}"
        rows = asyncio.run(_measured(url, alone=True))
    with running_server() as server:
        server.psql("CREATE DATABASE tokens")
        return [*rows, *asyncio.run(_measured(server.url("tokens"), alone=False))]


def main() -> int:
    """Print the table."""
    table = Table(title="Access tokens, CPU µs each, database thread included")
    for column in ("what", "median", "best", "at most"):
        table.add_column(column)
    for row in figures():
        verdict = "ok" if row.wanted is None or row.median <= row.wanted else "NOT MET"
        wanted = "" if row.wanted is None else f"{row.wanted:.0f} {verdict}"
        table.add_row(row.name, f"{row.median:.1f}", f"{row.best:.1f}", wanted)
    Console(width=100).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
