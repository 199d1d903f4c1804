"""Check a document as a whole: its list of signatures, and whether all it shows is signed."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from e_seal.findings import Code, Finding
from e_seal.ofd.reader import OFD_XML, OfdDocument
from e_seal.report import SignatureReport


def check_list(document: OfdDocument) -> Iterator[Finding]:
    """Step 14: neither OFD.xml nor the list may be read in two ways; both are often unsigned."""
    for name in document.ambiguous:
        detail = f"OFD.xml names more than one {name}"
        yield Finding(Code.SIGNATURE_LIST_INVALID, detail, (OFD_XML,))
    listed = document.signatures_path or ""
    for what, values in (
        ("ID", [entry.id for entry in document.signatures]),
        ("BaseLoc", [entry.path for entry in document.signatures]),
    ):
        twice = sorted(value for value, count in Counter(values).items() if count > 1)
        if twice:
            detail = f"{what} {', '.join(twice)} more than once"
            yield Finding(Code.SIGNATURE_LIST_INVALID, detail, (listed,))


def check_coverage(
    document: OfdDocument, signatures: Sequence[SignatureReport]
) -> Iterator[Finding]:
    """Step 15: a new, unsigned DocRoot can keep all digests right, so what is shown must be signed.

    Only signatures without a failure count. OFD.xml alone and parts that nothing shows are
    warnings, because genuine files have them.
    """
    sound = [s for s in signatures if not any(f.code.is_failure for f in s.findings)]
    if not sound:
        return
    covered = frozenset[str]().union(*(s.covered for s in sound))
    present = frozenset(document.package)
    shown = document.reachable & present - covered - {OFD_XML}
    if shown:
        detail = "parts that are shown but not signed"
        yield Finding(Code.COVERAGE_PARTIAL, detail, tuple(sorted(shown)))
    loose = sorted(present - covered - shown - set(_of_signatures(document, signatures)))
    if loose:
        yield Finding(Code.W_ENTRY_UNSIGNED, "entries outside every signature", tuple(loose))


def _of_signatures(document: OfdDocument, signatures: Iterable[SignatureReport]) -> Iterator[str]:
    """What no signature can cover or none need: the list, Signature.xml (its digest), the value."""
    if document.signatures_path is not None:
        yield document.signatures_path
    for signature in signatures:
        yield signature.path
        yield signature.value_path
