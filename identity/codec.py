"""How tokens, tickets and principals are written down: hashes, addresses and stored JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from identity.errors import LoginCallbackInvalid
from identity.model import (
    Aal,
    ActingRole,
    Ial,
    IdType,
    Org,
    Person,
    Principal,
    UserType,
    is_secret,
    is_ticket,
)
from kernel.crypto import sm3
from kernel.errors import Unauthenticated


def hashed(secret: str) -> str:
    """Return the SM3 digest of a secret in hexadecimal; 256 random bits need no salt."""
    return sm3.digest(secret.encode()).hex()


def token_hash(token: str, prefix: str) -> str:
    """Return the hash of a token; raise Unauthenticated when its shape is not ours."""
    if not token.startswith(prefix) or not is_secret(token.removeprefix(prefix)):
        raise Unauthenticated("not a token of this gateway")
    return hashed(token)


def only_ticket(params: list[tuple[str, str]], name: str) -> str:
    """Return the one ticket among query parameters; raise LoginCallbackInvalid otherwise."""
    tickets = [value for key, value in params if key == name]
    if len(tickets) != 1 or not is_ticket(tickets[0]):
        raise LoginCallbackInvalid("exactly one well-formed ticket is expected")
    return tickets[0]


def with_query(return_to: str, code: str, state: str) -> str:
    """Return a registered address with the code and the portal's state in its query."""
    parts = urlsplit(return_to)
    own = urlencode({"code": code, "state": state})
    return urlunsplit(parts._replace(query=f"{parts.query}&{own}" if parts.query else own))


def principal_as_json(principal: Principal) -> dict[str, object]:
    """Return a principal as plain JSON values, to be encrypted; ``principal_of_json`` reads it
    back.
    """
    org = principal.org
    return {
        "sub": principal.sub,
        "idp": principal.idp,
        "session_id": principal.session_id,
        "upstream_sub": principal.upstream_sub,
        "user_type": principal.user_type,
        "person": dict(vars(principal.person)),
        "org": None if org is None else dict(vars(org)),
        "acting_role": principal.acting_role,
        "ial": int(principal.ial),
        "aal": int(principal.aal),
        "amr": list(principal.amr),
        "auth_time": principal.auth_time.isoformat(),
    }


def principal_of_json(stored: Mapping[str, object]) -> Principal:
    """Return the principal that ``principal_as_json`` wrote; raise ValueError or KeyError for
    anything else.
    """
    person, org, amr = stored["person"], stored["org"], stored["amr"]
    role = stored["acting_role"]
    if not isinstance(person, dict) or not isinstance(amr, list):
        raise ValueError("not a stored principal")  # noqa: TRY004 - a value read back, not a type
    return Principal(
        sub=str(stored["sub"]),
        idp=str(stored["idp"]),
        session_id=str(stored.get("session_id", "")),
        upstream_sub=str(stored["upstream_sub"]),
        user_type=UserType(str(stored["user_type"])),
        person=person_of_json(person),
        org=org_of_json(org) if isinstance(org, dict) else None,
        acting_role=None if role is None else ActingRole(str(role)),
        ial=Ial(int(str(stored["ial"]))),
        aal=Aal(int(str(stored["aal"]))),
        amr=tuple(str(method) for method in amr),
        auth_time=datetime.fromisoformat(str(stored["auth_time"])),
    )


def person_of_json(stored: Mapping[str, Any]) -> Person:
    """Return a person whose attributes were stored as JSON."""
    return Person(**{**stored, "id_type": IdType(stored["id_type"])})


def org_of_json(stored: Mapping[str, str | None]) -> Org:
    """Return an organisation whose attributes were stored as JSON."""
    legal_rep_id_type = stored["legal_rep_id_type"]
    return Org(
        name=str(stored["name"]),
        uscc=str(stored["uscc"]),
        org_type=stored["org_type"],
        legal_rep_name=stored["legal_rep_name"],
        legal_rep_id_type=None if legal_rep_id_type is None else IdType(legal_rep_id_type),
        legal_rep_id=stored["legal_rep_id"],
    )
