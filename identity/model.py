"""Who somebody is: principals of the province's identity system, sessions at the gateway, and
staff.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Final

MAX_TICKET: Final = 512
"""Longest ticket that is looked at, in characters."""

_TICKET: Final = re.compile(rf"[A-Za-z0-9._-]{{1,{MAX_TICKET}}}")
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_PORTAL_STATE: Final = re.compile(r"[\x21-\x7e]{1,512}")


class UserType(StrEnum):
    """用户类型: whom the login page asks for."""

    NATURAL_PERSON = "NATURAL_PERSON"
    """自然人."""
    LEGAL_PERSON = "LEGAL_PERSON"
    """法人: an organisation, with the human who acts for it at the keyboard."""


class ActingRole(StrEnum):
    """账号角色: as what a person acts for an organisation."""

    OPERATOR = "OPERATOR"
    """经办人."""
    ORG_ADMIN = "ORG_ADMIN"
    """管理员."""
    LEGAL_REP = "LEGAL_REP"
    """法定代表人."""


class IdType(StrEnum):
    """证件类型."""

    RESIDENT_ID = "RESIDENT_ID"
    """居民身份证."""
    HK_MACAO_PERMIT = "HK_MACAO_PERMIT"
    """港澳居民来往内地通行证."""
    TAIWAN_PERMIT = "TAIWAN_PERMIT"
    """台湾居民来往大陆通行证."""
    FOREIGN_PERMANENT = "FOREIGN_PERMANENT"
    """外国人永久居留身份证."""


class Ial(IntEnum):
    """实名等级: how well the province proved who the person is. It says nothing about
    this login.
    """

    SELF_ASSERTED = 0
    MATCHED = 1
    """Name and number matched against the population base (二要素)."""
    THIRD_FACTOR = 2
    """And the mobile operator or a bank card (三、四要素)."""
    REAL_PERSON = 3
    """And a live face compared with the photograph (实人)."""
    IN_PERSON = 4
    """At a window, by certificate or by electronic business licence."""


class Aal(IntEnum):
    """认证强度: how strong this login was."""

    NONE = 0
    SINGLE_FACTOR = 1
    TWO_FACTORS = 2
    HARDWARE = 3


UNKNOWN_METHOD: Final = "unknown"
"""The ``amr`` of an upstream that does not say how somebody logged in; worth one factor and no
more.
"""


class StaffRole(StrEnum):
    """工作人员岗位."""

    CLERK = "CLERK"
    """受理人员."""
    APPROVER = "APPROVER"
    """审批人员."""
    DEPARTMENT = "DEPARTMENT"
    """部门人员."""
    OPS = "OPS"
    """运维人员."""
    AUDITOR = "AUDITOR"
    """审计人员."""
    FINANCE = "FINANCE"
    """财务人员."""
    SYSTEM_ADMIN = "SYSTEM_ADMIN"
    """系统管理员: accounts and configuration, no roles."""
    SECURITY_ADMIN = "SECURITY_ADMIN"
    """安全管理员: roles and unlocking, no accounts and no business data."""
    AUDIT_ADMIN = "AUDIT_ADMIN"
    """安全审计员: the audit trail and nothing else."""


class LoginState(StrEnum):
    """Where one login stands. Its time limit is not a state: an old login is simply
    not accepted.
    """

    STARTED = "STARTED"
    EXCHANGING = "EXCHANGING"
    """The ticket came back and is being exchanged; nobody else may use this login."""
    COMPLETED = "COMPLETED"
    REFUSED = "REFUSED"


class SessionState(StrEnum):
    """Where one session stands."""

    AWAITING_CODE = "AWAITING_CODE"
    """The portal holds a one-time code that it has not redeemed yet."""
    ACTIVE = "ACTIVE"
    ENDED = "ENDED"


class PortalKind(StrEnum):
    """接入端类型: what kind of front end a registered portal is."""

    WEB = "WEB"
    APP = "APP"
    MINI_PROGRAM = "MINI_PROGRAM"
    TERMINAL = "TERMINAL"


@dataclass(frozen=True, kw_only=True)
class Person:
    """自然人. Its repr shows nothing personal."""

    name: str = field(repr=False)
    id_type: IdType
    id_number: str = field(repr=False)
    mobile: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Org:
    """法人. The legal representative's data are personal and not in the repr."""

    name: str
    uscc: str
    """统一社会信用代码, 18 characters (GB 32100-2015)."""
    org_type: str | None = None
    legal_rep_name: str | None = field(default=None, repr=False)
    legal_rep_id_type: IdType | None = None
    legal_rep_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What an identity provider says about one login. ``person`` is the human at the keyboard,
    always.

    ``org`` and ``acting_role`` are there exactly when ``user_type`` is LEGAL_PERSON.
    ``upstream_sub`` is the provider's stable id of the account and never an id number;
    ``auth_time`` is aware UTC.
    """

    upstream_sub: str
    user_type: UserType
    person: Person
    org: Org | None = None
    acting_role: ActingRole | None = None
    ial: Ial
    aal: Aal
    amr: tuple[str, ...]
    auth_time: datetime

    def __post_init__(self) -> None:
        legal = self.user_type is UserType.LEGAL_PERSON
        if legal != (self.org is not None) or legal != (self.acting_role is not None):
            raise ValueError("organisation and acting role belong to a legal person, both of them")


@dataclass(frozen=True, kw_only=True)
class Principal(Profile):
    """用户主体: a profile under the gateway's own subject id, which is the owner key of everything
    a user has.

    ``sub`` starts with P for a natural person and with C for an organisation's account; it is
    stable for one account at one provider (``idp``).
    """

    sub: str
    idp: str
    session_id: str = ""
    """Id of the session's row; a step-up raises it."""
    client_id: str = ""
    """Through which portal it signed in."""


