"""The decisions of sealing without any I/O: may this seal be used, is this answer good."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from e_seal.asn1.chain import TrustStore
from e_seal.checks import check_seal
from e_seal.errors import InvalidSealOrder
from e_seal.findings import Code, Finding
from e_seal.model import (
    MAX_DETAIL,
    MAX_NAME,
    MAX_PROOF,
    MAX_REFERENCE,
    ActKind,
    FailureReason,
    MediaType,
    Papers,
    SealAct,
    SealOrder,
    SealRecord,
    SealState,
)
from e_seal.ofd.errors import OfdError
from e_seal.ofd.reader import OfdDocument, read
from e_seal.options import SealOptions
from e_seal.ses.model import SesFormatError
from e_seal.ses.read import read_seal, read_signature
from e_seal.signing import (
    PreparedSignature,
    Stamp,
    check_response,
    embed,
    prepare,
    riding_stamps,
)
from e_seal.signing_lock import check_lock, prepare_lock
from e_seal.verify import verify

A4: Final = (210.0, 297.0)
"""Millimetres; the size of a page that states none."""


class Problem(Exception):
    """Why an act cannot go on; ``detail`` holds codes, never personal data."""

    def __init__(self, reason: FailureReason, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Judge:
    """Decides by the installation's trust anchors and options."""

    def __init__(self, trust: TrustStore, options: SealOptions) -> None:
        self._trust = trust
        self._options = options

    def read_order(self, order: SealOrder) -> OfdDocument:
        """The document of an order; raises InvalidSealOrder."""
        for name, value, most in _limits(order):
            if not 0 < len(value) <= most:
                raise InvalidSealOrder(f"{name} must have 1 to {most} characters", field=name)
        if order.media_type is not MediaType.OFD:
            raise InvalidSealOrder("only OFD can be sealed", field="media_type")
        try:
            document = read(order.ofd)
        except OfdError as exc:
            raise InvalidSealOrder(f"{exc.code}: {exc}") from exc
        if not 0 <= order.stamp.page < len(document.pages):
            raise InvalidSealOrder("the stamp's page does not exist")
        if order.riding_y is not None and (order.kind is ActKind.LOCK or len(document.pages) < 2):
            raise InvalidSealOrder("a riding seal needs a seal and at least two pages")
        if order.kind is ActKind.LOCK and not document.signatures:
            raise InvalidSealOrder("there is no signature to lock")
        return document

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

    def freeze(self, act: SealAct, papers: Papers, now: datetime) -> PreparedSignature:
        """The document with its final Signature.xml; raises Problem."""
        if papers.unsigned is None or papers.seal is None:
            raise Problem(FailureReason.DOCUMENT_INVALID, "papers are missing")
        try:
            if act.kind is ActKind.LOCK:
                return prepare_lock(papers.unsigned, papers.seal, at=now)
            return prepare(papers.unsigned, papers.seal, _stamps(act, papers), at=now)
        except OfdError as exc:
            raise Problem(FailureReason.DOCUMENT_INVALID, exc.code) from exc
        except ValueError as exc:
            raise Problem(FailureReason.DOCUMENT_INVALID, str(exc)) from exc

    def seal(self, act: SealAct, papers: Papers, now: datetime) -> bytes:
        """The sealed document; raises Problem when the province's answer does not hold."""
        prepared = restored(papers)
        if papers.ses_signature is None:
            raise Problem(FailureReason.RESPONSE_INVALID, "no signature is stored")
        findings = self._answer(act, prepared, papers.ses_signature, now)
        self._refuse(findings, FailureReason.RESPONSE_INVALID)
        sealed = embed(prepared, papers.ses_signature)
        report = verify(sealed, trust=self._trust, now=now, skew=self._options.skew)
        all_findings = [*report.findings, *(f for s in report.signatures for f in s.findings)]
        self._refuse(all_findings, FailureReason.VERIFICATION_FAILED)
        return sealed

    def _answer(
        self, act: SealAct, prepared: PreparedSignature, answer: bytes, now: datetime
    ) -> Iterable[Finding]:
        skew = self._options.response_skew
        if act.kind is ActKind.LOCK:
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


def _stamps(act: SealAct, papers: Papers) -> list[Stamp]:
    """The seal's picture at its place, and the strips of a riding seal."""
    if papers.unsigned is None or papers.seal is None:
        raise Problem(FailureReason.DOCUMENT_INVALID, "papers are missing")
    picture = read_seal(papers.seal).picture
    width, height = float(picture.width), float(picture.height)
    x, y = act.stamp.centre_x - width / 2, act.stamp.centre_y - height / 2
    stamps = [Stamp(act.stamp.page, x, y, width, height)]
    if act.riding_y is not None:
        sizes = [page.size or A4 for page in read(papers.unsigned).pages]
        stamps += riding_stamps(sizes, act.riding_y - height / 2, width, height)
    return stamps


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


def restored(papers: Papers) -> PreparedSignature:
    """The frozen part as it was stored; raises Problem when it is incomplete."""
    if (
        papers.prepared is None
        or papers.signature_xml is None
        or papers.seal is None
        or papers.prepared_at is None
    ):
        raise Problem(FailureReason.DOCUMENT_INVALID, "papers are missing")
    return PreparedSignature(
        papers.prepared,
        papers.signature_path,
        papers.signature_xml,
        papers.seal,
        papers.prepared_at,
    )


def made_with(answer: bytes, seal: bytes) -> bool:
    """Whether an SES_Signature was made with exactly this issue of a seal."""
    try:
        return read_signature(answer).seal.raw == seal
    except SesFormatError:
        return False
