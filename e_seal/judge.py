"""The decisions of sealing without any I/O: may this seal be used, is this answer good."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from e_seal.asn1.chain import TrustStore
from e_seal.checks import check_seal
from e_seal.errors import EarlierSignatureUnsound, InvalidSealOrder, Problem
from e_seal.findings import Code, Finding
from e_seal.media import Prepared, finished, freeze, pages_of, restored, verify_file
from e_seal.model import (
    MAX_DETAIL,
    MAX_NAME,
    MAX_PROOF,
    MAX_REFERENCE,
    ActKind,
    FailureReason,
    Papers,
    SealAct,
    SealOrder,
    SealRecord,
    SealState,
)
from e_seal.options import SealOptions
from e_seal.pdf.sign import PdfForm, PreparedPdf
from e_seal.ses.model import SesFormatError
from e_seal.ses.read import read_seal, read_signature
from e_seal.signing import check_response
from e_seal.signing_lock import check_lock

_MENDED: Final = frozenset({Code.NOT_SIGNED, Code.COVERAGE_PARTIAL})
"""The new seal covers all of the document."""


class Judge:
    """Decides by the installation's trust anchors and options."""

    def __init__(self, trust: TrustStore, options: SealOptions) -> None:
        self._trust = trust
        self._options = options

    def read_order(self, order: SealOrder, now: datetime) -> int:
        """The number of pages of an order's document; raises InvalidSealOrder.

        Signatures that it carries must hold: the province is never asked to seal what would be
        refused afterwards.
        """
        for name, value, most in _limits(order):
            if not 0 < len(value) <= most:
                raise InvalidSealOrder(f"{name} must have 1 to {most} characters", field=name)
        count = pages_of(order)
        if not 0 <= order.stamp.page < count:
            raise InvalidSealOrder("the stamp's page does not exist")
        if order.riding_y is not None and (order.kind is ActKind.LOCK or count < 2):
            raise InvalidSealOrder("a riding seal needs a seal and at least two pages")
        self._require_sound(order.content, now)
        return count

    def _require_sound(self, content: bytes, now: datetime) -> None:
        report = verify_file(content, trust=self._trust, now=now, skew=self._options.skew)
        findings = [*report.findings, *(f for s in report.signatures for f in s.findings)]
        bad = {f.code for f in findings if self._is_fatal(f.code)} - _MENDED
        if bad:
            codes = ",".join(sorted(bad))
            raise EarlierSignatureUnsound(f"an earlier signature: {codes}", findings=sorted(bad))

    def examine_seal(self, act: SealAct, record: SealRecord, now: datetime) -> None:
        """Raises Problem unless the seal is the wanted one, active, valid now and trusted."""
        unusable = FailureReason.SEAL_NOT_USABLE
        if record.state is not SealState.ACTIVE:
            raise Problem(unusable, f"state {record.state}")
        try:
            seal = read_seal(record.data)
        except SesFormatError as exc:
            raise Problem(unusable, str(exc)) from exc
        if seal.code != act.seal_code:
            raise Problem(unusable, Code.SEAL_CODE_MISMATCH)
        if not seal.is_valid_at(now):
            raise Problem(unusable, Code.SEAL_EXPIRED)
        findings = check_seal(seal, self._trust, moment=now, skew=self._options.skew)
        self._refuse(findings, FailureReason.SEAL_UNTRUSTED)

    def freeze(self, act: SealAct, papers: Papers, now: datetime) -> Prepared:
        """The document that lacks only the signature's value; raises Problem."""
        form = PdfForm(self._options.pdf_filter, self._options.pdf_sub_filter)
        return freeze(act, papers, form, now)

    def seal(self, act: SealAct, papers: Papers, now: datetime) -> bytes:
        """The sealed document; raises Problem when the province's answer does not hold."""
        prepared = restored(act, papers)
        if papers.ses_signature is None:
            raise Problem(FailureReason.RESPONSE_INVALID, "no signature is stored")
        findings = self._answer(act, prepared, papers.ses_signature, now)
        self._refuse(findings, FailureReason.RESPONSE_INVALID)
        sealed = finished(prepared, papers.ses_signature)
        report = verify_file(sealed, trust=self._trust, now=now, skew=self._options.skew)
        all_findings = [*report.findings, *(f for s in report.signatures for f in s.findings)]
        self._refuse(all_findings, FailureReason.VERIFICATION_FAILED)
        return sealed

    def _answer(
        self, act: SealAct, prepared: Prepared, answer: bytes, now: datetime
    ) -> Iterable[Finding]:
        skew = self._options.response_skew
        if act.kind is ActKind.LOCK and not isinstance(prepared, PreparedPdf):
            return check_lock(prepared, answer, trust=self._trust, now=now, skew=skew)
        return check_response(
            prepared, answer, seal_code=act.seal_code, trust=self._trust, now=now, skew=skew
        )

    def _refuse(self, findings: Iterable[Finding], reason: FailureReason) -> None:
        bad = sorted({finding.code.value for finding in findings if self._is_fatal(finding.code)})
        if bad:
            raise Problem(reason, ",".join(bad)[:MAX_DETAIL])

    def _is_fatal(self, code: Code) -> bool:
        if code is Code.CHAIN_UNCHECKED:
            return not self._options.allow_unchecked_chain
        # A revocation list that is late must not end an act for good: the province states itself
        # whether the seal is active.
        return code.is_failure


def _limits(order: SealOrder) -> tuple[tuple[str, str, int], ...]:
    return (
        ("reference", order.reference, MAX_REFERENCE),
        ("document_id", order.document_id, MAX_REFERENCE),
        ("item_code", order.item_code, MAX_REFERENCE),
        ("seal_code", order.seal_code, MAX_REFERENCE),
        ("name", order.name, MAX_NAME),
        ("signer", order.signer.uid, MAX_REFERENCE),
        ("grant_id", order.authorisation.grant_id, MAX_REFERENCE),
        ("approver", order.authorisation.approver, MAX_REFERENCE),
        # An empty proof is allowed.
        ("proof", order.authorisation.proof + " ", MAX_PROOF),
    )


def made_with(answer: bytes, seal: bytes) -> bool:
    """Whether an SES_Signature was made with exactly this issue of a seal."""
    try:
        return read_signature(answer).seal.raw == seal
    except SesFormatError:
        return False
