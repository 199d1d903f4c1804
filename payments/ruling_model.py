"""Decisions of people (处理意见): one proposes, another confirms, then it is carried out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Subject(StrEnum):
    """What is decided about."""

    EXCEPTION = "exception"
    """An exception of a bill; its key is ``<bill id>:<exception>``."""
    UNMATCHED = "unmatched"
    """Money without a bill; its key is the fact's."""
    DIFFERENCE = "difference"
    """A difference of reconciliation; its key is the difference's id."""


class Decision(StrEnum):
    """What is to be done."""

    ACCEPT = "accept"
    """Let it stand: mismatching or late money pays the bill; our record of a difference is right.
    """
    ADOPT = "adopt"
    """Follow the finance system's list: a payment we missed is booked, one it lacks is reversed."""
    REFUND = "refund"
    """Send the money back."""
    CLAIM = "claim"
    """认领: the unmatched money belongs to the named bill."""
    DISMISS = "dismiss"
    """Explained outside this system; nothing changes but the open item."""


class RulingState(StrEnum):
    """Life of a decision."""

    PROPOSED = "proposed"
    DONE = "done"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Ruling:
    """One decision; who proposed it can never confirm it."""

    ruling_id: str
    subject: Subject
    key: str
    decision: Decision
    note: str
    proposed_by: str
    proposed_at: datetime
    bill_id: str = ""
    """The bill that unmatched money is claimed for."""
    state: RulingState = RulingState.PROPOSED
    confirmed_by: str = ""
    confirmed_at: datetime | None = None
    version: int = 1
