"""What a new password must be (等保 GB/T 22239-2019, 8.1.4.1 a)."""

from __future__ import annotations

from typing import Final

from identity.staff.model import normalised

SHORTEST: Final = 12
LONGEST: Final = 128
_CLASSES: Final = 3


def faults(password: str, staff_id: str) -> list[str]:
    """Return what is wrong with a password, as codes; none when it will do."""
    found = []
    if len(password) < SHORTEST:
        found.append("too_short")
    if len(password) > LONGEST:
        found.append("too_long")
    classes = (
        any(letter.islower() for letter in password),
        any(letter.isupper() for letter in password),
        any(letter.isdigit() for letter in password),
        any(not letter.isalnum() for letter in password),
    )
    if sum(classes) < _CLASSES:
        found.append("too_few_classes")
    if staff_id in normalised(password):
        found.append("contains_number")
    return found
