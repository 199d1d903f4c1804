"""The Result codes of 5001 and its kin, and which of the five upstream errors each stands for."""

from __future__ import annotations

from typing import Final

from adapters.kit.kit import Kit
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamOutcomeUnknown,
    UpstreamRejected,
    UpstreamUnavailable,
)

OK: Final = "00000"
UNKNOWN_CODE: Final = "20004"
NOT_PUBLISHED: Final = "20412"
UNKNOWN_RECEIPT: Final = "20413"
UNKNOWN_REFUND: Final = "20414"
BAD_MAC: Final = "90001"
STRANGER: Final = "90004"
STALE: Final = "90005"

REFUSALS: Final = frozenset(
    {
        "18012",  # agency not entitled to the charge (seen live)
        # OURS, as the sandbox answers:
        "20001",  # already paid
        "20002",  # voided
        "20003",  # expired
        UNKNOWN_CODE,
        "20005",  # amount mismatch
        "20006",  # same number, different content
        "20007",  # payment in progress
        "20410",  # already reconciled
        "20411",  # refundable exceeded
        NOT_PUBLISHED,
        UNKNOWN_RECEIPT,
        UNKNOWN_REFUND,
    }
)
"""Results after which the message certainly had no effect. 99999 and any other code are not here:
after them only a query tells what happened."""
CREDENTIALS: Final = frozenset({BAD_MAC, STRANGER, STALE})


def error_of(kit: Kit, operation: str, code: str) -> UpstreamError:
    """Return the error for a result that is not ok; codes in no table are counted."""
    if code in REFUSALS:
        return UpstreamRejected(f"result {code}", upstream_code=code)
    if code in CREDENTIALS:
        return UpstreamAuthFailed(f"result {code}")
    well_formed = code.isascii() and code.isdigit() and len(code) == 5
    kit.unknown("Result", code if well_formed else "malformed")
    detail = f"result {code}" if well_formed else "the result code is malformed"
    if kit.manifest.operation(operation).safe:
        return UpstreamUnavailable(detail)
    return UpstreamOutcomeUnknown(detail)
