"""Verify the seals of an OFD document (验章): signature values, seals, references, coverage.

The standard stops at the first failure; here every check runs and all findings are reported, in
the order of GM/T 0031: the value, the seal, the signer, the times, and then the document.
"""

import base64
import binascii
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from xml.etree.ElementTree import Element

from e_seal.asn1.chain import TrustStore
from e_seal.asn1.tlv import Asn1Error, parse_time
from e_seal.asn1.x509 import OID_SM2_WITH_SM3, Certificate, read_certificate
from e_seal.checks import DEFAULT_SKEW, check_state, check_timestamp, check_value
from e_seal.coverage import check_coverage, check_list
from e_seal.digital import DigitalSignature, check_bare, check_signed_data
from e_seal.findings import Code, Finding
from e_seal.model import SealState
from e_seal.ofd import xml
from e_seal.ofd.container import Source
from e_seal.ofd.errors import OfdError, OfdUnsafe
from e_seal.ofd.reader import OfdDocument, SignatureEntry, read, resolve
from e_seal.policy import Policy
from e_seal.report import Report, SignatureReport, report
from e_seal.ses.model import SealSignature, SesFormatError
from e_seal.ses.read import ValueKind, read_value
from e_seal.signing import OID_SM3, references
from e_seal.texts import REVOCATION, SEAL_STATUS
from kernel.crypto import sm3

__all__ = ["Report", "SignatureReport", "verify"]

_SM3_NAMES: Final = frozenset({OID_SM3, "SM3"})
_TIME_DIGITS: Final = 14
MAX_SIGNATURES: Final = 256
"""OURS: every signature costs two verifications, and a list of them is short to write."""


def verify(
    ofd: Source,
    *,
    trust: TrustStore,
    now: datetime,
    skew: timedelta = DEFAULT_SKEW,
    seal_states: Mapping[str, SealState] | None = None,
) -> Report:
    """Verify every signature and what they cover; never raises for a bad document.

    ``seal_states`` are answers of the status system by seal code; None means it was not asked.
    """
    policy = Policy(trust, now, skew)
    left_out = (
        *([REVOCATION] if trust.revocation is None else []),
        *([SEAL_STATUS] if seal_states is None else []),
    )
    try:
        document = read(ofd)
        listed = tuple(check_list(document))
    except OfdError as exc:
        return report((), (_unreadable(exc, ""),), left_out)
    if not document.signatures:
        missing = Finding(Code.NOT_SIGNED, "the document lists no signature")
        return report((), (missing, *listed), left_out)
    if len(document.signatures) > MAX_SIGNATURES:
        return report((), (Finding(Code.OFD_UNSAFE, "too many signatures"),), left_out)
    signatures: list[SignatureReport] = []
    known: list[Certificate] = [*trust.intermediates, *trust.anchors]
    for entry in document.signatures:
        check = _Check(document, entry, policy, seal_states, known)
        signatures.append(check.run())
    found = (*listed, *check_coverage(document, signatures))
    return report(tuple(signatures), found, left_out)


