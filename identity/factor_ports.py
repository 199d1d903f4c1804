"""What identity needs from a provider of second factors (二次核验): a start, and an answer to how
it ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from identity.model import ActingRole, IdType, Profile
from kernel.errors import NotFound, Text

FACTOR_PORT_VERSION: Final = 1
"""Raised whenever SecondFactor changes."""


class FactorNotStarted(NotFound):
    """The provider never heard of this reference: nothing happened, and a new start is harmless."""

    code = "factor_not_started"
    title = Text("核验未发起", "The verification was not started")
    citizen = Text(
        "本次身份核验没有发起成功，请重新核验。",
        "The identity check was not started; please try again.",
    )
    clerk = Text(
        "核验平台没有这次核验的记录，请当事人重新核验。",
        "The verification platform has no record of it; let the applicant try again.",
    )


class FactorState(StrEnum):
    """How one verification stands (核验状态)."""

    PENDING = "PENDING"
    """Nobody has finished it yet."""
    PASSED = "PASSED"
    FAILED = "FAILED"
    """Refused, given up, or passed by somebody else than the subject."""
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, kw_only=True)
class FactorSubject:
    """Who must prove to be there (被核验人). Its repr shows nothing personal.

    ``pseudonym`` is the 网号 that a person chose in place of the id number (Decree 173 of 2025):
    where it is known, a provider that understands it is sent no id number. ``uscc`` is there
    when the person acts for an organisation.
    """

    name: str = field(repr=False)
    id_type: IdType
    id_number: str | None = field(default=None, repr=False)
    pseudonym: str | None = field(default=None, repr=False)
    uscc: str | None = None

    def __post_init__(self) -> None:
        if not (self.id_number or self.pseudonym):
            raise ValueError("somebody without id number and pseudonym cannot be verified")

    @classmethod
    def of(cls, profile: Profile, *, pseudonym: str | None = None) -> FactorSubject:
        """Return the human at the keyboard of a login, with the organisation acted for."""
        return cls(
            name=profile.person.name,
            id_type=profile.person.id_type,
            id_number=profile.person.id_number,
            pseudonym=pseudonym,
            uscc=None if profile.org is None else profile.org.uscc,
        )


@dataclass(frozen=True, kw_only=True)
class FactorStarted:
    """Where the person goes: a page for the browser, or a text to be shown as a QR code, or both.

    ``expires_at`` is aware UTC.
    """

    url: str | None = field(default=None, repr=False)
    qr_text: str | None = field(default=None, repr=False)
    expires_at: datetime

    def __post_init__(self) -> None:
        if not (self.url or self.qr_text):
            raise ValueError("a verification has a page or a QR code")


@dataclass(frozen=True, kw_only=True)
class FactorResult:
    """How a verification ended.

    ``amr`` (RFC 8176 and the gateway's own values), ``evidence`` (核验流水号, the provider's own
    reference of what it proved) and ``at`` (aware UTC) are there exactly when it passed.
    ``pseudonym`` is the 网号 where the provider gives one; ``acting_role`` and ``uscc`` are there
    where it proves for whom the person acts.
    """

    state: FactorState
    amr: tuple[str, ...] = ()
    evidence: str | None = None
    at: datetime | None = None
    pseudonym: str | None = field(default=None, repr=False)
    acting_role: ActingRole | None = None
    uscc: str | None = None
    reason: str = ""
    """A word for operations on why it failed; never personal."""

    def __post_init__(self) -> None:
        passed = self.state is FactorState.PASSED
        if passed != bool(self.amr) or passed != bool(self.evidence) or passed != bool(self.at):
            raise ValueError("amr, evidence and time belong to a passed verification, all of them")


class SecondFactor(Protocol):
    """二次核验 of one kind: a live face, an e-business-licence scan, a network credential.

    Calls raise the five upstream errors of ``kernel.errors`` and, where said, FactorNotStarted.
    ``reference`` is the gateway's own, 32 hexadecimal digits, new for every start. After
    UpstreamOutcomeUnknown the caller asks ``result`` with the same reference; it never starts
    that reference again. Whatever comes back with the browser or in a callback is a reason to
    ask ``result`` and nothing more.
    """

    factor: str
    """What it adds to ``amr``: ``face``, ``sd_ebl``, ``sd_ctid``."""

    async def start(
        self, subject: FactorSubject, *, return_url: str, reference: str
    ) -> FactorStarted:
        """Begin a verification of ``subject``, which sends the browser back to ``return_url``.

        Raises UpstreamRejected when the provider refuses to verify this subject at all.
        """
        ...

    async def result(self, reference: str, subject: FactorSubject) -> FactorResult:
        """Return how it stands; repeatable. A pass by somebody other than ``subject`` is FAILED.

        Raises FactorNotStarted, and UpstreamProtocolError for an answer whose signature does not
        hold.
        """
        ...

    def checks(self) -> Sequence[Any]:
        """Return the steps of the self-check, which the adapter kit runs in this order."""
        ...
