"""The case's state table (办件状态机) and the few states that the public is shown."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from gateway.cases.model import CaseState
from kernel.errors import Text
from kernel.states import StateTable

S = CaseState

TABLE: Final = StateTable(
    "case",
    initial=S.DRAFT,
    edges={
        (S.DRAFT, S.SUBMITTED): "case.submitted",
        (S.DRAFT, S.DISCARDED): "case.discarded",
        (S.SUBMITTED, S.RECEIVED): "case.received",
        (S.SUBMITTED, S.NOT_ACCEPTED): "case.not_accepted",
        (S.SUBMITTED, S.WITHDRAWN): "case.withdrawn",
        (S.RECEIVED, S.ACCEPTED): "case.accepted",
        (S.RECEIVED, S.NOT_ACCEPTED): "case.not_accepted",
        (S.RECEIVED, S.WITHDRAWN): "case.withdrawn",
        (S.ACCEPTED, S.REVIEWING): "case.review_started",
        (S.ACCEPTED, S.DECIDED): "case.decided",
        (S.ACCEPTED, S.WITHDRAWN): "case.withdrawn",
        (S.REVIEWING, S.AWAITING_PAYMENT): "case.payment_requested",
        (S.REVIEWING, S.DECIDED): "case.decided",
        (S.REVIEWING, S.WITHDRAWN): "case.withdrawn",
        (S.AWAITING_PAYMENT, S.REVIEWING): "case.payment_settled",
        (S.AWAITING_PAYMENT, S.WITHDRAWN): "case.withdrawn",
        (S.DECIDED, S.CONCLUDED): "case.concluded",
        (S.CONCLUDED, S.DELIVERING): "case.delivery_started",
        (S.DELIVERING, S.DELIVERED): "case.delivered",
    },
    terminal=frozenset({S.DISCARDED, S.NOT_ACCEPTED, S.DELIVERED, S.WITHDRAWN}),
)
"""Administrative Licensing Law (行政许可法) articles 29 to 44 on the main path."""


class PublicState(StrEnum):
    """What the applicant is told (对外状态)."""

    DRAFT = "DRAFT"
    IN_PROGRESS = "IN_PROGRESS"
    ACTION_NEEDED = "ACTION_NEEDED"
    DONE = "DONE"
    CLOSED = "CLOSED"


PUBLIC: Final[Mapping[CaseState, PublicState]] = {
    S.DRAFT: PublicState.DRAFT,
    S.DISCARDED: PublicState.CLOSED,
    S.SUBMITTED: PublicState.IN_PROGRESS,
    S.RECEIVED: PublicState.IN_PROGRESS,
    S.NOT_ACCEPTED: PublicState.CLOSED,
    S.ACCEPTED: PublicState.IN_PROGRESS,
    S.REVIEWING: PublicState.IN_PROGRESS,
    S.AWAITING_PAYMENT: PublicState.ACTION_NEEDED,
    S.DECIDED: PublicState.IN_PROGRESS,
    S.CONCLUDED: PublicState.IN_PROGRESS,
    S.DELIVERING: PublicState.ACTION_NEEDED,
    S.DELIVERED: PublicState.DONE,
    S.WITHDRAWN: PublicState.CLOSED,
}

LABELS: Final[Mapping[CaseState, Text]] = {
    S.DRAFT: Text("暂存", "Draft"),
    S.DISCARDED: Text("已删除", "Discarded"),
    S.SUBMITTED: Text("已申报", "Submitted"),
    S.RECEIVED: Text("已收件", "Received"),
    S.NOT_ACCEPTED: Text("不予受理", "Not accepted"),
    S.ACCEPTED: Text("已受理", "Accepted"),
    S.REVIEWING: Text("审查中", "Under review"),
    S.AWAITING_PAYMENT: Text("待缴费", "Payment due"),
    S.DECIDED: Text("已决定", "Decided"),
    S.CONCLUDED: Text("已办结", "Concluded"),
    S.DELIVERING: Text("送达中", "Ready to be collected"),
    S.DELIVERED: Text("已送达", "Delivered"),
    S.WITHDRAWN: Text("已撤回", "Withdrawn"),
}
