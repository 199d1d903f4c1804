"""The audit trail as bytes: canonical bodies, leaves, the SM3 chain, Merkle roots, checkpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from kernel.clock import require_aware
from kernel.crypto import sm3
from kernel.errors import Conflict, Text
from kernel.work import Json, Work

ZERO: Final = bytes(sm3.DIGEST_SIZE)
"""The chain before its first row."""
_LEAF, _NODE, _LINK = b"\x00", b"\x01", b"\x02"
_SEQ_BYTES: Final = 8


class Category(StrEnum):
    """审计事件类别."""

    AUTH = "A"
    BUSINESS = "B"
    SENSITIVE = "C"
    """Somebody looked at personal data."""
    ADMIN = "D"
    SECURITY = "S"


class Result(StrEnum):
    """How an act ended."""

    OK = "OK"
    DENIED = "DENIED"
    ERROR = "ERROR"


@dataclass(frozen=True, kw_only=True)
class AuditEvent:
    """审计事件: who did what to which thing (GB/T 22239-2019, 8.1.4.3 b).

    It holds names of fields and internal ids, never values, names of people, numbers or tokens.
    """

    action: str
    """Dot code of the act, for example ``staff.login``."""
    category: Category
    actor: str
    """``staff:<id>``, ``citizen:<sub>``, ``system``, or ``unknown`` before somebody is known."""
    result: Result = Result.OK
    reason: str = ""
    """A stable code, not a sentence."""
    acting: Mapping[str, str] = field(default_factory=dict)
    """Role, department and region in which a member of staff acted."""
    reference: str = ""
    """The case, where there is one."""
    object_type: str = ""
    object_id: str = ""
    fields: tuple[str, ...] = ()
    old: str = ""
    new: str = ""


circumstances: ContextVar[Mapping[str, str] | None] = ContextVar("circumstances", default=None)
"""What every event of this request also says: ``src_ip``, ``ua_hash``, ``trace_id``."""


class AuditTrail(Protocol):
    """Where acts are noted, in the transaction of the act: no note, no act."""

    async def record(self, work: Work, event: AuditEvent) -> None:
        """Write one event."""
        ...


class AuditBroken(Conflict):
    """The stored audit trail is not the one that was written; ``seq`` is the first wrong row."""

    code = "audit_broken"
    title = Text("审计记录校验不通过", "The audit trail does not verify")
    citizen = Text("系统记录校验不通过，请稍后再试。", "Our records do not verify; try later.")
    clerk = Text(
        "审计链校验不通过，请立即报告安全负责人。", "The audit chain is broken; report it at once."
    )

    def __init__(self, seq: int, reason: str) -> None:
        super().__init__(f"row {seq}: {reason}", seq=seq, reason=reason)


@dataclass(frozen=True)
class Link:
    """One sealed row as it is stored and exported."""

    seq: int
    body: str
    leaf: str
    chain: str


@dataclass(frozen=True)
class Checkpoint:
    """检查点: a signed statement of where the chain stood."""

    document: str
    """Canonical JSON of origin, first_seq, seal_seq, chain, merkle_root, ts."""
    signature: str
    """SM2 over the document's UTF-8 bytes, DER in hexadecimal."""
    key_id: str


def canonical(value: Mapping[str, Json]) -> str:
    """Return canonical JSON: sorted keys, no blanks, no floats (a subset of RFC 8785).

    Raises ValueError for a float.
    """
    _refuse_floats(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise ValueError("canonical JSON holds no floats")  # noqa: TRY004 - a value, not a type
    if isinstance(value, Mapping):
        for inner in value.values():
            _refuse_floats(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_floats(inner)


def instant(at: datetime) -> str:
    """Return a moment in UTC with microseconds, as bodies write it."""
    return require_aware(at).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def body_of(event: AuditEvent, event_id: str, at: datetime) -> str:
    """Return the canonical body of an event, with the circumstances of this request."""
    said: dict[str, Json] = {
        "id": event_id,
        "ts": instant(at),
        "action": event.action,
        "category": event.category.value,
        "actor": event.actor,
        "result": event.result.value,
        "reason": event.reason,
        "acting": dict(event.acting),
        "reference": event.reference,
        "object_type": event.object_type,
        "object_id": event.object_id,
        "fields": list(event.fields),
        "old": event.old,
        "new": event.new,
        **(circumstances.get() or {}),
    }
    return canonical({name: value for name, value in said.items() if value})


def leaf_of(body: str) -> bytes:
    """Return SM3(0x00 ‖ body)."""
    return sm3.digest(_LEAF + body.encode())


def link(previous: bytes, seq: int, leaf: bytes) -> bytes:
    """Return SM3(0x02 ‖ previous ‖ uint64be(seq) ‖ leaf)."""
    return sm3.digest(_LINK + previous + seq.to_bytes(_SEQ_BYTES) + leaf)


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaves in their order, split as in RFC 6962, 2.1. ValueError for none.

    Leaves are digests already; a node is SM3(0x01 ‖ left ‖ right).
    """
    if not leaves:
        raise ValueError("a tree has at least one leaf")
    # Each entry is a full subtree and its size; equal neighbours melt together, as in a counter.
    stack: list[tuple[bytes, int]] = []
    for leaf in leaves:
        stack.append((leaf, 1))
        while len(stack) > 1 and stack[-1][1] == stack[-2][1]:
            (right, size), (left, _) = stack.pop(), stack.pop()
            stack.append((sm3.digest(_NODE + left + right), 2 * size))
    root = stack.pop()[0]
    while stack:
        root = sm3.digest(_NODE + stack.pop()[0] + root)
    return root


class ChainCheck:
    """Recomputes a chain row by row; the first row that is wrong ends it."""

    def __init__(self, *, seq: int = 0, chain: bytes = ZERO) -> None:
        self.seq = seq
        self.chain = chain
        self._leaves: list[bytes] = []

    def feed(self, row: Link) -> None:
        """Check the next row. Raises AuditBroken."""
        if row.seq != self.seq + 1:
            raise AuditBroken(self.seq + 1, "row_missing")
        leaf = leaf_of(row.body)
        if leaf.hex() != row.leaf:
            raise AuditBroken(row.seq, "body_changed")
        self.chain = link(self.chain, row.seq, leaf)
        if self.chain.hex() != row.chain:
            raise AuditBroken(row.seq, "chain_changed")
        self.seq = row.seq
        self._leaves.append(leaf)

    def compare(self, document: Mapping[str, object]) -> None:
        """Hold a checkpoint's statement against the rows fed so far. Raises AuditBroken."""
        root = merkle_root(self._leaves).hex() if self._leaves else ""
        stated = (document.get("seal_seq"), document.get("chain"), document.get("merkle_root"))
        first = self.seq - len(self._leaves) + 1
        if stated != (self.seq, self.chain.hex(), root) or document.get("first_seq") != first:
            raise AuditBroken(self.seq, "checkpoint_differs")
        self._leaves.clear()
