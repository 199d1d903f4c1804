"""What a client is: who runs it, what it may ask for, from where, and with which keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from identity.model import PortalKind
from kernel.divisions import within

MAX_KEYS: Final = 2
"""Keys of one kind that a client may have active at once: the old and the new one (轮换)."""
SHORTEST_SECRET: Final = 32
"""Fewest bytes of an HMAC secret."""


class ClientKind(StrEnum):
    """接入应用类型: what kind of program calls."""

    PORTAL = "portal"
    """门户: a front end that signs citizens in."""
    MOBILE_BACKEND = "mobile_backend"
    """移动端后台: the server behind an app."""
    DEPT_SYSTEM = "dept_system"
    """部门业务系统."""
    OPS = "ops"
    """运维系统."""


MACHINES: Final = frozenset({ClientKind.MOBILE_BACKEND, ClientKind.DEPT_SYSTEM})
"""Kinds that have nobody at a browser: each of their requests is signed."""


class CryptoProfile(StrEnum):
    """密码应用方案: which algorithms may carry the client's identity."""

    INTL = "intl"
    GM = "gm"
    DUAL = "dual"


class RateClass(StrEnum):
    """流量等级; how much each one is stands in the settings."""

    SMALL = "small"
    STANDARD = "standard"
    LARGE = "large"


class ClientStatus(StrEnum):
    """Whether a client may call."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    """停用: for the time being."""
    CLOSED = "CLOSED"
    """注销: for good."""


class KeyKind(StrEnum):
    """What a key can do."""

    HMAC = "hmac"
    """A shared secret."""
    SM2 = "sm2"
    """The public half of the client's own pair: what it signs, it cannot deny (不可否认)."""


class KeyStatus(StrEnum):
    """Whether a key may sign."""

    ACTIVE = "ACTIVE"
    RETIRED = "RETIRED"
    """Taken away by people."""
    EXPIRED = "EXPIRED"
    """Past its days; no request with it was accepted since."""


SCOPES: Final = frozenset(
    {
        *("openid", "profile", "identity", "offline_access"),
        *("item.read", "case.read", "case.write", "case.submit", "case.review", "material.write"),
        *("licence.query", "licence.use", "seal.sign", "pay.create", "pay.read"),
        *("mandate.write", "event.read", "webhook.manage", "delivery.receipt"),
        *("ops.adapter.read", "ops.adapter.write", "audit.read"),
    }
)
"""Everything that a client can be permitted (授权范围)."""
SM2_ONLY: Final = frozenset(
    {"seal.sign", "pay.create", "pay.read", "delivery.receipt", "case.review"}
)
"""What only an SM2 signature may ask for, since the client must not be able to deny it."""


@dataclass(frozen=True, kw_only=True)
class ClientKey:
    """One key of a client. ``key_id`` is the AppKey that requests name."""

    key_id: str
    client_id: str
    kind: KeyKind
    secret: bytes | None = field(default=None, repr=False)
    """Of an HMAC key only; decrypted."""
    public_key: str | None = None
    """Of an SM2 key only: PEM."""
    status: KeyStatus
    created_at: datetime
    expires_at: datetime

    def usable(self, now: datetime) -> bool:
        """Whether a request of this moment may be signed with it."""
        return self.status is KeyStatus.ACTIVE and now < self.expires_at


@dataclass(frozen=True, kw_only=True)
class Client:
    """接入应用, as it is registered. An empty ``ip_cidrs`` or ``region_codes`` limits nothing."""

    client_id: str
    name: str
    org_uscc: str | None
    """统一社会信用代码 of who runs it; for a department's system also what it may see."""
    kind: ClientKind
    channel: PortalKind = PortalKind.WEB
    status: ClientStatus = ClientStatus.ACTIVE
    profile: CryptoProfile = CryptoProfile.DUAL
    rate_class: RateClass = RateClass.STANDARD
    sector: str
    """Which clients know one citizen under the same pairwise subject: those of one sector."""
    redirect_uris: tuple[str, ...] = ()
    post_logout_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    callback_hosts: tuple[str, ...] = ()
    jwks: Mapping[str, Any] | None = None
    """Public keys for private_key_jwt (RFC 7523), uploaded and never fetched."""
    scopes: frozenset[str] = frozenset()
    may_act_scopes: frozenset[str] = frozenset()
    """What it may do for a citizen whose token it exchanges (RFC 8693)."""
    region_codes: tuple[str, ...] = ()
    """Six digits each; a province's or city's code covers all below it."""
    ip_cidrs: tuple[str, ...] = ()
    purpose_codes: tuple[str, ...] = ()
    not_before: datetime | None = None
    not_after: datetime | None = None
    keys: tuple[ClientKey, ...] = ()

    def active(self, now: datetime) -> bool:
        """Whether it may call at this moment."""
        begun = self.not_before is None or self.not_before <= now
        over = self.not_after is not None and self.not_after <= now
        return self.status is ClientStatus.ACTIVE and begun and not over

    def key(self, key_id: str) -> ClientKey | None:
        """Return one of its keys."""
        return next((key for key in self.keys if key.key_id == key_id), None)

    def covers(self, region: str) -> bool:
        """Whether something that happens in this division is its business."""
        return not self.region_codes or any(within(region, code) for code in self.region_codes)


@dataclass(frozen=True)
class NewKey:
    """A key that was just made. ``secret`` is shown this once; an SM2 key has none."""

    key: ClientKey
    secret: str | None = field(default=None, repr=False)
    """Hexadecimal."""
