"""Members of staff (工作人员): accounts, credentials, sessions, roles and who may hold which."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from identity.model import StaffMember, StaffRole

_LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._-]{2,31}")
_LONGEST_LOGIN: Final = 64


class StaffKind(StrEnum):
    """三权分立: of these a person has one at a time, so nobody holds rights of two of them."""

    NONE = "NONE"
    """An account without any right."""
    SYSTEM = "SYSTEM"
    """系统管理: accounts and configuration."""
    SECURITY = "SECURITY"
    """安全管理: roles and unlocking."""
    AUDIT = "AUDIT"
    """安全审计: the audit trail and nothing else."""
    BUSINESS = "BUSINESS"
    """业务: everything else, in any combination."""


_ADMINS: Final[Mapping[StaffRole, StaffKind]] = {
    StaffRole.SYSTEM_ADMIN: StaffKind.SYSTEM,
    StaffRole.SECURITY_ADMIN: StaffKind.SECURITY,
    StaffRole.AUDIT_ADMIN: StaffKind.AUDIT,
}
BUSINESS_ROLES: Final = tuple(role for role in StaffRole if role not in _ADMINS)
"""Roles that work with cases, money or upstreams; no administrator is among them."""


def kind_of(role: StaffRole) -> StaffKind:
    """Return the power that a role belongs to."""
    return _ADMINS.get(role, StaffKind.BUSINESS)


class RequestAct(StrEnum):
    """What two people change together."""

    GRANT = "GRANT"
    REVOKE = "REVOKE"
    RESET = "RESET"
    """Let an account with rights begin anew, with a new password and second factor."""


class RequestState(StrEnum):
    """Where one change stands."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REFUSED = "REFUSED"
    USED = "USED"
    """A reset that was carried out."""


class StaffSessionState(StrEnum):
    """Where one sign-in stands."""

    PENDING = "PENDING"
    """The password was right; the second factor is missing."""
    ACTIVE = "ACTIVE"
    ENDED = "ENDED"


class FactorMethod(StrEnum):
    """第二因素."""

    TOTP = "TOTP"
    RECOVERY_CODE = "RECOVERY_CODE"
    CERTIFICATE = "CERTIFICATE"
    """A client certificate that the trusted proxy in front has checked."""


@dataclass(frozen=True)
class Account:
    """账号. ``id`` is the number of the member (工号) and what is typed to sign in."""

    id: str
    name: str
    kind: StaffKind
    active: bool
    created_at: datetime


@dataclass(frozen=True)
class Credential:
    """How a member proves who it is. Times are aware UTC."""

    staff_id: str
    password: str | None = field(repr=False)
    password_at: datetime
    must_change: bool
    previous: tuple[str, ...] = field(repr=False)
    totp: bytes | None = field(repr=False)
    totp_step: int
    certificate: str | None
    locked: bool
    awake_at: datetime
    """Last sign-in, else when the account was made or unlocked."""


@dataclass(frozen=True)
class StaffSession:
    """One sign-in of a member of staff; only the hash of its secret is kept."""

    id: str
    sid_hash: str
    staff_id: str
    status: StaffSessionState
    amr: str
    pending: bytes | None = field(repr=False)
    """The TOTP secret that is being enrolled, encrypted."""
    src_ip: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Grant:
    """岗位授权: one role of one person, where it holds."""

    id: str
    staff_id: str
    role: StaffRole
    department: str
    region: str
    granted_at: datetime
    mac: str = field(default="", repr=False)

    @property
    def kind(self) -> StaffKind:
        """Return the power that its role belongs to."""
        return kind_of(self.role)

    def signed_text(self) -> bytes:
        """Return the bytes under its MAC."""
        parts = (self.id, self.staff_id, self.role.value, self.department, self.region)
        return "\n".join(parts).encode()


@dataclass(frozen=True)
class RoleRequest:
    """岗位变更申请: asked for by one person, decided by another, never about either of them."""

    id: str
    act: RequestAct
    staff_id: str
    role: str
    """Empty for RESET."""
    department: str
    region: str
    reason: str
    status: RequestState
    requested_by: str
    requested_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True)
class Identified:
    """Who called, in every role that it holds."""

    account: Account
    members: tuple[StaffMember, ...]
    session: StaffSession | None = None
    password_due: bool = False
    """The password must be changed before anything else."""


@dataclass(frozen=True)
class PasswordAccepted:
    """The first step went well."""

    challenge: str = field(repr=False)
    expires_at: datetime
    methods: tuple[FactorMethod, ...]
    enrol: str | None = field(default=None, repr=False)
    """``otpauth://`` address to scan when no second factor is set up yet."""


@dataclass(frozen=True)
class SignedIn:
    """A session, its secret, and recovery codes when a second factor was just set up."""

    sid: str = field(repr=False)
    session: StaffSession
    password_due: bool
    recovery_codes: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Activation:
    """A password for one sign-in, shown once."""

    staff_id: str
    password: str = field(repr=False)
    expires_at: datetime


def normalised(login: str) -> str:
    """Return how a typed login name is looked up and counted: NFKC, no blanks, folded case.

    What looks the same to a person is the same here, so no spelling gets fresh tries.
    """
    folded = unicodedata.normalize("NFKC", login[:_LONGEST_LOGIN]).casefold()
    return "".join(
        letter
        for letter in folded
        if not letter.isspace() and unicodedata.category(letter) not in {"Cf", "Cc", "Mn"}
    )


def is_login(text: str) -> bool:
    """Whether a text may be the number of an account."""
    return _LOGIN.fullmatch(text) is not None
