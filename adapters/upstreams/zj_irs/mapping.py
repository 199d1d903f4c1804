"""Between the user info of Zhejiang and the identity domain: pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from adapters.dialects.nested import Malformed
from adapters.kit.people import UnknownCode, credit_code, known, person
from adapters.upstreams.zj_irs.options import Options
from adapters.upstreams.zj_irs.wire import TIME_FORMAT, Said
from identity.errors import ProfileIncomplete
from identity.model import UNKNOWN_METHOD, Aal, Ial, Org, Person, Profile, UserType
from kernel.clock import beijing

__all__ = ["Malformed", "UnknownCode"]

_MAX_VALUE: Final = 200
GATEWAY_REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    Said.SIGNATURE: ("invalid_signature", "the signature is wrong: compare the secret key"),
    Said.ACCESS_KEY: ("invalid_access_key", "the access key is unknown or was withdrawn"),
    Said.SKEW: ("clock_skew", "our clock is more than 90 seconds off"),
    Said.ROUTE: ("route_forbidden", "this interface was not granted to our application"),
}
"""The four messages of a 401: our code for each, and what to do."""


def timestamp(at: datetime) -> str:
    """Return a moment as simpleauth writes it: fourteen digits of Beijing time."""
    return beijing(at).strftime(TIME_FORMAT)


def profile(user: Mapping[str, Any], legal: bool, options: Options, at: datetime) -> Profile:  # noqa: FBT001 - a flow, not a switch
    """Return who logged in at ``at``.

    Raise ProfileIncomplete for a missing field, also one for the kind of papers, which is never
    guessed; UnknownCode or Malformed.
    """
    told = {name: _text(name, user.get(name)) for name in _names(options)}
    fields = options.fields
    _require(told, fields.user_id)
    human = person(
        name=(fields.name, told[fields.name]),
        id_type=(fields.id_type, told[fields.id_type]),
        id_number=(fields.id_number, told[fields.id_number]),
        mobile=told[fields.mobile],
        id_types=options.id_types,
        at=at,
    )
    level = told[fields.level]
    ial = known(fields.level, level, options.ial_of_level) if level else Ial.SELF_ASSERTED
    if legal:
        return _legal(told, human, ial, options, at)
    return Profile(
        upstream_sub=told[fields.user_id],
        user_type=UserType.NATURAL_PERSON,
        person=human,
        ial=ial,
        aal=Aal.SINGLE_FACTOR,
        amr=(UNKNOWN_METHOD,),
        auth_time=at,
    )


def _legal(
    told: Mapping[str, str], human: Person, ial: Ial, options: Options, at: datetime
) -> Profile:
    fields = options.fields
    _require(told, fields.company_name, fields.uscc, fields.role)
    uscc = credit_code(fields.uscc, told[fields.uscc])
    return Profile(
        # One account may act for several companies; each of them is a subject (OURS).
        upstream_sub=f"{uscc}/{told[fields.user_id]}",
        user_type=UserType.LEGAL_PERSON,
        person=human,
        org=Org(
            name=told[fields.company_name],
            uscc=uscc,
            legal_rep_name=told[fields.legal_representative] or None,
        ),
        acting_role=known(fields.role, told[fields.role], options.roles),
        ial=ial,
        aal=Aal.SINGLE_FACTOR,
        amr=(UNKNOWN_METHOD,),
        auth_time=at,
    )


def _names(options: Options) -> list[str]:
    names: list[str] = list(options.fields.model_dump().values())
    return names


def _require(told: Mapping[str, str], *names: str) -> None:
    missing = [name for name in names if not told[name]]
    if missing:
        raise ProfileIncomplete(missing)


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    # A truth value is an int too, and no code of anybody's.
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Malformed(f"{name} is neither a text nor a number")
    text = str(value).strip()
    if len(text) > _MAX_VALUE:
        raise Malformed(f"{name} is too long")
    return text
