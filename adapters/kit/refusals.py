"""What an identity system's refusals mean for us, and the errors that they become."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from adapters.kit.kit import Kit
from identity.errors import LoginRefused, OrgNotYours, TicketExpired, TicketReplayed
from kernel.errors import Failure, UpstreamAuthFailed, UpstreamRejected, UpstreamUnavailable


class Meaning(StrEnum):
    """What a code of the upstream means for us."""

    OK = "OK"
    AUTH_FAILED = "AUTH_FAILED"
    """Our application, its password or its clock is not accepted."""
    TICKET_EXPIRED = "TICKET_EXPIRED"
    TICKET_USED = "TICKET_USED"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"
    REFUSED = "REFUSED"
    """The account may not log in, or not as this type of user."""
    ORG_NOT_YOURS = "ORG_NOT_YOURS"
    OUR_FAULT = "OUR_FAULT"
    UNAVAILABLE = "UNAVAILABLE"


def refusal(kit: Kit, operation: str, meaning: Meaning | None, code: str) -> Failure:
    """Return the error for a code; one without a meaning is counted and refused.

    The upstream's own message is left behind: it may repeat what was sent. Raise ValueError for OK.
    """
    said = f"{operation}: code {code}"
    match meaning:
        case Meaning.AUTH_FAILED:
            return UpstreamAuthFailed(said, upstream_code=code)
        case Meaning.TICKET_EXPIRED | Meaning.TOKEN_EXPIRED:
            return TicketExpired(said, upstream_code=code)
        case Meaning.TICKET_USED:
            return TicketReplayed(said, upstream_code=code)
        case Meaning.REFUSED:
            return LoginRefused(said, upstream_code=code)
        case Meaning.ORG_NOT_YOURS:
            return OrgNotYours(said, upstream_code=code)
        case Meaning.UNAVAILABLE:
            return UpstreamUnavailable(said, upstream_code=code)
        case Meaning.OUR_FAULT:
            return UpstreamRejected(said, upstream_code=code)
        case None:
            kit.unknown("code", code)
            return UpstreamRejected(said, upstream_code=code)
        case Meaning.OK:
            raise ValueError("success is no refusal")
        case unreachable:
            assert_never(unreachable)
