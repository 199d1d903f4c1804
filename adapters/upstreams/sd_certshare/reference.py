"""What the domain keeps of a consent: the platform's trxId, sealed to one case and one moment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from kernel.crypto import sm3

_FORM: Final = re.compile(r"([A-Za-z0-9_-]{1,64})\.([0-9]{10})\.([0-9a-f]{32})")


@dataclass(frozen=True)
class Consent:
    """A consent that was begun; ``ends`` is aware UTC."""

    trx: str
    ends: datetime
    seal: str

    @classmethod
    def begun(cls, trx: str, now: datetime, seconds: int, key: str, case: str) -> Consent:
        """Return the consent of a case; ``key`` is our own secret at this platform."""
        ends = (now + timedelta(seconds=seconds)).replace(microsecond=0)
        return cls(trx, ends, _seal(trx, ends, key, case))

    @classmethod
    def read(cls, reference: str) -> Consent | None:
        """Return the consent of a reference; None for another text."""
        found = _FORM.fullmatch(reference)
        if found is None:
            return None
        return cls(found[1], datetime.fromtimestamp(int(found[2]), UTC), found[3])

    @property
    def reference(self) -> str:
        """Return the text for the domain, at most 108 characters."""
        return f"{self.trx}.{round(self.ends.timestamp()):010}.{self.seal}"

    def is_of(self, key: str, case: str) -> bool:
        """Tell whether this consent was begun for this case, by us."""
        return sm3.same(self.seal.encode(), _seal(self.trx, self.ends, key, case).encode())


def _seal(trx: str, ends: datetime, key: str, case: str) -> str:
    said = f"{trx}\n{round(ends.timestamp())}\n{case}"
    return sm3.hmac(key.encode(), said.encode()).hex()[:32]
