"""Builds the services of staff and the audit trail that notes what they do."""

from __future__ import annotations

from typing import Any

from gateway.bootstrap.ground import Ground
from gateway.settings import BadSettings, Settings
from identity.staff import StaffServices
from identity.staff.ground import StaffGround
from identity.staff.repository import SqlStaffRows
from kernel.crypto import sm3
from kernel.crypto.errors import InvalidKey
from kernel.crypto.sm2 import PrivateKey
from kernel.db.audit import AuditSealer, SqlAuditTrail
from kernel.ids import random_bytes


def staff_of(ground: Ground) -> dict[str, Any]:
    """Return ``staff``, ``audit`` and ``sealer`` by those names. Raises BadSettings."""
    audit = SqlAuditTrail()
    staff = StaffGround(
        rows=SqlStaffRows(),
        works=ground.works,
        clock=ground.clock,
        ids=ground.ids,
        cipher=ground.cipher,
        seal_key=ground.index_key,
        entropy=random_bytes,
        audit=audit,
        options=ground.settings.staff,
    )
    return {
        "staff": StaffServices(staff, token_seconds=ground.settings.identity.staff_seconds),
        "audit": audit,
        "sealer": AuditSealer(
            ground.works,
            _signing_key(ground.settings, ground.index_key),
            ground.settings.server.public_url,
        ),
    }


def _signing_key(settings: Settings, index_key: bytes) -> PrivateKey:
    file = settings.audit.signing_key_file
    try:
        if file is not None:
            return PrivateKey.from_pem(file.read_text("ascii"))
        return PrivateKey.from_scalar(sm3.hmac(index_key, b"audit.checkpoint"))
    except (OSError, ValueError, InvalidKey) as exc:
        raise BadSettings(f"audit.signing_key_file cannot be used: {exc}") from exc
