"""Between the platform's messages and the port: which fields are sent, and what comes back."""

from __future__ import annotations

from typing import Final, assert_never

from adapters.kit.licences import UnknownCode
from adapters.upstreams.data_share.options import Meaning, Options
from adapters.upstreams.data_share.wire import Operation
from e_license import Purpose
from e_license.check_ports import CheckStatus, Claim, CreditClaim, OrganisationClaim, PersonClaim

MAX_NAME: Final = 200


def question(claim: Claim) -> tuple[str, dict[str, str]]:
    """Return the operation and the fields of a claim, nothing but what the register compares."""
    match claim:
        case PersonClaim():
            fields = {"name": claim.name.strip(), "idNumber": claim.id_number.strip().upper()}
            return Operation.POPULATION, fields
        case OrganisationClaim():
            return Operation.LEGAL_PERSON, {
                "uscc": claim.uscc.strip().upper(),
                "name": claim.name.strip(),
                "legalRepresentative": claim.legal_representative.strip(),
            }
        case CreditClaim():
            fields = {"uscc": claim.uscc.strip().upper(), "name": claim.name.strip()}
            return Operation.CREDIT, fields
        case _:
            assert_never(claim)


def is_complete(fields: dict[str, str]) -> bool:
    """Tell whether a question may be asked: every field is there and none breaks a line."""
    return all(1 <= len(text) <= MAX_NAME and text.isprintable() for text in fields.values())


def reason_of(purpose: Purpose) -> dict[str, str]:
    """Return the fields that say for which item and case a register is asked."""
    return {"itemCode": purpose.item_code, "bizNo": purpose.reference, "cause": purpose.cause}


def path_of(operation: str, options: Options) -> str:
    """Return the address of a register; empty when it is not offered."""
    return {
        Operation.POPULATION: options.population_path,
        Operation.LEGAL_PERSON: options.legal_person_path,
        Operation.CREDIT: options.credit_path,
    }[operation]


def meaning(code: str, options: Options) -> Meaning:
    """Return what ``code`` means; raise UnknownCode for an unlisted one."""
    found = options.codes.get(code)
    if found is None:
        raise UnknownCode("code", code)
    return found


def status(result: str, options: Options) -> CheckStatus:
    """Return what ``result`` means; raise UnknownCode for an unlisted one."""
    found = options.results.get(result)
    if found is None:
        raise UnknownCode("result", result)
    return found
