"""Between 网证 and the port's types: packages, times, whom a question names, and the 网号."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from adapters.dialects.nested import Malformed
from adapters.kit.people import known
from adapters.upstreams.ctid.options import Options, Pseudonym
from adapters.upstreams.ctid.wire import STAMP_DIGITS, AuthData
from identity.factor_ports import FactorResult, FactorState, FactorSubject
from kernel.clock import beijing
from kernel.crypto import sm2

_TIME: Final = "%Y%m%d%H%M%S%f"


def stamp(at: datetime) -> str:
    """Return a moment as the service writes it: yyyyMMddHHmmssSSS of Beijing time."""
    return beijing(at).strftime(_TIME)[:STAMP_DIGITS]


def moment(field: str, text: str) -> datetime:
    """Return a moment in UTC; raise Malformed."""
    if len(text) != STAMP_DIGITS or not (text.isascii() and text.isdigit()):
        raise Malformed(f"{field} is not a time")
    try:
        return datetime.strptime(f"{text}000+0800", f"{_TIME}%z").astimezone(UTC)
    except ValueError:
        raise Malformed(f"{field} is not a time") from None


def package(fields: Mapping[str, Any]) -> str:
    """Return a package as the text that is signed and sent."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def subject_of(subject: FactorSubject) -> dict[str, Any]:
    """Return whom a question names: by 网号 where it is known, else by name and number.

    Who is known by 网号 is named by nothing else: Decree 173 lets nobody ask for the plain
    identity as well. ``WH`` is OURS; ``SFXX`` is known.
    """
    if subject.pseudonym is not None:
        return {"WH": {"WH": subject.pseudonym}}
    return {"SFXX": {"XM": subject.name, "GMSFZHM": subject.id_number}}


def reserved(subject: FactorSubject, options: Options, at: datetime) -> str:
    """Return ``reserved``: base64 of the SM2 ciphertext of subject and business (OURS: the
    service's own component does this in production).
    """
    plain = package(
        {
            **subject_of(subject),
            "WZXX": {
                "businessType": options.business_type,
                "dealDate": beijing(at).strftime("%Y%m%d"),
                "venderName": options.vender_name,
            },
        }
    )
    key = sm2.PublicKey(bytes.fromhex(options.service_public_key))
    return base64.b64encode(sm2.encrypt(key, plain.encode())).decode()


def result(
    data: AuthData, reference: str, subject: FactorSubject, options: Options
) -> FactorResult:
    """Return how an authentication stands; raise UnknownCode or Malformed."""
    if data.businessSerialNumber != reference:
        raise Malformed("businessSerialNumber is of another authentication")
    if data.authResult is None:
        raise Malformed("authResult is missing")
    state = known("authResult", data.authResult, options.results)
    if state is not FactorState.PASSED:
        reason = f"authResult {data.authResult[:20]}" if state is FactorState.FAILED else ""
        return FactorResult(state=state, reason=reason)
    if data.authMode != options.mode:
        return FactorResult(state=FactorState.FAILED, reason="another mode than was asked for")
    if not (data.authNo and data.authTime):
        raise Malformed("a passed authentication lacks number or time")
    if subject.pseudonym is not None and data.pid != subject.pseudonym:
        return FactorResult(state=FactorState.FAILED, reason="another pseudonym")
    return FactorResult(
        state=FactorState.PASSED,
        amr=options.modes[options.mode].amr,
        evidence=data.authNo,
        at=moment("authTime", data.authTime),
        pseudonym=data.pid if options.pseudonym is Pseudonym.KEEP else None,
    )
