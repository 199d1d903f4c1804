"""The vocabulary of the action policy: what somebody wants to do, and what a mandate permits."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """动作: what an applicant may want to do."""

    ACCOUNT = "account"
    """本人账号: look after one's own session."""
    READ = "read"
    """查看办件."""
    DECLARE = "declare"
    """申报."""
    LICENCE_USE = "licence_use"
    """用证."""
    SEAL = "seal"
    """用章."""
    PAY = "pay"
    """缴费."""
    RECEIVE = "receive"
    """签收."""
    MANDATE = "mandate"
    """授予或撤销委托."""


class MandateAction(StrEnum):
    """委托事项: what a mandate may permit."""

    DECLARE = "declare"
    QUERY = "query"
    LICENCE_USE = "licence_use"
    SEAL = "seal"
    PAY = "pay"
    RECEIVE = "receive"
