"""How a mandate is written down: people encrypted in one cell, the whole row under HMAC-SM3."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from identity.codec import org_of_json, person_of_json
from identity.errors import MandateDamaged
from identity.mandates.model import Mandate, MandateSource, MandateState, Operator
from identity.model import IdType, Person
from identity.policy.model import MandateAction
from kernel.crypto import sm3
from kernel.crypto.errors import DecryptionFailed
from kernel.crypto.fields import FieldCipher, Place, blind_index

_MAC_PURPOSE: Final = b"identity.mandate.row\x01"
_SIGNED: Final = (
    *("id", "principal_key", "operator_index", "people", "items", "actions", "valid_from"),
    *("valid_to", "granted_by", "granted_as", "source", "state", "created_at", "revoked_at"),
)


@dataclass(frozen=True)
class MandateCodec:
    """Turns mandates into rows and back. A row that somebody changed by hand is refused
    (GB/T 39786-2021 asks for the integrity of access rights).
    """

    cipher: FieldCipher
    index_key: bytes = field(repr=False)

    def index(self, person: Person | Operator) -> str:
        """Return under which index a person's mandates are found."""
        value = f"{person.id_type}\0{person.id_number}"
        return blind_index(value, self.index_key, "identity_mandate.operator")

    def row(self, mandate: Mandate) -> dict[str, Any]:
        """Return the columns of a mandate with their MAC."""
        people = {
            "person": dict(vars(mandate.person)),
            "org": None if mandate.org is None else dict(vars(mandate.org)),
            "operator": dict(vars(mandate.operator)),
        }
        text = json.dumps(people, ensure_ascii=False, separators=(",", ":"))
        row: dict[str, Any] = {
            "id": mandate.id,
            "principal_key": mandate.principal_key,
            "operator_index": self.index(mandate.operator),
            "people": self.cipher.encrypt(text, _place(mandate.id)),
            "items": sorted(mandate.items),
            "actions": sorted(mandate.actions),
            "valid_from": mandate.valid_from,
            "valid_to": mandate.valid_to,
            "granted_by": mandate.granted_by,
            "granted_as": mandate.granted_as,
            "source": mandate.source,
            "state": mandate.state,
            "created_at": mandate.created_at,
            "revoked_at": mandate.revoked_at,
        }
        return {**row, "mac": self.mac(row)}

    def mac(self, row: Mapping[str, Any]) -> bytes:
        """Return the MAC over every column of a row but itself."""
        key = sm3.hmac(self.index_key, _MAC_PURPOSE)
        text = json.dumps([_plain(row[name]) for name in _SIGNED], separators=(",", ":"))
        return sm3.hmac(key, text.encode())

    def mandate(self, row: Mapping[str, Any]) -> Mandate:
        """Return the mandate of a row. Raises MandateDamaged when its MAC is wrong."""
        if not sm3.same(self.mac(row), row["mac"]):
            raise MandateDamaged("the row of a mandate was changed outside the system")
        try:
            people = json.loads(self.cipher.decrypt(row["people"], _place(row["id"])))
        except DecryptionFailed as exc:
            raise MandateDamaged("the people of a mandate cannot be read") from exc
        operator = people["operator"]
        return Mandate(
            id=row["id"],
            principal_key=row["principal_key"],
            person=person_of_json(people["person"]),
            org=None if people["org"] is None else org_of_json(people["org"]),
            operator=Operator(**{**operator, "id_type": IdType(operator["id_type"])}),
            items=tuple(row["items"]),
            actions=frozenset(MandateAction(action) for action in row["actions"]),
            valid_from=row["valid_from"],
            valid_to=row["valid_to"],
            granted_by=row["granted_by"],
            granted_as=row["granted_as"],
            source=MandateSource(row["source"]),
            state=MandateState(row["state"]),
            created_at=row["created_at"],
            revoked_at=row["revoked_at"],
        )


def _place(mandate_id: str) -> Place:
    return Place("identity_mandate", "people", mandate_id)


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value
