"""Between the face service's messages and the port's types: signatures, times, states."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from adapters.upstreams.face.options import Options
from adapters.upstreams.face.wire import TIME_FORMAT, Answer, ResultData
from identity.factor_ports import FactorResult, FactorState, FactorSubject
from identity.model import IdType
from kernel.clock import beijing
from kernel.crypto import sm2, sm3

ID_TYPES: Final[Mapping[IdType, str]] = {
    IdType.RESIDENT_ID: "1",
    IdType.HK_MACAO_PERMIT: "3",
    IdType.TAIWAN_PERMIT: "4",
    IdType.FOREIGN_PERMANENT: "5",
}
_BEIJING: Final = timezone(timedelta(hours=8))


class UnknownCode(ValueError):
    """The service used a code that is in no table of ours."""

    def __init__(self, field: str, code: str) -> None:
        super().__init__(f"{field} holds a code that is not known")
        self.field = field
        self.code = code


class Malformed(ValueError):
    """An answer of another shape; the text names the field and never a value."""


def timestamp(at: datetime) -> str:
    """Return a moment as the service writes it: fourteen digits of Beijing time."""
    return beijing(at).strftime(TIME_FORMAT)


def moment(field: str, text: str) -> datetime:
    """Return a moment in UTC; raise Malformed."""
    try:
        return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=_BEIJING).astimezone(UTC)
    except ValueError:
        raise Malformed(f"{field} is not a time") from None


def sign(fields: Mapping[str, str], key: str) -> str:
    """Return the signature of a request (OURS): hexadecimal HMAC-SM3 over every field but ``sign``
    as ``name=value``, sorted by name, joined by ``&``.
    """
    text = "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if name != "sign")
    return sm3.hmac(key.encode(), text.encode()).hex()


def opened(answer: Answer, public_key: str) -> dict[str, Any]:
    """Return the signed data of an answer; raise Malformed when the signature does not hold."""
    if answer.data is None or answer.signature is None:
        raise Malformed("the answer has no signed data")
    key = sm2.PublicKey(bytes.fromhex(public_key))
    try:
        signature = base64.b64decode(answer.signature, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("signature is not base64") from None
    if not sm2.verify(key, answer.data.encode(), signature):
        raise Malformed("the signature of the answer does not hold")
    try:
        data = json.loads(answer.data)
    except (ValueError, RecursionError):
        raise Malformed("data is not JSON") from None
    if not isinstance(data, dict):
        raise Malformed("data is not an object")
    return data


def subject_digest(reference: str, name: str, number: str) -> str:
    """Return what a result says about whose face it was."""
    return sm3.digest(f"{reference}\n{name}\n{number}".encode()).hex()


def result(
    data: ResultData, reference: str, subject: FactorSubject, options: Options
) -> FactorResult:
    """Return how a verification stands; raise UnknownCode or Malformed."""
    if data.bizSeq != reference:
        raise Malformed("bizSeq is of another verification")
    state = options.states.get(data.state)
    if state is None:
        raise UnknownCode("state", data.state)
    if state is not FactorState.PASSED:
        reason = data.reason or "refused" if state is FactorState.FAILED else ""
        return FactorResult(state=state, reason=reason[:40])
    if not (data.subjectDigest and data.serialNo and data.verifyTime and data.similarity):
        raise Malformed("a passed result lacks subject, serial number, time or similarity")
    wanted = subject_digest(reference, subject.name, subject.id_number or "")
    if not sm3.same(wanted.encode(), data.subjectDigest.encode()):
        return FactorResult(state=FactorState.FAILED, reason="another person")
    if _similarity(data.similarity) < options.least_similarity:
        return FactorResult(state=FactorState.FAILED, reason="similarity too low")
    return FactorResult(
        state=FactorState.PASSED,
        amr=options.amr,
        evidence=data.serialNo,
        at=moment("verifyTime", data.verifyTime),
    )


def _similarity(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise Malformed("similarity is not a number") from None
    if not (number.is_finite() and 0 <= number <= 100):
        raise Malformed("similarity is not between 0 and 100")
    return number
