"""Between the licence system's messages and the port: types, states, licences."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.kit.licences import UnknownCode, day, identifier_of
from adapters.upstreams.gd_auth_code.options import Meaning, Options
from adapters.upstreams.gd_auth_code.wire import Found
from e_license import Licence, LicenceState
from kernel.gbcodes import licence_verdict


def meaning(code: str, options: Options) -> Meaning:
    """Return what an error code means; raise UnknownCode for an unlisted one."""
    found = options.codes.get(code)
    if found is None:
        raise UnknownCode("errors.code", code)
    return found


def state(raw: str, options: Options) -> LicenceState:
    """Return the state of a raw code; raise UnknownCode for an unlisted one."""
    found = options.states.get(raw)
    if found is None:
        raise UnknownCode("license_status", raw)
    return found


def local_type(licence_type: str, options: Options) -> str:
    """Return the code under which this system lists a national type."""
    return options.licence_types.get(licence_type, licence_type)


def national_type(code: str, options: Options) -> str:
    """Return the national type of one of this system's codes, at most 64 characters."""
    national = {theirs: ours for ours, theirs in options.licence_types.items()}
    return national.get(code, code)[:64]


def licence(found: Found, face: Mapping[str, str | int | None], options: Options) -> Licence:
    """Return the licence; raise UnknownCode for a state, date or identifier that cannot be read."""
    identifier = identifier_of("license_code", found.license_code)
    return Licence(
        identifier=identifier,
        identifier_check=licence_verdict(identifier),
        type_code=national_type(found.license_item_code, options),
        licence_no=found.license_number,
        name=found.name,
        holder_name=found.holder_name,
        issuer=found.issue_org_name,
        valid_from=day("valid_from", found.valid_from),
        valid_to=day("valid_to", found.valid_to),
        face={key: "" if value is None else str(value) for key, value in face.items()},
        raw_state=found.license_status,
        state=state(found.license_status, options),
        holder_code=found.holder_identity_num,
    )
