"""The result of a verification: what was found about each signature and about the whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from e_seal.findings import Code, Finding, Verdict, verdict
from e_seal.texts import REVOCATION


@dataclass(frozen=True)
class SignatureReport:
    """What was found about one signature; ``covered`` are entries whose digest is right.

    ``type`` is ``Seal`` or ``Sign``, by what the value is; ``signer`` the common name of the
    signing certificate and ``signer_serial`` its serial number in hexadecimal.
    """

    id: str
    path: str
    seal_code: str | None
    seal_name: str | None
    signed_at: datetime | None
    covered: frozenset[str]
    findings: tuple[Finding, ...]
    type: str = "Seal"
    signer: str | None = None
    signer_serial: str | None = None
    value_path: str = ""


@dataclass(frozen=True)
class Report:
    """The result for a whole document; ``not_checked`` names what this verification leaves out."""

    verdict: Verdict
    signatures: tuple[SignatureReport, ...]
    findings: tuple[Finding, ...]
    not_checked: tuple[str, ...] = (REVOCATION,)

    @property
    def codes(self) -> frozenset[Code]:
        """All codes found, of the document and its signatures."""
        return frozenset(finding.code for finding, _ in self.placed())

    def placed(self) -> Iterator[tuple[Finding, tuple[str, ...]]]:
        """Every finding and where it was made: package entries, none for the whole file.

        Those of the signatures come first, in the order of the list of signatures.
        """
        for part in self.signatures:
            for finding in part.findings:
                yield finding, finding.paths or (part.path,)
        for finding in self.findings:
            yield finding, finding.paths


def report(
    signatures: tuple[SignatureReport, ...],
    findings: tuple[Finding, ...],
    not_checked: tuple[str, ...],
) -> Report:
    """Draw the conclusion."""
    every = [*findings, *(item for part in signatures for item in part.findings)]
    return Report(verdict(every), signatures, findings, not_checked)
