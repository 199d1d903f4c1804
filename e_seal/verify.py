"""Verify the seals of an OFD document (验章): signature values, seals, references, coverage.

The standard stops at the first failure; here every check runs and all findings are reported.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from xml.etree.ElementTree import Element

from e_seal.asn1.chain import TrustStore
from e_seal.asn1.x509 import OID_SM2_WITH_SM3
from e_seal.checks import DEFAULT_SKEW, check_signature
from e_seal.findings import Code, Finding, Verdict, verdict
from e_seal.model import SealState
from e_seal.ofd import xml
from e_seal.ofd.errors import OfdError, OfdUnsafe
from e_seal.ofd.reader import OFD_XML, OfdDocument, SignatureEntry, read, resolve
from e_seal.ses.model import SealSignature, SesFormatError, SesVersionUnsupported
from e_seal.ses.read import read_signature
from e_seal.signing import OID_SM3, references
from kernel.crypto import sm3

_SM3_NAMES: Final = frozenset({OID_SM3, "SM3"})
_DEAD: Final = frozenset({SealState.REVOKED, SealState.CANCELLED, SealState.FROZEN})


@dataclass(frozen=True)
class SignatureReport:
    """What was found about one signature; ``covered`` are entries whose digest is right."""

    id: str
    path: str
    seal_code: str | None
    seal_name: str | None
    signed_at: datetime | None
    covered: frozenset[str]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Report:
    """The result for a whole document; ``not_checked`` names what this verification leaves out."""

    verdict: Verdict
    signatures: tuple[SignatureReport, ...]
    findings: tuple[Finding, ...]
    not_checked: tuple[str, ...] = ("certificate revocation",)

    @property
    def codes(self) -> frozenset[Code]:
        """All codes found, of the document and its signatures."""
        own = {finding.code for finding in self.findings}
        return frozenset(own.union(*({f.code for f in s.findings} for s in self.signatures)))


def verify(
    ofd: bytes,
    *,
    trust: TrustStore,
    now: datetime,
    skew: timedelta = DEFAULT_SKEW,
    seal_states: Mapping[str, SealState] | None = None,
) -> Report:
    """Verify every signature and what they cover; never raises for a bad document.

    ``seal_states`` are answers of the status system by seal code; None means it was not asked.
    """
    try:
        document = read(ofd)
    except OfdError as exc:
        code = Code.OFD_UNSAFE if isinstance(exc, OfdUnsafe) else Code.OFD_MALFORMED
        return _report((), (Finding(code, str(exc)),))
    if not document.signatures:
        return _report((), (Finding(Code.NOT_SIGNED, "the document lists no signature"),))
    signatures = tuple(
        _signature(document, entry, trust, now, skew, seal_states) for entry in document.signatures
    )
    return _report(signatures, tuple(_coverage(document, signatures)))


def _report(signatures: tuple[SignatureReport, ...], findings: tuple[Finding, ...]) -> Report:
    all_findings = [*findings, *(item for part in signatures for item in part.findings)]
    return Report(verdict(all_findings), signatures, findings)


def _signature(
    document: OfdDocument,
    entry: SignatureEntry,
    trust: TrustStore,
    now: datetime,
    skew: timedelta,
    seal_states: Mapping[str, SealState] | None,
) -> SignatureReport:
    findings: list[Finding] = []
    value: SealSignature | None = None
    covered: set[str] = set()
    try:
        content = document.package.get(entry.path)
        root = xml.parse(content)
        findings += _methods(root)
        findings += _references(document, entry, root, covered)
        value = _value(document, entry, root, findings)
        if value is not None:
            findings += check_signature(value, trust, now=now, skew=skew)
            findings += _binding(document, entry, root, content, value)
            findings += _status(value.seal.code, seal_states)
        findings += _stamps(document, root)
    except OfdError as exc:
        findings.append(Finding(Code.OFD_MALFORMED, str(exc), (entry.path,)))
    return SignatureReport(
        id=entry.id,
        path=entry.path,
        seal_code=value.seal.code if value else None,
        seal_name=value.seal.name if value else None,
        signed_at=value.signed_at if value else None,
        covered=frozenset(covered),
        findings=tuple(findings),
    )


def _methods(root: Element) -> Iterator[Finding]:
    info = xml.child(root, "SignedInfo")
    method = xml.text(info, "SignatureMethod")
    if method != OID_SM2_WITH_SM3:
        yield Finding(Code.ALG_UNSUPPORTED, f"SignatureMethod {method}")
    group = xml.child(info, "References")
    # Without the attribute GB/T 33190 means MD5.
    digest = group.get("CheckMethod", "MD5") if group is not None else "none"
    if digest.upper() not in _SM3_NAMES:
        yield Finding(Code.ALG_UNSUPPORTED, f"CheckMethod {digest}")


def _references(
    document: OfdDocument, entry: SignatureEntry, root: Element, covered: set[str]
) -> Iterator[Finding]:
    missing: list[str] = []
    modified: list[str] = []
    for location, check_value in references(root):
        path = resolve(entry.path, location)
        if path not in document.package:
            missing.append(path)
        elif _decoded(check_value) == sm3.digest(document.package.get(path)):
            covered.add(path)
        else:
            modified.append(path)
    covered.difference_update(modified)
    if missing:
        yield Finding(Code.REF_MISSING, "signed entries are gone", tuple(missing))
    if modified:
        yield Finding(Code.REF_MODIFIED, "signed entries were changed", tuple(modified))
    if not covered and not missing and not modified:
        yield Finding(Code.REF_MISSING, "nothing is signed")


def _decoded(check_value: str) -> bytes:
    try:
        return base64.b64decode("".join(check_value.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _value(
    document: OfdDocument, entry: SignatureEntry, root: Element, findings: list[Finding]
) -> SealSignature | None:
    path = resolve(entry.path, xml.text(root, "SignedValue") or "SignedValue.dat")
    try:
        return read_signature(document.package.get(path))
    except SesVersionUnsupported as exc:
        findings.append(Finding(Code.SES_VERSION_UNSUPPORTED, str(exc), (path,)))
    except SesFormatError as exc:
        findings.append(Finding(Code.SES_FORMAT_INVALID, str(exc), (path,)))
    return None


def _binding(
    document: OfdDocument,
    entry: SignatureEntry,
    root: Element,
    content: bytes,
    value: SealSignature,
) -> Iterator[Finding]:
    if value.data_hash != sm3.digest(content):
        yield Finding(
            Code.DATA_HASH_MISMATCH, "Signature.xml is not what was signed", (entry.path,)
        )
    if value.property_info.lstrip("/") != entry.path:
        yield Finding(Code.W_PROPERTY_PATH, f"signed for {value.property_info}", (entry.path,))
    location = xml.text(root, "SignedInfo", "Seal", "BaseLoc")
    if location is not None:
        path = resolve(entry.path, location)
        if path not in document.package or document.package.get(path) != value.seal.raw:
            yield Finding(Code.SEAL_FILE_MISMATCH, "not the seal that signed", (path,))


def _status(code: str, states: Mapping[str, SealState] | None) -> Iterator[Finding]:
    if states is None:
        return
    state = states.get(code, SealState.UNKNOWN)
    if state in _DEAD:
        yield Finding(Code.SEAL_REVOKED, f"the status system says {state}")
    elif state is SealState.UNKNOWN:
        yield Finding(Code.W_STATUS_UNKNOWN, "the status system gave no answer")


def _stamps(document: OfdDocument, root: Element) -> Iterator[Finding]:
    pages = {page.id for page in document.pages}
    for item in xml.children(xml.child(root, "SignedInfo"), "StampAnnot"):
        if item.get("PageRef") not in pages:
            yield Finding(Code.STAMP_ANNOT_INVALID, f"stamp on page {item.get('PageRef')}")


def _coverage(document: OfdDocument, signatures: tuple[SignatureReport, ...]) -> Iterator[Finding]:
    """A new, unsigned DocRoot can keep all digests right, so what may be shown must be signed."""
    sound = [s for s in signatures if not any(f.code.is_failure for f in s.findings)]
    if not sound:
        return
    covered = frozenset[str]().union(*(s.covered for s in sound))
    present = frozenset(document.package)
    shown = document.reachable & present - covered - {OFD_XML}
    if shown:
        detail = "parts that are shown but not signed"
        yield Finding(Code.COVERAGE_PARTIAL, detail, tuple(sorted(shown)))
    folders = tuple(s.path.rpartition("/")[0] + "/" for s in signatures)
    loose = sorted(
        name
        for name in present - covered - shown - {document.signatures_path}
        if not name.startswith(folders)
    )
    if loose:
        yield Finding(Code.W_ENTRY_UNSIGNED, "entries outside every signature", tuple(loose))
