"""Prepare a document for a remote seal, check what comes back, and put it in.

The order is fixed (GB/T 33190): Seal.esl, the final Signatures.xml, digests, Signature.xml, its SM3
digest to the province, SignedValue.dat. Signature.xml never changes again once it is prepared.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, Literal, Protocol
from xml.etree.ElementTree import Element

from e_seal.asn1.chain import TrustStore
from e_seal.asn1.x509 import OID_SM2_WITH_SM3
from e_seal.checks import check_signature
from e_seal.findings import Code, Finding
from e_seal.ofd import xml
from e_seal.ofd.errors import OfdError, OfdMalformed
from e_seal.ofd.package import Package, appended, read_package
from e_seal.ofd.reader import OFD_XML, Outline, read_outline, resolve
from e_seal.ofd.writer import box, mm
from e_seal.ses.model import SesFormatError
from e_seal.ses.read import read_signature
from kernel.crypto import sm3

OID_SM3: Final = "1.2.156.10197.1.401"
PROVIDER: Final = "OneWindow"
PROVIDER_VERSION: Final = "1.0"
# Widely used viewers build these paths by hand, so they are not free.
SIGNS: Final = "Doc_0/Signs"
_BODY_END: Final = re.compile(rb"</((?:[A-Za-z_][\w.-]*:)?)DocBody\s*>")
_DIGITS: Final = re.compile(r"\d+")


class SignatureListLocked(OfdError):
    """An earlier signature covers Signatures.xml: one more signature would break it."""

    code = "SIGNATURE_LIST_LOCKED"


@dataclass(frozen=True)
class Stamp:
    """Where the seal's picture appears: page index from 0, box in mm, ``clip`` inside the box."""

    page: int
    x: float
    y: float
    width: float
    height: float
    clip: tuple[float, float, float, float] | None = None


class Frozen(Protocol):
    """A document of any kind that was prepared: what must come back signed."""

    @property
    def digest(self) -> bytes:
        """The 32 octets that the province signs."""
        ...

    @property
    def property_info(self) -> str:
        """What is signed along with the digest."""
        ...

    @property
    def seal(self) -> bytes:
        """The seal that was fetched."""
        ...

    @property
    def prepared_at(self) -> datetime:
        """The stated signing time."""
        ...


@dataclass(frozen=True)
class PreparedSignature:
    """A document that lacks only its SignedValue.dat; can be stored and continued later."""

    ofd: bytes
    signature_path: str
    signature_xml: bytes
    seal: bytes
    prepared_at: datetime

    @property
    def digest(self) -> bytes:
        """SM3 of Signature.xml, the 32 octets that the province signs."""
        return sm3.digest(self.signature_xml)

    @property
    def property_info(self) -> str:
        """Absolute path of Signature.xml, signed along with the digest."""
        return "/" + self.signature_path


RIDING_GROUP: Final = 10
"""Pages that share one cut of a riding seal: thinner strips can no longer be told apart (OURS)."""


