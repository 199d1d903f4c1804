"""Verify the seals of a PDF document: what each signature covers, its value, and later changes.

Values, seals and certificates are judged by the same checks as those of an OFD.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from e_seal.asn1 import tlv
from e_seal.asn1.chain import TrustStore
from e_seal.asn1.tlv import Asn1Error
from e_seal.asn1.x509 import read_certificate
from e_seal.checks import DEFAULT_SKEW, check_state, check_timestamp, check_value
from e_seal.findings import Code, Finding
from e_seal.model import SealState
from e_seal.pdf.errors import PdfError
from e_seal.pdf.file import PdfFile, open_pdf
from e_seal.pdf.objects import Dict
from e_seal.policy import Policy
from e_seal.report import Report, SignatureReport, report
from e_seal.ses.model import SealSignature, SesFormatError
from e_seal.ses.read import ValueKind, read_value
from e_seal.texts import REVOCATION, SEAL_STATUS
from kernel.crypto import sm3

_DIGITS: Final = re.compile(rb"<[0-9A-Fa-f]*>")
_MAX_SIGNATURES: Final = 64
_MAX_DIGESTED: Final = 1024 * 1024 * 1024
"""Octets (OURS): every signature is a digest over all of the file before it."""
_MAX_GAP: Final = 2 * tlv.MAX_BYTES + 2
"""Octets: the longest value in hexadecimal digits between angle brackets."""
_NEAR: Final = 1024
_CHUNK: Final = 1024 * 1024


def verify_pdf(
    pdf: bytes,
    *,
    trust: TrustStore,
    now: datetime,
    skew: timedelta = DEFAULT_SKEW,
    seal_states: Mapping[str, SealState] | None = None,
) -> Report:
    """Verify every signature field; never raises for a bad document.

    A signature covers everything but its own /Contents up to the end of its revision. Bytes behind
    the last sound one make the result INVALID; a later signed revision is told as a warning.
    """
    policy = Policy(trust, now, skew)
    left_out = (
        *([REVOCATION] if trust.revocation is None else []),
        *([SEAL_STATUS] if seal_states is None else []),
    )
    try:
        file = open_pdf(pdf)
        found = list(file.signature_fields())
    except PdfError as exc:
        return report((), (Finding(Code.PDF_MALFORMED, str(exc)),), left_out)
    if not found:
        return report((), (Finding(Code.NOT_SIGNED, "no signature field is signed"),), left_out)
    if len(found) > _MAX_SIGNATURES or len(found) * len(pdf) > _MAX_DIGESTED:
        return report((), (Finding(Code.PDF_MALFORMED, "too many signatures"),), left_out)
    checks = [_Check(file, name, value, policy, seal_states) for name, _, value in found]
    for check in checks:
        check.run()
    sound = max((check.end for check in checks if check.is_sound), default=0)
    for check in checks:
        if check.is_sound and check.end < sound:
            detail = "a later signature covers a newer revision of the file"
            check.findings.append(Finding(Code.W_LATER_REVISION, detail))
    whole: tuple[Finding, ...] = ()
    if 0 < sound < len(pdf) and pdf[sound:].strip(b"\r\n"):
        detail = f"{len(pdf) - sound} octets were added after the last sound signature"
        whole = (Finding(Code.COVERAGE_PARTIAL, detail),)
    return report(tuple(check.report() for check in checks), whole, left_out)


@dataclass
class _Check:
    """The check of one signature; ``end`` is where the bytes that it covers end."""

    file: PdfFile
    name: str
    entries: Dict
    policy: Policy
    seal_states: Mapping[str, SealState] | None
    end: int = 0
    findings: list[Finding] = field(default_factory=list)
    value: SealSignature | None = None

    @property
    def is_sound(self) -> bool:
        """Whether nothing that was found makes it invalid."""
        return not any(finding.code.is_failure for finding in self.findings)

    def run(self) -> None:
        """All steps in order; one that cannot be done is a finding, and the others go on."""
        try:
            covered = self._covered()
            contents = self.entries.get("Contents")
        except PdfError as exc:
            self.findings.append(Finding(Code.PDF_MALFORMED, str(exc)))
            return
        if not isinstance(contents, bytes):
            self.findings.append(Finding(Code.SES_FORMAT_INVALID, "there is no value"))
            return
        self.findings += self._value(contents)
        if self.value is None:
            return
        if covered is not None and self.value.data_hash != sm3.digest_of(self._chunks(covered)):
            detail = "the file is not what was signed"
            self.findings.append(Finding(Code.DATA_HASH_MISMATCH, detail))
        self.findings += check_timestamp(self.value, self.policy)
        self.findings += check_state(self.seal_states, self.value.seal.code)

    def _chunks(self, covered: tuple[range, range]) -> Iterator[memoryview]:
        """What is signed, piece by piece: a large file is never held a second time."""
        with memoryview(self.file.data) as data:
            for part in covered:
                for start in range(part.start, part.stop, _CHUNK):
                    yield data[start : min(start + _CHUNK, part.stop)]

    def _covered(self) -> tuple[range, range] | None:
        """What is signed, as offsets; None, with a finding, when that leaves out too much."""
        data = self.file.data
        numbers = [self.file.resolve(n) for n in self.file.items(self.entries.get("ByteRange"))]
        found = [n for n in numbers if isinstance(n, int) and not isinstance(n, bool)]
        if len(numbers) != 4 or len(found) != 4:
            self._bad_range("there are not two ranges")
            return None
        first, length, second, rest = found
        if first != 0 or not 0 < length < second or rest < 0 or second + rest > len(data):
            self._bad_range("the ranges lie outside of the file")
            return None
        if second - length > _MAX_GAP:
            self._bad_range("more is left out than a value can be")
            return None
        gap = data[length:second]
        contents = self.entries.get("Contents")
        if _DIGITS.fullmatch(gap) is None or bytes.fromhex(_even(gap[1:-1])) != contents:
            self._bad_range("more than the value is left out")
            return None
        if not data[max(0, length - _NEAR) : length].rstrip().endswith(b"/Contents"):
            self._bad_range("what is left out is not the value")
            return None
        self.end = second + rest
        if not data[max(0, self.end - _NEAR) : self.end].rstrip(b"\r\n ").endswith(b"%%EOF"):
            self._bad_range("the ranges do not end with a revision of the file")
            return None
        return range(length), range(second, self.end)

    def _bad_range(self, detail: str) -> None:
        self.findings.append(Finding(Code.BYTE_RANGE_INVALID, detail))

    def _value(self, contents: bytes) -> Iterator[Finding]:
        try:
            data = _without_padding(contents)
            value = read_value(data)
        except (SesFormatError, Asn1Error) as exc:
            yield Finding(Code.SES_FORMAT_INVALID, str(exc))
            return
        if isinstance(value, ValueKind):
            yield Finding(Code.SES_FORMAT_INVALID, f"the value is {value}, not a seal signature")
            return
        self.value = value
        yield from check_value(self.value, self.policy)
        if self.value.property_info != self.name:
            # No standard says what a PDF's propertyInfo is.
            yield Finding(Code.W_PROPERTY_PATH, f"signed for {self.value.property_info}")

    def report(self) -> SignatureReport:
        """What was found about this signature."""
        value, signer = self.value, None
        if value is not None:
            try:
                signer = read_certificate(value.signer_certificate)
            except Asn1Error:
                signer = None
        return SignatureReport(
            id=self.name,
            path=self.name,
            seal_code=value.seal.code if value else None,
            seal_name=value.seal.name if value else None,
            signed_at=value.signed_at if value else None,
            covered=frozenset(),
            findings=tuple(self.findings),
            signer=signer.subject.get("CN") if signer else None,
            signer_serial=f"{signer.serial:X}" if signer else None,
            value_path=self.name,
        )


def _even(digits: bytes) -> str:
    text = digits.decode("ascii")
    return text + "0" * (len(text) % 2)


def _without_padding(contents: bytes) -> bytes:
    """The value without the zeros that fill the rest of its room; raises Asn1Error."""
    head = contents[:6]
    if len(head) < 2:
        raise Asn1Error("there is no value")
    octets = head[1] & 0x7F if head[1] & 0x80 else 0
    length = int.from_bytes(head[2 : 2 + octets]) if octets else head[1]
    end = 2 + octets + length
    # Whatever else is wrong with the value, its reader says.
    return contents[:end] if not contents[end:].strip(b"\0") else contents
