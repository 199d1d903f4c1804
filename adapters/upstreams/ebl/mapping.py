"""Between the licence service's messages and the port's types: who scanned, for whom, as what."""

from __future__ import annotations

from adapters.dialects.nested import Malformed
from adapters.kit.people import known
from adapters.kit.signed_factors import moment, subject_digest
from adapters.upstreams.ebl.options import Options
from adapters.upstreams.ebl.wire import EVERYTHING, ResultData
from identity.factor_ports import FactorResult, FactorState, FactorSubject
from identity.model import ActingRole
from kernel.crypto import sm3


def result(
    data: ResultData, reference: str, subject: FactorSubject, options: Options
) -> FactorResult:
    """Return how a scan stands; raise UnknownCode or Malformed.

    It passes only when the subject scanned, the licence is the organisation's and usable, and the
    subject's role covers the matter.
    """
    if data.bizSeq != reference:
        raise Malformed("bizSeq is of another verification")
    state = known("state", data.state, options.states)
    if state is not FactorState.PASSED:
        reason = data.reason or "refused" if state is FactorState.FAILED else ""
        return FactorResult(state=state, reason=reason[:40])
    if not (data.uscc and data.role and data.licenceState and data.holderDigest):
        raise Malformed("a confirmed result lacks licence, role or holder")
    if not (data.serialNo and data.confirmTime):
        raise Malformed("a confirmed result lacks serial number or time")
    role = known("role", data.role, options.roles)
    usable = known("licenceState", data.licenceState, options.licence_states)
    wanted = subject_digest(reference, subject.name, subject.id_number or "")
    refused = ""
    if not sm3.same(wanted.encode(), data.holderDigest.encode()):
        refused = "another person"
    elif data.uscc != subject.uscc:
        refused = "another organisation"
    elif not usable:
        refused = "the licence is not valid"
    elif role is ActingRole.OPERATOR and not {EVERYTHING, options.matter} & set(data.matters):
        refused = "not authorised for this matter"
    if refused:
        return FactorResult(state=FactorState.FAILED, reason=refused)
    return FactorResult(
        state=FactorState.PASSED,
        amr=options.amr,
        evidence=data.serialNo,
        at=moment("confirmTime", data.confirmTime),
        acting_role=role,
        uscc=data.uscc,
    )