@dataclass
class _Check:
    """The check of one signature; ``known`` collects certificates for signatures without one."""

    document: OfdDocument
    entry: SignatureEntry
    policy: Policy
    seal_states: Mapping[str, SealState] | None
    known: list[Certificate]
    findings: list[Finding] = field(default_factory=list)
    covered: set[str] = field(default_factory=set)
    value: SealSignature | None = None
    digital: DigitalSignature | None = None
    value_path: str = ""

    def run(self) -> SignatureReport:
        """All steps in order; one that cannot be done is a finding, and the others go on."""
        path = self.entry.path
        try:
            root = xml.parse(self.document.package.get(path))
        except OfdError as exc:
            self.findings.append(_unreadable(exc, path))
            return self._report()
        for step in (
            self._check_value,
            self._check_references,
            self._seal_file,
            self._timestamp,
            self._stamps,
            self._status,
        ):
            try:
                self.findings += step(root)
            except OfdError as exc:
                self.findings.append(_unreadable(exc, path))
        return self._report()

    def _check_value(self, root: Element) -> Iterator[Finding]:
        yield from _methods(root)
        path, package = self.entry.path, self.document.package
        self.value_path = resolve(path, xml.text(root, "SignedValue") or "SignedValue.dat")
        data, content = package.get(self.value_path), package.get(path)
        try:
            value = read_value(data)
        except SesFormatError as exc:
            yield Finding(Code.SES_FORMAT_INVALID, str(exc), (self.value_path,))
            return
        if isinstance(value, SealSignature):
            self.value = value
            yield from check_value(value, self.policy)
            yield from self._binding(content, value)
        elif value is ValueKind.SIGNED_DATA:
            self.digital = check_signed_data(data, content, _stated_time(root), self.policy)
        else:
            stated = _stated_time(root)
            self.digital = check_bare(data, content, stated, self.policy, self.known)
        if self.digital is not None:
            yield from self.digital.findings
        if (self.value is None) is not (self.entry.type == "Sign"):
            yield Finding(Code.W_SIGNATURE_TYPE, f"listed as {self.entry.type}")

    def _binding(self, content: bytes, value: SealSignature) -> Iterator[Finding]:
        path = self.entry.path
        if value.data_hash != sm3.digest(content):
            detail = "Signature.xml is not what was signed"
            yield Finding(Code.DATA_HASH_MISMATCH, detail, (path,))
        if value.property_info != f"/{path}":
            same = _normal(value.property_info) == _normal(path)
            code = Code.W_PROPERTY_PATH if same else Code.PROPERTY_PATH_MISMATCH
            yield Finding(code, f"signed for {value.property_info}", (path,))

    def _check_references(self, root: Element) -> Iterator[Finding]:
        missing: list[str] = []
        modified: list[str] = []
        package, listed = self.document.package, self.document.signatures_path
        for location, stated in references(root):
            path = resolve(self.entry.path, location)
            if path not in package:
                missing.append(path)
            elif _decoded(stated) == package.digest(path):
                self.covered.add(path)
            else:
                modified.append(path)
        self.covered.difference_update(modified)
        if missing:
            yield Finding(Code.REF_MISSING, "signed entries are gone", tuple(missing))
        if modified:
            detail = "signed entries were changed"
            if modified == [listed]:
                detail = "a signature was added or taken away after this one locked the list"
            yield Finding(Code.REF_MODIFIED, detail, tuple(modified))
        if not self.covered and not missing and not modified:
            yield Finding(Code.REF_MISSING, "nothing is signed")

    def _seal_file(self, root: Element) -> Iterator[Finding]:
        location = xml.text(root, "SignedInfo", "Seal", "BaseLoc")
        if location is not None and self.value is not None:
            path, package = resolve(self.entry.path, location), self.document.package
            if path not in package or package.get(path) != self.value.seal.raw:
                yield Finding(Code.SEAL_FILE_MISMATCH, "not the seal that signed", (path,))

    def _timestamp(self, _root: Element) -> Iterator[Finding]:
        if self.value is not None:
            yield from check_timestamp(self.value, self.policy)

    def _stamps(self, root: Element) -> Iterator[Finding]:
        pages = {page.id for page in self.document.pages}
        for item in xml.children(xml.child(root, "SignedInfo"), "StampAnnot"):
            if item.get("PageRef") not in pages:
                yield Finding(Code.STAMP_ANNOT_INVALID, f"stamp on page {item.get('PageRef')}")
            clip = item.get("Clip")
            if not _is_box(item.get("Boundary")) or (clip is not None and not _is_box(clip)):
                detail = f"stamp {item.get('ID')} has no proper area"
                yield Finding(Code.STAMP_ANNOT_INVALID, detail)

    def _status(self, _root: Element) -> Iterator[Finding]:
        if self.value is not None:
            yield from check_state(self.seal_states, self.value.seal.code)

    def _report(self) -> SignatureReport:
        value, signer, moment = self.value, None, None
        if value is not None:
            moment = value.signed_at
            try:
                signer = read_certificate(value.signer_certificate)
                self.known.append(signer)
            except Asn1Error:
                signer = None
        elif self.digital is not None:
            signer, moment = self.digital.signer, self.digital.signed_at
        return SignatureReport(
            id=self.entry.id,
            path=self.entry.path,
            seal_code=value.seal.code if value else None,
            seal_name=value.seal.name if value else None,
            signed_at=moment,
            covered=frozenset(self.covered),
            findings=tuple(self.findings),
            type="Sign" if self.digital else "Seal",
            signer=signer.subject.get("CN") if signer else None,
            signer_serial=f"{signer.serial:X}" if signer else None,
            value_path=self.value_path,
        )


def _unreadable(exc: OfdError, path: str) -> Finding:
    code = Code.OFD_UNSAFE if isinstance(exc, OfdUnsafe) else Code.OFD_MALFORMED
    return Finding(code, str(exc), (path,) if path else ())


def _normal(path: str) -> str:
    return path.strip().replace("\\", "/").lstrip("/").casefold()


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


def _stated_time(root: Element) -> datetime | None:
    stated = xml.text(root, "SignedInfo", "SignatureDateTime") or ""
    digits = "".join(char for char in stated if char.isascii() and char.isdigit())
    try:
        return parse_time(f"{digits[:_TIME_DIGITS]}Z", short_year=False)
    except Asn1Error:
        return None


def _decoded(check_value: str) -> bytes:
    try:
        return base64.b64decode("".join(check_value.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _is_box(text: str | None) -> bool:
    """Whether this is ST_Box ``x y width height`` with a size (GB/T 33190)."""
    try:
        numbers = [float(part) for part in (text or "").split()]
    except ValueError:
        return False
    return len(numbers) == 4 and all(map(math.isfinite, numbers)) and min(numbers[2:]) > 0
