"""The text that an SDGW1 signature covers (待签名串); pure, and no two requests share one.

SDGW1 is OURS: ten lines joined by LF, without one at the end. Every line is free of LF, so the
text tells the parts apart; only the order of a query's pairs and the parameters of a media type
are not covered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from kernel.crypto import sm3

VERSION: Final = "SDGW1"
NO_BODY: Final = sm3.digest(b"").hex()
"""SM3 of nothing, for requests without a body."""
_METHOD: Final = re.compile(r"[A-Z]{3,10}")
_PATH: Final = re.compile(r"/[\x21-\x7e]{0,4000}")
_QUERY: Final = re.compile(r"[\x21-\x7e]{0,8000}")
_VISIBLE: Final = re.compile(r"[\x21-\x7e]{0,255}")
_DECEPTIVE: Final = re.compile(
    r"//|/\.{1,2}(/|\Z)|[?#\\]|%2f|%5c|%00|%2e|%0[ad]|%(?![0-9a-f]{2})", re.IGNORECASE
)
"""What two programs on the way may understand differently."""


class NotCanonical(ValueError):
    """A request that has no canonical form; the text says which part, never its content."""


@dataclass(frozen=True)
class Covered:
    """The parts of a request that its signature covers, as they were received."""

    algorithm: str
    method: str
    path: str
    """Percent-encoded, not normalised."""
    query: str
    """Without the question mark; empty for none."""
    key_id: str
    timestamp: str
    """Unix seconds."""
    nonce: str
    idempotency_key: str
    """Empty for none."""
    content_type: str
    """The header's value; empty for none."""
    digest: str
    """SM3 of the body as 64 hexadecimal digits in lower case."""

    def text(self) -> bytes:
        """Return the string to sign. Raises NotCanonical."""
        if _METHOD.fullmatch(self.method) is None:
            raise NotCanonical("method")
        for value in (self.algorithm, self.key_id, self.timestamp, self.nonce, self.digest):
            if _VISIBLE.fullmatch(value) is None:
                raise NotCanonical("header")
        if _VISIBLE.fullmatch(self.idempotency_key) is None:
            raise NotCanonical("idempotency-key")
        lines = (
            f"{VERSION}-{self.algorithm}",
            self.method,
            canonical_path(self.path),
            canonical_query(self.query),
            self.key_id,
            self.timestamp,
            self.nonce,
            self.idempotency_key,
            media_type(self.content_type),
            self.digest,
        )
        return "\n".join(lines).encode("ascii")


def canonical_path(path: str) -> str:
    """Return the path untouched. Raises NotCanonical for one that has a second reading."""
    if _PATH.fullmatch(path) is None or _DECEPTIVE.search(path) is not None:
        raise NotCanonical("path")
    return path


def canonical_query(query: str) -> str:
    """Return the pairs sorted by their bytes, untouched themselves. Raises NotCanonical."""
    if _QUERY.fullmatch(query) is None or "#" in query:
        raise NotCanonical("query")
    return "&".join(sorted(query.split("&")))


def media_type(content_type: str) -> str:
    """Return a media type in lower case without parameters. Raises NotCanonical."""
    found = content_type.partition(";")[0].strip(" \t").lower()
    if _VISIBLE.fullmatch(found) is None:
        raise NotCanonical("content-type")
    return found
