"""电子印章: seals, and the documents they sign."""

from e_seal.asn1.chain import TrustStore
from e_seal.asn1.revocation import RevocationFolder
from e_seal.errors import DocumentNotSealed, InvalidSealOrder, SealActNotFound, SealOrderDiffers
from e_seal.findings import Code, Finding, Severity, Verdict
from e_seal.ledger import CHANGED_TASK
from e_seal.media import verify_file
from e_seal.model import (
    ActKind,
    ActState,
    Authorisation,
    FailureReason,
    FirstUse,
    MediaType,
    Papers,
    PublicStatus,
    Revocation,
    SealAct,
    SealOrder,
    SealRecord,
    SealState,
    SealSummary,
    SignatureForm,
    Signer,
    SignRequest,
    StampPosition,
)
from e_seal.ofd.compose import Beside, Layout, StampPlace
from e_seal.ofd.container import Source
from e_seal.ofd.errors import OfdError
from e_seal.ofd.reader import OfdDocument
from e_seal.ofd.reader import read as read_ofd
from e_seal.ofd.writer import Attachment, Document, TagSchema, doc_id_of, missing_glyphs
from e_seal.ofd.writer import write as write_ofd
from e_seal.options import SealOptions
from e_seal.pdf.errors import PdfError
from e_seal.pdf.sign import PdfForm, PreparedPdf, embed_pdf, prepare_pdf
from e_seal.pdf.verify import verify_pdf
from e_seal.ports import PORT_VERSION, ActRepository, SealProvider, SealStatusSource
from e_seal.preview import NoSuchPage, PagePicture, picture_of_page, render_page
from e_seal.report import Report, SignatureReport
from e_seal.service import SealService
from e_seal.states import ACT, LABELS, PUBLIC
from e_seal.steps import STEPS
from e_seal.texts import FINDINGS, NOT_CHECKED, VERDICTS
from e_seal.verify import verify as verify_ofd

__all__ = [
    "ACT",
    "CHANGED_TASK",
    "FINDINGS",
    "LABELS",
    "NOT_CHECKED",
    "PORT_VERSION",
    "PUBLIC",
    "STEPS",
    "VERDICTS",
    "ActKind",
    "ActRepository",
    "ActState",
    "Attachment",
    "Authorisation",
    "Beside",
    "Code",
    "Document",
    "DocumentNotSealed",
    "FailureReason",
    "Finding",
    "FirstUse",
    "InvalidSealOrder",
    "Layout",
    "MediaType",
    "NoSuchPage",
    "OfdDocument",
    "OfdError",
    "PagePicture",
    "Papers",
    "PdfError",
    "PdfForm",
    "PreparedPdf",
    "PublicStatus",
    "Report",
    "Revocation",
    "RevocationFolder",
    "SealAct",
    "SealActNotFound",
    "SealOptions",
    "SealOrder",
    "SealOrderDiffers",
    "SealProvider",
    "SealRecord",
    "SealService",
    "SealState",
    "SealStatusSource",
    "SealSummary",
    "Severity",
    "SignRequest",
    "SignatureForm",
    "SignatureReport",
    "Signer",
    "Source",
    "StampPlace",
    "StampPosition",
    "TagSchema",
    "TrustStore",
    "Verdict",
    "doc_id_of",
    "embed_pdf",
    "missing_glyphs",
    "picture_of_page",
    "prepare_pdf",
    "read_ofd",
    "render_page",
    "verify_file",
    "verify_ofd",
    "verify_pdf",
    "write_ofd",
]
