"""数据核验: asks a register whether given data are right, instead of asking for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol, TypeAlias

from e_license.model import Purpose

PORT_VERSION: Final = 1
"""Raised whenever DataCheck changes."""


class Register(StrEnum):
    """The registers that may be asked (基础数据库)."""

    POPULATION = "population"
    """人口库."""
    LEGAL_PERSON = "legal_person"
    """法人库."""
    CREDIT = "credit"
    """信用信息: whether an organisation is in the list of serious discredit (严重失信主体名单)."""


class CheckStatus(StrEnum):
    """What a register says (核验结果). Only MATCH may replace a paper."""

    MATCH = "MATCH"
    MISMATCH = "MISMATCH"
    NOT_FOUND = "NOT_FOUND"
    UNAVAILABLE = "UNAVAILABLE"
    """No answer came, or the register is not offered; the applicant is asked for the paper."""


@dataclass(frozen=True, slots=True)
class PersonClaim:
    """A name and an id number that belong together, says somebody."""

    name: str = field(repr=False)
    id_number: str = field(repr=False)

    @property
    def register(self) -> Register:
        """Return which register is asked."""
        return Register.POPULATION


@dataclass(frozen=True, slots=True)
class OrganisationClaim:
    """An organisation's code, name and legal representative, as somebody wrote them."""

    uscc: str
    name: str
    legal_representative: str = field(repr=False)

    @property
    def register(self) -> Register:
        """Return which register is asked."""
        return Register.LEGAL_PERSON


@dataclass(frozen=True, slots=True)
class CreditClaim:
    """An organisation says that it is in no list of serious discredit; MISMATCH: it is."""

    uscc: str
    name: str

    @property
    def register(self) -> Register:
        """Return which register is asked."""
        return Register.CREDIT


Claim: TypeAlias = PersonClaim | OrganisationClaim | CreditClaim


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """The answer to a claim; it says neither which field is wrong nor what would be right."""

    status: CheckStatus
    checked_at: datetime
    """Aware UTC."""
    upstream_status: str = ""
    """The register's own code."""
    reason: str = ""
    """For UNAVAILABLE: a stable code of the cause."""
    receipt: str = field(default="", repr=False)
    """核验流水号 of the register, at most 64 characters: proves the check in the case's file."""


class DataCheck(Protocol):
    """A platform of data checks (数据共享核验). A question has no effect and may be repeated.

    A manifest's ``capabilities`` are the registers that it offers.
    """

    async def check(self, claim: Claim, purpose: Purpose) -> CheckAnswer:
        """Return whether the register agrees with a claim.

        Never raises an upstream error for a single question: no answer is UNAVAILABLE.
        """
        ...

    def checks(self) -> Sequence[Any]:
        """Return the steps of the self-check, which the adapter kit runs in this order."""
        ...
