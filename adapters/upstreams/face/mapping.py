"""Between the face service's messages and the port's types: whose face it was, and how sure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from adapters.dialects.nested import Malformed
from adapters.kit.people import known
from adapters.kit.signed_factors import moment, subject_digest
from adapters.upstreams.face.options import Options
from adapters.upstreams.face.wire import ResultData
from identity.factor_ports import FactorResult, FactorState, FactorSubject
from identity.model import IdType
from kernel.crypto import sm3

ID_TYPES: Final[Mapping[IdType, str]] = {
    IdType.RESIDENT_ID: "1",
    IdType.HK_MACAO_PERMIT: "3",
    IdType.TAIWAN_PERMIT: "4",
    IdType.FOREIGN_PERMANENT: "5",
}


def result(
    data: ResultData, reference: str, subject: FactorSubject, options: Options
) -> FactorResult:
    """Return how a verification stands; raise UnknownCode or Malformed."""
    if data.bizSeq != reference:
        raise Malformed("bizSeq is of another verification")
    state = known("state", data.state, options.states)
    if state is not FactorState.PASSED:
        reason = data.reason or "refused" if state is FactorState.FAILED else ""
        return FactorResult(state=state, reason=reason[:40])
    if not (data.subjectDigest and data.serialNo and data.verifyTime and data.similarity):
        raise Malformed("a passed result lacks subject, serial number, time or similarity")
    wanted = subject_digest(reference, subject.name, subject.id_number or "")
    if not sm3.same(wanted.encode(), data.subjectDigest.encode()):
        return FactorResult(state=FactorState.FAILED, reason="another person")
    if similarity(data.similarity) < options.least_similarity:
        return FactorResult(state=FactorState.FAILED, reason="similarity too low")
    return FactorResult(
        state=FactorState.PASSED,
        amr=options.amr,
        evidence=data.serialNo,
        at=moment("verifyTime", data.verifyTime),
    )


def similarity(text: str) -> Decimal:
    """Return a similarity between 0 and 100; raise Malformed."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise Malformed("similarity is not a number") from None
    if not (number.is_finite() and 0 <= number <= 100):
        raise Malformed("similarity is not between 0 and 100")
    return number
