"""What the e-seal domain talks about: seals at the province, requests to use them, seal acts."""

from enum import StrEnum


class SealState(StrEnum):
    """What the status system says about a seal (印章状态)."""

    ACTIVE = "active"
    EXPIRED = "expired"
    FROZEN = "frozen"
    REVOKED = "revoked"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
