"""The settings of staff: passwords, lockout, sessions (等保 GB/T 22239-2019, 8.1.4.1)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from kernel.crypto.passwords import Cost, PasswordAlgorithm


class StaffOptions(BaseModel):
    """The section ``staff`` of the settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hash_algorithm: PasswordAlgorithm = PasswordAlgorithm.PBKDF2_HMAC_SM3
    hash_rounds: Annotated[int, Field(ge=1, le=10_000_000)] = 210_000
    """PBKDF2-HMAC-SM3 only."""
    hash_memory_kib: Annotated[int, Field(ge=8, le=1_048_576)] = 65_536
    """Argon2id only, as are the passes."""
    hash_passes: Annotated[int, Field(ge=1, le=20)] = 3
    hash_parallel: Annotated[int, Field(ge=1, le=16)] = 2
    """Hashes that one process computes at a time."""
    expiry_days: Annotated[int, Field(ge=0, le=3650)] = 90
    """After so many days a password must be changed; 0 for never."""
    history: Annotated[int, Field(ge=0, le=24)] = 5
    """So many earlier passwords cannot come back."""
    failures: Annotated[int, Field(ge=1, le=20)] = 5
    """Failed tries of one account, within ``failure_seconds``, until it is locked."""
    address_failures: Annotated[int, Field(ge=1, le=1000)] = 5
    """The same for one address of the network."""
    failure_seconds: Annotated[int, Field(ge=60, le=86_400)] = 900
    lock_seconds: Annotated[int, Field(ge=60, le=86_400)] = 1_800
    idle_seconds: Annotated[int, Field(ge=60, le=28_800)] = 900
    absolute_seconds: Annotated[int, Field(ge=300, le=86_400)] = 28_800
    challenge_seconds: Annotated[int, Field(ge=30, le=900)] = 300
    """Time between the password and the second factor."""
    activation_seconds: Annotated[int, Field(ge=300, le=604_800)] = 259_200
    """Life of a password for the first sign-in."""
    dormant_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """An account that nobody used for so long is locked."""
    certificate_header: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{3,60}$")] | None = (
        None
    )
    """Header in which the trusted proxy hands over the SHA-256 fingerprint of a checked client
    certificate, in lower case; None refuses certificates.
    """

    def cost(self) -> Cost:
        """Return how much work a new hash is."""
        return Cost(
            self.hash_algorithm,
            rounds=self.hash_rounds,
            memory=self.hash_memory_kib,
            passes=self.hash_passes,
        )
