"""Signing in of staff: a password, then a second factor, then a session with two time limits."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Final

from identity.codec import hashed
from identity.model import is_secret
from identity.staff import totp
from identity.staff.errors import LoginFailed, SecondFactorNeeded
from identity.staff.ground import Hasher, StaffGround, staff_actor
from identity.staff.model import (
    Account,
    Credential,
    FactorMethod,
    PasswordAccepted,
    SignedIn,
    StaffSession,
    StaffSessionState,
    is_login,
    normalised,
)
from identity.staff.states import STAFF_SESSION
from identity.staff.tries import Tries
from kernel.audit import Category, Result
from kernel.crypto import sm3
from kernel.crypto.fields import Place
from kernel.work import Move, Work

_RECOVERY_CODES: Final = 10
_RECOVERY_BYTES: Final = 10
_TOTP_PLACE: Final = ("identity_staff_credential", "totp")
_PENDING_PLACE: Final = ("identity_staff_session", "pending")
_MOST_PASSWORD: Final = 1024


class StaffLogin:
    """工作人员登录. Outside every failure looks the same; the audit trail knows the reason."""

    def __init__(self, ground: StaffGround, hasher: Hasher) -> None:
        self._ground = ground
        self._hasher = hasher
        self._tries = Tries(ground)

    async def begin(self, login: str, password: str, src_ip: str) -> PasswordAccepted:
        """Take name and password; return the challenge for the second factor.

        Raises LoginLocked, LoginFailed.
        """
        await self._tries.count(login, src_ip)
        ground = self._ground
        account, credential = await self._found(normalised(login))
        stored = None if credential is None else credential.password
        right = await self._hasher.matches(password[:_MOST_PASSWORD], stored)
        refusal = self._refusal(account, credential, right=right)
        if account is None or credential is None or stored is None or refusal:
            await self._refuse(account, refusal or "unknown_name")
            raise LoginFailed
        again = None if self._hasher.is_current(stored) else await self._hasher.make(password)
        await self._tries.take_back(login, src_ip)
        async with ground.works.begin() as work:
            if again is not None:
                await ground.rows.change_credential(work, account.id, password=again)
            accepted = await self._challenge(work, credential, src_ip)
            await ground.note(work, "staff.password", staff_actor(account.id), about=account.id)
        return accepted

    async def _found(self, login: str) -> tuple[Account | None, Credential | None]:
        if not is_login(login):
            return None, None
        async with self._ground.works.read() as work:
            account = await self._ground.rows.account(work, login)
            return account, await self._ground.rows.credential(work, login)

    def _refusal(
        self, account: Account | None, credential: Credential | None, *, right: bool
    ) -> str | None:
        """Return why this password does not open this account; None when it does."""
        if account is None or credential is None:
            return "unknown_name"
        if not right:
            return "wrong_password"
        if not account.active:
            return "inactive"
        if credential.locked:
            return "locked"
        now, options = self._ground.clock.now(), self._ground.options
        if now - credential.awake_at >= timedelta(days=options.dormant_days):
            return "dormant"
        life = timedelta(seconds=options.activation_seconds)
        if credential.must_change and now - credential.password_at >= life:
            return "activation_over"
        return None

    async def _refuse(self, account: Account | None, reason: str) -> None:
        ground = self._ground
        async with ground.works.begin() as work:
            if account is not None and reason == "dormant":
                await ground.rows.change_credential(work, account.id, locked=True)
            # What was typed as a name may be a password: it is not noted.
            await ground.note(
                work,
                "staff.login",
                "unknown" if account is None else staff_actor(account.id),
                category=Category.SECURITY,
                result=Result.DENIED,
                reason=reason,
                about="" if account is None else account.id,
            )

    async def _challenge(self, work: Work, credential: Credential, src_ip: str) -> PasswordAccepted:
        ground = self._ground
        now = ground.clock.now()
        secret, session_id = ground.ids.secret(), ground.ids.new("sts")
        methods = [FactorMethod.CERTIFICATE] if credential.certificate else []
        pending = enrol = None
        if credential.totp is not None:
            methods += [FactorMethod.TOTP, FactorMethod.RECOVERY_CODE]
        elif not methods:
            methods = [FactorMethod.TOTP]
            fresh = ground.entropy(totp.SECRET_BYTES)
            pending = ground.cipher.encrypt(fresh.hex(), Place(*_PENDING_PLACE, session_id))
            enrol = totp.enrolment(fresh, credential.staff_id)
        ends = now + timedelta(seconds=ground.options.challenge_seconds)
        session = StaffSession(
            id=session_id,
            sid_hash=hashed(secret),
            staff_id=credential.staff_id,
            status=STAFF_SESSION.initial,
            amr="pwd",
            pending=pending,
            src_ip=src_ip,
            created_at=now,
            last_seen_at=now,
            expires_at=ends,
        )
        await ground.rows.add_session(work, session)
        return PasswordAccepted(secret, ends, tuple(methods), enrol)

    async def finish(
        self,
        challenge: str,
        method: FactorMethod,
        code: str,
        certificate: str | None,
        src_ip: str,
    ) -> SignedIn:
        """Take the second factor; return a session under a new secret.

        ``certificate`` is the fingerprint that the trusted proxy handed over, if it did. Raises
        LoginLocked, SecondFactorNeeded, LoginFailed.
        """
        ground = self._ground
        async with ground.works.read() as work:
            session = (
                await ground.rows.session(work, hashed(challenge)) if is_secret(challenge) else None
            )
        await self._tries.count(None if session is None else session.staff_id, src_ip)
        now = ground.clock.now()
        if (
            session is None
            or session.status is not StaffSessionState.PENDING
            or now >= session.expires_at
        ):
            raise SecondFactorNeeded("no such challenge, or not any more")
        async with ground.works.begin() as work:
            # Locked, so that a deactivation at the same time comes before or behind.
            account = await ground.rows.account(work, session.staff_id, lock=True)
            reason = "inactive" if account is None or not account.active else None
            reason = reason or await self._prove(work, session, method, code, certificate)
            if reason is None:
                return await self._open(work, session, method)
        await self._refuse(account, reason)
        raise LoginFailed

    async def _prove(
        self,
        work: Work,
        session: StaffSession,
        method: FactorMethod,
        code: str,
        certificate: str | None,
    ) -> str | None:
        """Use the second factor up; return why it is none."""
        ground, staff_id = self._ground, session.staff_id
        credential = await ground.rows.credential(work, staff_id)
        if credential is None or credential.locked:
            return "locked"
        if method is FactorMethod.CERTIFICATE:
            known = credential.certificate
            given = certificate or ""
            right = known is not None and sm3.same(known.encode(), given.encode())
            return None if right else "certificate_wrong"
        if method is FactorMethod.RECOVERY_CODE:
            digest = hashed(code.replace("-", "").upper())
            spent = await ground.rows.spend_recovery_code(work, staff_id, digest)
            return None if spent else "recovery_code_wrong"
        secret = self._totp_secret(session, credential)
        if secret is None:
            return "code_wrong"
        steps = list(totp.accepted(secret, code, ground.clock.now()))
        for step in steps:
            if await ground.rows.spend_step(work, staff_id, step):
                return None
        return "code_replayed" if steps else "code_wrong"

    def _totp_secret(self, session: StaffSession, credential: Credential) -> bytes | None:
        cipher = self._ground.cipher
        if credential.totp is not None:
            place = Place(*_TOTP_PLACE, credential.staff_id)
            return bytes.fromhex(cipher.decrypt(credential.totp, place))
        if session.pending is not None:
            place = Place(*_PENDING_PLACE, session.id)
            return bytes.fromhex(cipher.decrypt(session.pending, place))
        return None

    async def _open(self, work: Work, session: StaffSession, method: FactorMethod) -> SignedIn:
        ground = self._ground
        now, sid = ground.clock.now(), ground.ids.secret()
        opened = StaffSession(
            id=session.id,
            sid_hash=hashed(sid),
            staff_id=session.staff_id,
            status=StaffSessionState.ACTIVE,
            amr=f"pwd {method.value.lower()}",
            pending=None,
            src_ip=session.src_ip,
            created_at=now,
            last_seen_at=now,
            expires_at=now + timedelta(seconds=ground.options.absolute_seconds),
        )
        changes = {
            name: getattr(opened, name)
            for name in ("sid_hash", "amr", "created_at", "last_seen_at", "expires_at")
        }
        if not await ground.rows.move_session(
            work, session.id, StaffSessionState.PENDING, StaffSessionState.ACTIVE, **changes
        ):
            raise SecondFactorNeeded("the challenge was used already")
        codes: tuple[str, ...] = ()
        if session.pending is not None and method is FactorMethod.TOTP:
            codes = await self._enrol(work, session)
        await ground.rows.change_credential(work, session.staff_id, awake_at=now)
        await ground.rows.forget_tries(work, self._tries.name_key(session.staff_id))
        await self._tell(work, opened)
        credential = await ground.rows.credential(work, session.staff_id)
        due = credential is None or password_due(ground, credential)
        return SignedIn(sid, opened, due, codes)

    async def _enrol(self, work: Work, session: StaffSession) -> tuple[str, ...]:
        """Keep the second factor that was just proved; return fresh recovery codes."""
        ground, staff_id = self._ground, session.staff_id
        if session.pending is None:
            return ()
        secret = ground.cipher.decrypt(session.pending, Place(*_PENDING_PLACE, session.id))
        kept = ground.cipher.encrypt(secret, Place(*_TOTP_PLACE, staff_id))
        codes = [
            base64.b32encode(ground.entropy(_RECOVERY_BYTES)).decode("ascii")
            for _ in range(_RECOVERY_CODES)
        ]
        await ground.rows.change_credential(work, staff_id, totp=kept)
        await ground.rows.set_recovery_codes(work, staff_id, [hashed(one) for one in codes])
        await ground.note(
            work,
            "staff.factor_enrolled",
            staff_actor(staff_id),
            category=Category.SECURITY,
            about=staff_id,
        )
        return tuple("-".join((one[:4], one[4:8], one[8:12], one[12:])) for one in codes)

    async def _tell(self, work: Work, session: StaffSession) -> None:
        actor = staff_actor(session.staff_id)
        old, new = StaffSessionState.PENDING, StaffSessionState.ACTIVE
        event = STAFF_SESSION.event(old, new)
        await work.moved(Move(STAFF_SESSION.name, session.id, old, new, event, session.id, actor))
        await self._ground.note(work, "staff.login", actor, about=session.staff_id, new=session.amr)


def password_due(ground: StaffGround, credential: Credential) -> bool:
    """Whether a password must be changed before anything else."""
    days = ground.options.expiry_days
    age = ground.clock.now() - credential.password_at
    return credential.must_change or (days > 0 and age >= timedelta(days=days))
