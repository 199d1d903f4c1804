"""Write docs/eseal-samples.md: every sample and every tampered document, expected and found.

``python -m tests.unit.e_seal.table`` writes it; test_samples.py sees that it is up to date.
"""

import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from e_seal.asn1.chain import TrustStore
from e_seal.asn1.x509 import read_certificate
from e_seal.checks import DEFAULT_SKEW, check_seal
from e_seal.findings import Code, Verdict, verdict
from e_seal.report import Report
from e_seal.ses.model import SesFormatError
from e_seal.ses.read import read_seal, read_signature
from e_seal.verify import verify
from tests.unit.e_seal.samples import NOW, VECTORS, sample, world
from tests.unit.e_seal.tampered import CASES

PAGE = Path(__file__).parents[3] / "docs" / "eseal-samples.md"
LATER = NOW + timedelta(hours=12)


class Expected(NamedTuple):
    """What a sample must give: its verdict, and codes that must be among the findings."""

    verdict: Verdict
    codes: frozenset[Code]
    why: str


def _expect(result: Verdict, why: str, *codes: Code) -> Expected:
    return Expected(result, frozenset(codes), why)


_OPEN, _BAD = Verdict.INDETERMINATE, Verdict.INVALID
_LATE = (Code.SIGN_TIME_OUTSIDE_CERT, Code.SIGN_TIME_OUTSIDE_SEAL)
SAMPLES: dict[str, Expected] = {
    "generated/good.ofd": _expect(
        Verdict.VALID_WITH_WARNINGS, "good; sealed before its maker's certificate began"
    ),
    "generated/riding.ofd": _expect(Verdict.VALID_WITH_WARNINGS, "good; one seal across the pages"),
    "generated/bad_page.ofd": _expect(_BAD, "a page was changed", Code.REF_MODIFIED),
    "generated/bad_sealfile.ofd": _expect(
        _BAD, "Seal.esl was replaced", Code.SEAL_FILE_MISMATCH, Code.REF_MODIFIED
    ),
    "generated/bad_sigvalue.ofd": _expect(_BAD, "the value was changed", Code.SIGNATURE_INVALID),
    "samples/999.ofd": _expect(
        _OPEN,
        "genuine tax test seal; its CA is not at hand; OFD.xml unsigned",
        Code.CHAIN_UNCHECKED,
    ),
    "samples/allprotected.ofd": _expect(
        _OPEN, "ofdrw, list of signatures locked; its CA is not at hand", Code.CHAIN_UNCHECKED
    ),
    "samples/SESV4SignDoc.ofd": _expect(_BAD, "ofdrw, signed four years after expiry", *_LATE),
    "samples/gen_13_riding_seal.ofd": _expect(_BAD, "ofdrw, signed after expiry", *_LATE),
    "samples/h.ofd": _expect(
        _BAD, "ofdrw, the second signature broke the list the first had locked", Code.REF_MODIFIED
    ),
    "samples/n.ofd": _expect(
        _BAD,
        "version 1; only its seal is good",
        Code.SIGNATURE_INVALID,
        Code.DATA_HASH_MISMATCH,
        Code.REF_MODIFIED,
        Code.ALG_UNSUPPORTED,
    ),
    "seals/UserV1.esl": _expect(_OPEN, "version 1 seal", Code.CHAIN_UNCHECKED),
    "seals/UserV4.esl": _expect(_OPEN, "version 4 seal", Code.CHAIN_UNCHECKED),
    "seals/UserV5.esl": _expect(
        _BAD, "version 5 seal, made with an expired certificate", Code.SEAL_MAKER_UNTRUSTED
    ),
    "seals/UserV5_ts.esl": _expect(
        _BAD, "version 5 seal with three octets as timestamp", Code.SEAL_TIMESTAMP_INVALID
    ),
    "seals/SESealData.DER": _expect(
        _BAD, "vendor's seal whose maker did not sign it", Code.SEAL_SIGNATURE_INVALID
    ),
    "seals/tax-jiangsu/Sign_0_SignedValue.dat": _expect(
        _OPEN, "genuine production signature without its document", Code.CHAIN_UNCHECKED
    ),
}


def trust() -> TrustStore:
    root = sample("generated/root.pem").decode()
    return TrustStore.of([ssl.PEM_cert_to_DER_cert(root)])


def check(name: str) -> tuple[Verdict, set[Code]]:
    """Our result: of a document, of a seal at the time it was made, or of a lone signature."""
    data = sample(name)
    if name.endswith(".ofd"):
        anchors = trust() if name.startswith("generated/") else TrustStore()
        report = verify(data, trust=anchors, now=LATER)
        return report.verdict, set(report.codes)
    try:
        seal, moment = read_seal(data), None
    except SesFormatError:
        signature = read_signature(data)
        seal, moment = signature.seal, signature.signed_at
    moment = moment or seal.created_at
    found = list(check_seal(seal, TrustStore(), moment=moment, skew=DEFAULT_SKEW, now=LATER))
    return verdict(found), {item.code for item in found}


def certificates() -> list[str]:
    return sorted(path.name for path in (VECTORS / "certs").glob("*.cer"))


def tampered(name: str) -> Report:
    return verify(CASES[name].make(), trust=world().trust, now=NOW)


def _listed(codes: set[Code]) -> str:
    return ", ".join(f"`{code}`" for code in sorted(codes)) or "none"


def _rows() -> Iterator[str]:
    yield "# Samples and what the verifier says"
    yield ""
    yield "Written by `python -m tests.unit.e_seal.table`; a test sees that it is up to date."
    yield "The files lie in `tests/vectors/eseal`, their origin and licence in its `MANIFEST.tsv`."
    yield "Those made for the project are checked against their root; no CA of the others is"
    yield "public, so the best they can get is `INDETERMINATE`. One document may have several"
    yield "findings."
    yield ""
    yield "| Sample | What it is | Expected | Ours | Findings |"
    yield "|---|---|---|---|---|"
    for name, expected in SAMPLES.items():
        result, codes = check(name)
        yield f"| {name} | {expected.why} | {expected.verdict} | {result} | {_listed(codes)} |"
    yield ""
    yield "## Documents of ours, tampered with"
    yield ""
    yield "Sealed in the test (`tests/unit/e_seal/tampered.py`), changed, and verified."
    yield ""
    yield "| Case | What was done | Expected | Ours | Findings |"
    yield "|---|---|---|---|---|"
    for name, case in CASES.items():
        report = tampered(name)
        found = _listed(set(report.codes))
        yield f"| {name} | {case.what} | `{case.code}` | {report.verdict} | {found} |"
    yield ""
    yield "## Certificates of live seals"
    yield ""
    yield "| File | Subject | Issuer | Valid |"
    yield "|---|---|---|---|"
    for name in certificates():
        read = read_certificate(sample(f"certs/{name}"))
        subject, issuer = read.subject.get("CN"), read.issuer.get("CN")
        period = f"{read.not_before:%Y-%m-%d} to {read.not_after:%Y-%m-%d}"
        yield f"| {name} | {subject} | {issuer} | {period} |"


def page() -> str:
    return "\n".join(_rows()) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
