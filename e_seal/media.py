"""What differs between the kinds of file that can be sealed: how each is frozen, kept, finished."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from e_seal.asn1.chain import TrustStore
from e_seal.checks import DEFAULT_SKEW
from e_seal.errors import InvalidSealOrder, Problem, SealOrderNotForPdf
from e_seal.model import ActKind, FailureReason, MediaType, Papers, SealAct, SealOrder, SealState
from e_seal.ofd.container import Source
from e_seal.ofd.errors import OfdError
from e_seal.ofd.model import A4
from e_seal.ofd.reader import read
from e_seal.pdf.errors import PdfError
from e_seal.pdf.file import open_pdf
from e_seal.pdf.sign import PdfForm, PreparedPdf, embed_pdf, prepare_pdf, restore_pdf
from e_seal.pdf.verify import verify_pdf
from e_seal.report import Report
from e_seal.ses.read import read_seal
from e_seal.signing import PreparedSignature, Stamp, embed, prepare, riding_stamps
from e_seal.signing_lock import prepare_lock
from e_seal.verify import verify

PDF_MAGIC: Final = b"%PDF-"

Prepared: TypeAlias = PreparedSignature | PreparedPdf


def pages_of(order: SealOrder) -> int:
    """The number of pages of an order's file; raises InvalidSealOrder."""
    try:
        if order.media_type is MediaType.PDF:
            if order.kind is ActKind.LOCK or order.riding_y is not None:
                raise SealOrderNotForPdf("a PDF takes neither a lock nor a riding seal")
            return sum(1 for _ in open_pdf(order.content).pages())
        document = read(order.content)
    except (OfdError, PdfError) as exc:
        raise InvalidSealOrder(f"{exc.code}: {exc}") from exc
    if order.kind is ActKind.LOCK and not document.signatures:
        raise InvalidSealOrder("there is no signature to lock")
    return len(document.pages)


def freeze(act: SealAct, papers: Papers, form: PdfForm, now: datetime) -> Prepared:
    """The file with everything but the signature's value; raises Problem."""
    if papers.unsigned is None or papers.seal is None:
        raise Problem(FailureReason.DOCUMENT_INVALID, "papers are missing")
    try:
        if act.kind is ActKind.LOCK:
            return prepare_lock(papers.unsigned, papers.seal, at=now)
        stamp = _stamp(act, papers.seal)
        if act.media_type is MediaType.PDF:
            return prepare_pdf(papers.unsigned, papers.seal, stamp, at=now, form=form)
        stamps = [stamp, *_riding(act, papers.unsigned, stamp)]
        return prepare(papers.unsigned, papers.seal, stamps, at=now)
    except (OfdError, PdfError) as exc:
        raise Problem(FailureReason.DOCUMENT_INVALID, exc.code) from exc
    except ValueError as exc:
        raise Problem(FailureReason.DOCUMENT_INVALID, str(exc)) from exc


def kept(papers: Papers, prepared: Prepared) -> Papers:
    """The papers with the frozen part, from which ``restored`` makes it again."""
    if isinstance(prepared, PreparedPdf):
        # Everything else about it stands in the file itself.
        file, path, content = prepared.pdf, prepared.field, None
    else:
        file, path, content = prepared.ofd, prepared.signature_path, prepared.signature_xml
    return replace(
        papers,
        prepared=file,
        prepared_at=prepared.prepared_at,
        signature_path=path,
        signature_xml=content,
    )


def restored(act: SealAct, papers: Papers) -> Prepared:
    """The frozen part as it was stored; raises Problem when it is incomplete."""
    incomplete = Problem(FailureReason.DOCUMENT_INVALID, "papers are missing")
    if papers.prepared is None or papers.seal is None or papers.prepared_at is None:
        raise incomplete
    if act.media_type is MediaType.PDF:
        try:
            return restore_pdf(
                papers.prepared, papers.signature_path, papers.seal, papers.prepared_at
            )
        except PdfError as exc:
            raise Problem(FailureReason.DOCUMENT_INVALID, exc.code) from exc
    if papers.signature_xml is None:
        raise incomplete
    return PreparedSignature(
        papers.prepared,
        papers.signature_path,
        papers.signature_xml,
        papers.seal,
        papers.prepared_at,
    )


def finished(prepared: Prepared, answer: bytes) -> bytes:
    """The sealed file; raises Problem when the answer does not fit into it."""
    if isinstance(prepared, PreparedSignature):
        return embed(prepared, answer)
    try:
        return embed_pdf(prepared, answer)
    except PdfError as exc:
        raise Problem(FailureReason.RESPONSE_INVALID, exc.code) from exc


def verify_file(
    source: Source,
    *,
    trust: TrustStore,
    now: datetime,
    skew: timedelta = DEFAULT_SKEW,
    seal_states: Mapping[str, SealState] | None = None,
) -> Report:
    """Verify a sealed file of either kind; never raises for a bad one.

    What does not begin like a PDF is taken for an OFD. ``seal_states`` are answers of the status
    system by seal code; None means it was not asked.
    """
    if source[: len(PDF_MAGIC)] == PDF_MAGIC:
        whole = bytes(source)
        return verify_pdf(whole, trust=trust, now=now, skew=skew, seal_states=seal_states)
    return verify(source, trust=trust, now=now, skew=skew, seal_states=seal_states)


def _stamp(act: SealAct, seal: bytes) -> Stamp:
    picture = read_seal(seal).picture
    width, height = float(picture.width), float(picture.height)
    x, y = act.stamp.centre_x - width / 2, act.stamp.centre_y - height / 2
    return Stamp(act.stamp.page, x, y, width, height)


def _riding(act: SealAct, ofd: bytes, stamp: Stamp) -> tuple[Stamp, ...]:
    """The strips of a riding seal (骑缝章); none unless it was ordered."""
    if act.riding_y is None:
        return ()
    sizes = [page.size or A4 for page in read(ofd).pages]
    return riding_stamps(sizes, act.riding_y - stamp.height / 2, stamp.width, stamp.height)
