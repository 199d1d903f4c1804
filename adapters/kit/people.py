"""What adapters of identity systems do alike with the facts about people and companies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from adapters.dialects.nested import Malformed
from identity.errors import ProfileIncomplete
from identity.model import IdType, Person
from kernel.clock import beijing
from kernel.gbcodes import InvalidCitizenId, InvalidUscc, parse_citizen_id, parse_uscc

_V = TypeVar("_V")


class UnknownCode(ValueError):
    """The upstream used a code that is in no table of ours."""

    def __init__(self, field: str, code: str) -> None:
        super().__init__(f"{field} holds a code that is not known")
        self.field = field
        self.code = code


def known(field: str, code: str | None, table: Mapping[str, _V]) -> _V:
    """Return what a code stands for; raise UnknownCode, never a default."""
    found = table.get(code or "")
    if found is None:
        raise UnknownCode(field, code or "")
    return found


def require(message: object, *fields: str) -> None:
    """Raise ProfileIncomplete that names the fields of a message that are missing or empty."""
    missing = [field for field in fields if not getattr(message, field)]
    if missing:
        raise ProfileIncomplete(missing)


def person(
    *,
    name: tuple[str, str | None],
    id_type: tuple[str, str | None],
    id_number: tuple[str, str | None],
    mobile: str | None,
    id_types: Mapping[str, IdType],
    at: datetime,
) -> Person:
    """Return a person from (the upstream's field name, its value) of each fact, as of ``at``.

    Raise ProfileIncomplete, UnknownCode, or Malformed for a citizen id with a wrong check digit.
    """
    missing = [field for field, value in (name, id_type, id_number) if not value]
    if missing:
        raise ProfileIncomplete(missing)
    kind = known(*id_type, id_types)
    number = str(id_number[1])
    if kind is IdType.RESIDENT_ID:
        try:
            number = parse_citizen_id(number, today=beijing(at).date()).number
        except InvalidCitizenId:
            raise Malformed(f"{id_number[0]} is not a citizen id number") from None
    return Person(name=str(name[1]), id_type=kind, id_number=number, mobile=mobile or None)


def credit_code(field: str, value: str | None) -> str:
    """Return a social credit code; raise Malformed for a wrong one."""
    try:
        return parse_uscc(value or "").code
    except InvalidUscc:
        raise Malformed(f"{field} is not a social credit code") from None
