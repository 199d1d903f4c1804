"""What a matter allows, what is asked for, and the grant of one look-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from e_license.model import AuthBasis, Holder, Operation


@dataclass(frozen=True, slots=True)
class Matter:
    """An open case or pre-check, as far as it entitles to licences (事项用证范围)."""

    reference: str
    item_code: str
    subject_hash: str
    types: Mapping[str, tuple[str, ...]]
    """Licence types that the item lists, by material code."""


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """Who wants to ask what, for which material of which matter, on which legal basis."""

    reference: str
    actor: str
    holder: Holder
    material_code: str
    licence_type: str
    operation: Operation
    basis: AuthBasis
    identifier: str = ""
    """Names the licence that is asked for again; empty for FIND."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to one look-up (一次用证授权); it names no person, only the hash of a holder."""

    grant_id: str
    reference: str
    item_code: str
    material_code: str
    subject_hash: str
    licence_type: str
    operation: Operation
    identifier: str
    basis: AuthBasis
    actor: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Use:
    """What is about to be asked; it must agree with its grant in every part."""

    grant_id: str
    reference: str
    subject_hash: str
    licence_type: str
    operation: Operation
    identifier: str = ""
