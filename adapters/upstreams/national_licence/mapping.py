"""Between index rows, what the issuing source says, and the port's licences."""

from __future__ import annotations

from adapters.kit.licences import UnknownCode, day
from adapters.upstreams.national_licence.options import Meaning, Options
from adapters.upstreams.national_licence.wire import Fetched, Row
from e_license import Licence, LicenceState, Provenance
from kernel.gbcodes import licence_verdict

_WITHDRAWN = "D"


def meaning(code: str, options: Options) -> Meaning:
    """Return what ``code`` means; raise UnknownCode for an unlisted one."""
    found = options.codes.get(code)
    if found is None:
        raise UnknownCode("code", code)
    return found


def state(raw: str, options: Options) -> LicenceState:
    """Return the state of a raw code; raise UnknownCode for an unlisted one."""
    found = options.states.get(raw)
    if found is None:
        raise UnknownCode("state", raw)
    return found


def is_current(row: Row) -> bool:
    """Tell whether an index row still stands."""
    return row.cd_operation.upper() != _WITHDRAWN


def seconds_for(area: str, options: Options) -> float:
    """Return how long the source of an area may take, in seconds."""
    table = options.source_seconds_by_area
    fitting = [prefix for prefix in table if area.startswith(prefix)]
    return table[max(fitting, key=len)] if fitting else options.source_seconds


def licence(row: Row, fetched: Fetched, options: Options) -> Licence:
    """Return the licence: who and what from the index, whether it is valid from its issuer.

    Raise UnknownCode for a state or a date that cannot be read.
    """
    return Licence(
        identifier=row.certificate_source_id,
        identifier_check=licence_verdict(row.certificate_source_id),
        type_code=row.certificate_type_code,
        licence_no=row.certificate_number,
        name=row.certificate_name,
        holder_name=row.certificate_holder,
        issuer=row.issue_dept,
        valid_from=day("valid_from", fetched.valid_from or row.issue_date),
        valid_to=day("valid_to", fetched.valid_to),
        face={key: "" if value is None else str(value) for key, value in fetched.face.items()},
        raw_state=fetched.state,
        state=state(fetched.state, options),
        holder_code=row.certificate_holder_code,
        provenance=Provenance.NATIONAL,
    )
