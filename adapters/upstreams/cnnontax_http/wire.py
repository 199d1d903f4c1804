"""Names of the HTTP binding (OURS): addresses and headers; no signature is computed here."""

from __future__ import annotations

import re
from typing import Final

KEY_ID: Final = "x-nt-key-id"
TIMESTAMP: Final = "x-nt-timestamp"
"""Seconds since 1970."""
NONCE: Final = "x-nt-nonce"
SIGNATURE: Final = "x-nt-signature"
VERSION: Final = "v1="
TOLERANCE: Final = 300
"""Seconds by which a time may be off."""
NONCE_SECONDS: Final = 600
CONTENT_TYPE: Final = "application/xml; charset=GBK"
NONCE_FORM: Final = re.compile(r"[0-9a-f]{16,64}")
TIMESTAMP_FORM: Final = re.compile(r"[0-9]{1,11}")


def message_path(msg_no: str) -> str:
    """Return where a message is posted."""
    return f"/cfx/{msg_no}"


def callback_path(division: str) -> str:
    """Return where the gateway takes pushes."""
    return f"/callbacks/nontax/{division}"