def riding_stamps(
    page_sizes: Sequence[tuple[float, float]],
    y: float,
    width: float,
    height: float,
    *,
    edge: Literal["left", "right"] = "right",
    group: int = RIDING_GROUP,
) -> tuple[Stamp, ...]:
    """A riding seal (骑缝章) cut into one strip per page along one edge of the pages; mm.

    More than ``group`` pages are cut in groups of about equal size, each of which shows a whole
    seal. A single page has no seam and gets no strip.
    """
    pages = len(page_sizes)
    if pages < 2:
        return ()
    groups = -(-pages // group)
    bounds = [pages * number // groups for number in range(groups + 1)]
    return tuple(
        _strip(index, page_sizes[index][0], (index - first, last - first), (y, width, height), edge)
        for first, last in pairwise(bounds)
        for index in range(first, last)
    )


def _strip(
    page: int,
    page_width: float,
    place: tuple[int, int],
    size: tuple[float, float, float],
    edge: Literal["left", "right"],
) -> Stamp:
    number, count = place
    y, width, height = size
    strip = width / count
    if edge == "left":
        # Mirrored: the first page shows the right end of the picture.
        left = width - strip * (number + 1)
        return Stamp(page, -left, y, width, height, (left, 0, strip, height))
    x = page_width - strip * (number + 1)
    return Stamp(page, x, y, width, height, (strip * number, 0, strip, height))


def references(signature: Element) -> Iterator[tuple[str, str]]:
    """(FileRef, CheckValue) pairs of a parsed Signature.xml."""
    group = xml.child(signature, "SignedInfo", "References")
    for item in xml.children(group, "Reference"):
        yield item.get("FileRef", ""), xml.text(item, "CheckValue") or ""


def prepare(
    ofd: bytes, seal: bytes, stamps: Sequence[Stamp], *, at: datetime, lock: bool = False
) -> PreparedSignature:
    """Freeze everything but the signature value; ``at`` (aware) is the stated signing time.

    Every entry of the package is referenced, attachments and earlier signatures included; ``lock``
    adds Signatures.xml, after which no further signature is possible. Raises OfdError for an
    unreadable document, SignatureListLocked, and ValueError for a stamp on no page.
    """
    return freeze(ofd, seal, stamps, at=at, kind="Seal", lock=lock)


def freeze(
    ofd: bytes,
    seal: bytes,
    stamps: Sequence[Stamp],
    *,
    at: datetime,
    kind: Literal["Seal", "Sign"],
    lock: bool,
) -> PreparedSignature:
    """``prepare`` for both kinds of signature; a ``Sign`` carries no seal file and no stamps."""
    document = read_outline(read_package(ofd))
    _refuse_if_locked(document)
    package = document.package
    number = next(n for n in range(len(package.entries) + 1) if not _taken(package, n))
    folder = f"{SIGNS}/Sign_{number}"
    listed = document.signatures_path or f"{SIGNS}/Signatures.xml"
    ids = _Ids(document)
    signature_id = ids.new()
    stamp_ids = [ids.new() for _ in stamps]
    path = f"{folder}/Signature.xml"
    changes = {listed: _signatures(document, (signature_id, kind, path), ids.last)}
    if kind == "Seal":
        changes[f"{folder}/Seal.esl"] = seal
    if document.signatures_path is None:
        changes[OFD_XML] = _announce(package.get(OFD_XML), listed)
    package = package.with_entries(changes)
    if document.signatures_path is None and _announced(package.get(OFD_XML)) != listed:
        raise OfdMalformed("OFD.xml cannot take a Signatures entry")
    covered = [name for name in package if lock or name != listed]
    shown = [_stamp(document, *pair) for pair in zip(stamps, stamp_ids, strict=True)]
    if kind == "Seal":
        shown.append(xml.tag("Seal", None, xml.leaf("BaseLoc", f"/{folder}/Seal.esl")))
    content = _signature_xml(package, covered, folder, shown, at)
    whole = package.with_entries({path: content})
    return PreparedSignature(whole.to_bytes(at), path, content, seal, at)


def embed(prepared: PreparedSignature, ses_signature: bytes) -> bytes:
    """The sealed document: SignedValue.dat added, nothing else touched."""
    folder = prepared.signature_path.rpartition("/")[0]
    name = f"{folder}/SignedValue.dat"
    frozen = prepared.signature_path, prepared.signature_xml
    return appended(prepared.ofd, name, ses_signature, prepared.prepared_at, beside=frozen)


def check_response(
    prepared: Frozen,
    ses_signature: bytes,
    *,
    seal_code: str,
    trust: TrustStore,
    now: datetime,
    skew: timedelta,
) -> tuple[Finding, ...]:
    """Failures of what the province sent back; empty means that it may be embedded.

    All of these are fatal: a document with any of them must not reach the applicant. Warnings and,
    without trust anchors, the unchecked chain are left to the verification that follows.
    """
    try:
        signature = read_signature(ses_signature)
    except SesFormatError as exc:
        return (Finding(Code.SES_FORMAT_INVALID, str(exc)),)
    found: list[Finding] = []
    if signature.data_hash != prepared.digest:
        found.append(Finding(Code.DATA_HASH_MISMATCH, "another digest was signed"))
    if signature.property_info != prepared.property_info:
        found.append(Finding(Code.PROPERTY_PATH_MISMATCH, "another path was signed"))
    if signature.seal.code != seal_code:
        found.append(Finding(Code.SEAL_CODE_MISMATCH, "another seal was used"))
    if signature.seal.raw != prepared.seal:
        found.append(
            Finding(Code.SEAL_FILE_MISMATCH, "the seal was re-issued since it was fetched")
        )
    # The province may state the time of the request, which was frozen with the document.
    if not prepared.prepared_at - skew <= signature.signed_at <= now + skew:
        found.append(Finding(Code.SIGN_TIME_IMPLAUSIBLE, "signed at another time"))
    found += check_signature(signature, trust, now=now, skew=skew)
    return tuple(item for item in found if item.code.is_failure)


class _Ids:
    """Signature and stamp ids share one series ``s001`` (GB/T 33190)."""

    def __init__(self, document: Outline) -> None:
        self._last = 0
        path = document.signatures_path
        if path is not None and path in document.package:
            text = document.package.get(path).decode("utf-8", errors="replace")
            ids = [entry.id for entry in document.signatures]
            ids.append(xml.text(xml.parse(text.encode()), "MaxSignId") or "")
            numbers = (int(match[-1]) for match in map(_DIGITS.findall, ids) if match)
            self._last = max(numbers, default=0)

    def new(self) -> str:
        self._last += 1
        return self.last

    @property
    def last(self) -> str:
        return f"s{self._last:03d}"


def _taken(package: Package, number: int) -> bool:
    prefix = f"{SIGNS}/Sign_{number}/".casefold()
    return any(name.casefold().startswith(prefix) for name in package)


def _refuse_if_locked(document: Outline) -> None:
    for entry in document.signatures:
        if entry.path not in document.package:
            continue
        for location, _ in references(xml.parse(document.package.get(entry.path))):
            if resolve(entry.path, location) == document.signatures_path:
                raise SignatureListLocked(f"signature {entry.id} covers the list of signatures")


def _signatures(document: Outline, new: tuple[str, str, str], last: str) -> bytes:
    entries = [(entry.id, entry.type, entry.path) for entry in document.signatures]
    entries.append(new)
    listed = [
        xml.tag("Signature", {"ID": number, "Type": kind, "BaseLoc": f"/{place}"})
        for number, kind, place in entries
    ]
    return xml.document("Signatures", None, xml.leaf("MaxSignId", last), *listed)


def _announce(ofd_xml: bytes, listed: str) -> bytes:
    end = _BODY_END.search(ofd_xml)
    if end is None:
        raise OfdMalformed("OFD.xml cannot take a Signatures entry")
    prefix = end[1].decode()
    entry = f"<{prefix}Signatures>/{listed}</{prefix}Signatures>".encode()
    return ofd_xml[: end.start()] + entry + ofd_xml[end.start() :]


def _announced(ofd_xml: bytes) -> str | None:
    body = xml.child(xml.parse(ofd_xml), "DocBody")
    location = xml.text(body, "Signatures")
    return None if location is None else resolve(OFD_XML, location)


def _stamp(document: Outline, stamp: Stamp, stamp_id: str) -> str:
    if not 0 <= stamp.page < len(document.page_ids) or stamp.width <= 0 or stamp.height <= 0:
        raise ValueError("a stamp needs an existing page and a size")
    return xml.tag(
        "StampAnnot",
        {
            "ID": stamp_id,
            "PageRef": document.page_ids[stamp.page],
            "Boundary": box(stamp.x, stamp.y, stamp.width, stamp.height),
            "Clip": " ".join(map(mm, stamp.clip)) if stamp.clip else None,
        },
    )


def _signature_xml(
    package: Package, covered: Sequence[str], folder: str, shown: Sequence[str], at: datetime
) -> bytes:
    listed = [
        xml.tag(
            "Reference",
            {"FileRef": f"/{name}"},
            xml.leaf("CheckValue", base64.b64encode(package.digest(name)).decode()),
        )
        for name in covered
    ]
    provider = {"ProviderName": PROVIDER, "Version": PROVIDER_VERSION, "Company": PROVIDER}
    info = xml.tag(
        "SignedInfo",
        None,
        xml.tag("Provider", provider),
        xml.leaf("SignatureMethod", OID_SM2_WITH_SM3),
        xml.leaf("SignatureDateTime", at.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")),
        xml.tag("References", {"CheckMethod": OID_SM3}, *listed),
        *shown,
    )
    value = xml.leaf("SignedValue", f"/{folder}/SignedValue.dat")
    return xml.document("Signature", None, info, value)
