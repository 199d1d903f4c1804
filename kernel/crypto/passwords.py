"""Password hashes that say how they were made: PBKDF2-HMAC-SM3 or Argon2id, compared in safe time.

``pbkdf2-sm3$rounds$salt$hash`` and ``argon2id$kibibytes,passes,lanes$salt$hash``, salt and hash in
hexadecimal (the layout is OURS).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from kernel.crypto import sm3
from kernel.ids import Entropy

_SALT: Final = 16
_LENGTH: Final = 32
_STORED: Final = re.compile(
    r"(?:pbkdf2-sm3\$(?P<rounds>[1-9][0-9]{0,7})"
    r"|argon2id\$(?P<memory>[1-9][0-9]{0,7}),(?P<passes>[1-9][0-9]?),(?P<lanes>[1-9][0-9]?))"
    r"\$(?P<salt>[0-9a-f]{32})\$(?P<hash>[0-9a-f]{64})"
)


class PasswordAlgorithm(StrEnum):
    """口令散列算法: SM3 where 密评 asks for it, Argon2id (RFC 9106) elsewhere."""

    PBKDF2_HMAC_SM3 = "PBKDF2_HMAC_SM3"
    ARGON2ID = "ARGON2ID"


@dataclass(frozen=True)
class Cost:
    """How much work a new hash is; memory in KiB."""

    algorithm: PasswordAlgorithm = PasswordAlgorithm.PBKDF2_HMAC_SM3
    rounds: int = 210_000
    memory: int = 65_536
    passes: int = 3
    lanes: int = 1


def make(password: str, cost: Cost, entropy: Entropy) -> str:
    """Return the stored form of a password. Takes a fifth of a second: not on an event loop."""
    salt = entropy(_SALT)
    if cost.algorithm is PasswordAlgorithm.PBKDF2_HMAC_SM3:
        return f"pbkdf2-sm3${cost.rounds}${salt.hex()}${_pbkdf2(password, salt, cost).hex()}"
    how = f"{cost.memory},{cost.passes},{cost.lanes}"
    return f"argon2id${how}${salt.hex()}${_argon2id(password, salt, cost).hex()}"


def matches(password: str, stored: str) -> bool:
    """Return whether this is the password; False for what is no stored form of ours."""
    cost = cost_of(stored)
    if cost is None:
        return False
    salt, expected = (bytes.fromhex(part) for part in stored.split("$")[2:])
    derive = _pbkdf2 if cost.algorithm is PasswordAlgorithm.PBKDF2_HMAC_SM3 else _argon2id
    return sm3.same(derive(password, salt, cost), expected)


def cost_of(stored: str) -> Cost | None:
    """Return how a stored form was made; None for what is none."""
    found = _STORED.fullmatch(stored)
    if found is None:
        return None
    if found["rounds"] is not None:
        return Cost(PasswordAlgorithm.PBKDF2_HMAC_SM3, rounds=int(found["rounds"]))
    return Cost(
        PasswordAlgorithm.ARGON2ID,
        memory=int(found["memory"]),
        passes=int(found["passes"]),
        lanes=int(found["lanes"]),
    )


def is_current(stored: str, cost: Cost) -> bool:
    """Return whether a stored form is as a new one would be, or should be made again."""
    made = cost_of(stored)
    if made is None or made.algorithm is not cost.algorithm:
        return False
    if cost.algorithm is PasswordAlgorithm.PBKDF2_HMAC_SM3:
        return made.rounds == cost.rounds
    return (made.memory, made.passes, made.lanes) == (cost.memory, cost.passes, cost.lanes)


def _pbkdf2(password: str, salt: bytes, cost: Cost) -> bytes:
    return hashlib.pbkdf2_hmac("sm3", password.encode(), salt, cost.rounds, _LENGTH)


def _argon2id(password: str, salt: bytes, cost: Cost) -> bytes:
    kdf = Argon2id(
        salt=salt,
        length=_LENGTH,
        iterations=cost.passes,
        lanes=cost.lanes,
        memory_cost=cost.memory,
    )
    return kdf.derive(password.encode())