@dataclass(frozen=True)
class UpstreamSession:
    """A login at the provider. ``token`` is its secret: stored encrypted, used by the
    server only.
    """

    user_type: UserType
    token: str = field(repr=False)


@dataclass(frozen=True)
class Login:
    """一次登录: from the redirect to the province until its ticket comes back."""

    id: str
    state_hash: str
    client_id: str
    idp: str
    user_type: UserType
    return_to: str
    portal_state: str
    code_challenge: str
    status: LoginState
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Session:
    """网关会话. It waits for its code to be redeemed, then lives until logout, idleness or its
    absolute end.

    ``id`` is that of the login it came from. ``principal`` and ``upstream`` are encrypted JSON,
    bound to this row.
    """

    id: str
    sub: str
    client_id: str
    idp: str
    status: SessionState
    code_hash: str
    code_challenge: str
    code_expires_at: datetime
    principal: bytes | None = field(repr=False)
    upstream: bytes | None = field(repr=False)
    created_at: datetime
    token_hash: str | None = None
    last_seen_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class StaffMember:
    """工作人员. ``department`` is the credit code of the department, ``region`` six digits."""

    id: str
    name: str
    role: StaffRole
    department: str
    region: str
    active: bool = True


@dataclass(frozen=True)
class StaffToken:
    """One issued token of a member of staff; only its hash is kept."""

    token_hash: str
    staff_id: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True)
class LoginStarted:
    """Where to send the browser, and what to set as the one-time login cookie."""

    redirect_url: str
    cookie_value: str = field(repr=False)


@dataclass(frozen=True)
class LoginFinished:
    """Where to send the browser after the province let it back: the portal, with a
    one-time code.
    """

    redirect_url: str = field(repr=False)


@dataclass(frozen=True)
class IssuedToken:
    """An opaque access token and whom it stands for; ``expires_at`` is its absolute end."""

    token: str = field(repr=False)
    expires_at: datetime
    principal: Principal


def is_ticket(value: str) -> bool:
    """Whether a text may be a ticket at all: 1 to 512 letters, digits, dots,
    dashes, underscores.
    """
    return _TICKET.fullmatch(value) is not None


def is_secret(value: str) -> bool:
    """Whether a text has the shape of a secret that this gateway made (43 characters
    of base64url).
    """
    return _SECRET.fullmatch(value) is not None


def is_portal_state(value: str) -> bool:
    """Whether a text may be a portal's ``state``: 1 to 512 visible ASCII characters (RFC 6749,
    A.5).
    """
    return _PORTAL_STATE.fullmatch(value) is not None


def is_challenge(value: str) -> bool:
    """Whether a text has the shape of an S256 code challenge (RFC 7636, 4.2)."""
    return _SECRET.fullmatch(value) is not None


def proves(verifier: str, challenge: str) -> bool:
    """Whether ``verifier`` is the secret behind an S256 ``challenge`` (RFC 7636, 4.6)."""
    if _VERIFIER.fullmatch(verifier) is None:
        return False
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
    return hmac.compare_digest(made, challenge)


def principal_from(sub: str, idp: str, profile: Profile, session_id: str = "") -> Principal:
    """Return the principal of a profile under the gateway's subject id."""
    return Principal(
        sub=sub,
        idp=idp,
        session_id=session_id,
        upstream_sub=profile.upstream_sub,
        user_type=profile.user_type,
        person=profile.person,
        org=profile.org,
        acting_role=profile.acting_role,
        ial=profile.ial,
        aal=profile.aal,
        amr=profile.amr,
        auth_time=profile.auth_time,
    )
