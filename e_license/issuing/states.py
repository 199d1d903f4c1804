"""The state table of issued licences (发证状态机), and which ends take two people."""

from __future__ import annotations

from typing import Final

from e_license.issuing.model import IssuedState
from kernel.states import StateTable

S = IssuedState

TABLE: Final = StateTable(
    "e_license.issued",
    initial=S.NOT_ACTIVE,
    edges={
        (S.NOT_ACTIVE, S.VALID): "elicense.issued",
        (S.NOT_ACTIVE, S.CANCELLED): "elicense.dropped",
        (S.VALID, S.SUSPENDED): "elicense.suspended",
        (S.SUSPENDED, S.VALID): "elicense.restored",
        (S.VALID, S.SUPERSEDED): "elicense.superseded",
        (S.VALID, S.CANCELLED): "elicense.cancelled",
        (S.SUSPENDED, S.CANCELLED): "elicense.cancelled",
        (S.VALID, S.WITHDRAWN): "elicense.withdrawn",
        (S.SUSPENDED, S.WITHDRAWN): "elicense.withdrawn",
        (S.VALID, S.REVOKED): "elicense.revoked",
        (S.SUSPENDED, S.REVOKED): "elicense.revoked",
    },
    terminal=frozenset({S.SUPERSEDED, S.CANCELLED, S.WITHDRAWN, S.REVOKED}),
)
"""Administrative Licensing Law (行政许可法) articles 69 and 70; suspension by special laws."""

TWO_PEOPLE: Final = frozenset({S.WITHDRAWN, S.REVOKED})
"""What one person proposes and another confirms (OURS)."""

ALONE: Final = frozenset({S.VALID, S.SUSPENDED, S.CANCELLED})
"""What one approver does: 恢复, 暂扣, 注销."""
