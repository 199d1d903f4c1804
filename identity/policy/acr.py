"""Authentication context classes (acr): both levels in one name, as portals ask for them.

``urn:sd:loa:3`` asks for proofing level 3; ``urn:sd:loa:3:aal:2`` also for two factors in this
session. The second form is OURS: proofing and strength are independent, and RFC 9470 has one name.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from identity.errors import AcrUnknown
from identity.model import Aal, Ial

_ACR: Final = re.compile(r"urn:sd:loa:([0-4])(?::aal:([0-3]))?")


class Levels(NamedTuple):
    """实名等级 and 认证强度, apart."""

    ial: Ial
    aal: Aal


def acr_of(ial: Ial, aal: Aal) -> str:
    """Return the name of two levels; one factor is what every session has and is not named."""
    name = f"urn:sd:loa:{int(ial)}"
    return name if aal <= Aal.SINGLE_FACTOR else f"{name}:aal:{int(aal)}"


def levels_of(acr: str) -> Levels:
    """Return the levels that a name asks for. Raises AcrUnknown."""
    found = _ACR.fullmatch(acr)
    if found is None:
        raise AcrUnknown
    return Levels(Ial(int(found[1])), Aal(int(found[2] or Aal.SINGLE_FACTOR)))


ACRS: Final = tuple(
    acr_of(ial, aal) for ial in Ial for aal in (Aal.SINGLE_FACTOR, Aal.TWO_FACTORS, Aal.HARDWARE)
)
"""Every name, weakest proofing first; for discovery documents."""
