"""Services of staff on a test's database, with cheap password hashes, and a member's pocket."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from identity import FactorMethod, Identified, StaffMember, StaffOptions, StaffRole, StaffServices
from identity.staff import totp
from identity.staff.ground import StaffGround
from identity.staff.model import PasswordAccepted, SignedIn
from identity.staff.repository import SqlStaffRows
from kernel.clock import FrozenClock
from kernel.crypto.fields import Algorithm, FieldCipher
from kernel.crypto.keys import KeyRing
from kernel.db.audit import SqlAuditTrail
from kernel.db.work import SqlWorks
from kernel.ids import RandomIds, random_bytes

CHEAP = StaffOptions(hash_rounds=1)
HOME = "192.0.2.10"
DEPARTMENT = "11370102MB9000066L"
REGION = "370102"


def secret_of(enrol: str) -> bytes:
    """Return the TOTP secret in the address that an app would scan."""
    text = parse_qs(urlsplit(enrol).query)["secret"][0]
    return base64.b32decode(text + "=" * (-len(text) % 8))


@dataclass
class Pocket:
    """What a member of staff carries."""

    staff_id: str
    password: str
    secret: bytes = b""
    recovery: tuple[str, ...] = ()
    sid: str = field(default="", repr=False)


class StaffDesk:
    """The services of staff and what tests do with them all day."""

    def __init__(self, works: SqlWorks, clock: FrozenClock, **options: Any) -> None:
        self.works = works
        self.clock = clock
        self.ground = StaffGround(
            rows=SqlStaffRows(),
            works=works,
            clock=clock,
            ids=RandomIds(clock),
            cipher=FieldCipher(
                KeyRing({"k1": bytes(range(32))}, "k1"), Algorithm.SM4_GCM, random_bytes
            ),
            seal_key=b"seal key of thirty-two bytes ...",
            entropy=random_bytes,
            audit=SqlAuditTrail(),
            options=CHEAP.model_copy(update=options),
        )
        self.staff = StaffServices(self.ground, token_seconds=28_800)

    def later(self, **by: int) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(**by))

    async def person(
        self, staff_id: str, role: StaffRole | None = None, password: str = "Correct-Horse-7"
    ) -> Pocket:
        """Return a member who signed in for the first time and chose a password."""
        accounts = self.staff.accounts
        await accounts.create("system", staff_id, "测试员")
        given = await accounts.activate("system", staff_id)
        if role is not None:
            admin = role.value.endswith("ADMIN")
            where = ("", "") if admin else (DEPARTMENT, REGION)
            await accounts.provision(StaffMember(staff_id, "测试员", role, *where))
        pocket = Pocket(staff_id, given.password)
        opened = await self.sign_in(pocket)
        who = await self.identify(opened.sid)
        await self.staff.sessions.change_password(who, given.password, password, HOME)
        pocket.password = password
        self.later(minutes=2)
        return pocket

    async def begin(self, pocket: Pocket, src_ip: str = HOME) -> PasswordAccepted:
        """Take the first step."""
        return await self.staff.login.begin(pocket.staff_id, pocket.password, src_ip)

    def code(self, pocket: Pocket) -> str:
        """Return what the app shows now."""
        return totp.code(pocket.secret, totp.step_of(self.clock.now()))

    async def finish(
        self,
        challenge: str,
        code: str,
        method: FactorMethod = FactorMethod.TOTP,
        *,
        certificate: str | None = None,
        src_ip: str = HOME,
    ) -> SignedIn:
        """Take the second step."""
        return await self.staff.login.finish(challenge, method, code, certificate, src_ip)

    async def sign_in(self, pocket: Pocket) -> SignedIn:
        """Take both steps, setting the second factor up when it is not."""
        accepted = await self.begin(pocket)
        if accepted.enrol is not None:
            pocket.secret = secret_of(accepted.enrol)
        opened = await self.finish(accepted.challenge, self.code(pocket))
        pocket.sid = opened.sid
        pocket.recovery = opened.recovery_codes or pocket.recovery
        return opened

    async def identify(self, sid: str) -> Identified:
        """Return who holds a session."""
        return await self.staff.sessions.identify(sid)
