"""Was a certificate revoked: ask a pluggable source of CRLs, and check what it hands out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Final, TypeAlias

from e_seal.asn1 import x509
from e_seal.asn1.crl import MAX_BYTES, RevocationList, read_crl
from e_seal.asn1.signed import verifies
from e_seal.asn1.tlv import Asn1Error
from e_seal.asn1.x509 import Certificate

_MAX_FILES: Final = 1000
_SUFFIXES: Final = frozenset({".crl", ".pem", ".der"})


class RevocationUnavailable(Exception):
    """The source cannot be asked now; the answer is then "unknown", never "good"."""


RevocationSource: TypeAlias = Callable[[Certificate], Sequence[RevocationList]]
"""Lists of the issuer of a certificate, newest or not; raises RevocationUnavailable.

Seal CAs publish by LDAP on the government's network: whatever fetches them stands behind this.
"""


class RevocationState(StrEnum):
    """What the lists say about a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Revocation:
    """The answer about one certificate; ``since`` is the instant of revocation."""

    state: RevocationState
    since: datetime | None = None
    detail: str = ""


@lru_cache(maxsize=64)
def _is_list_of(found: RevocationList, issuer_raw: bytes) -> bool:
    issuer = x509.read_certificate(issuer_raw)
    usage = issuer.key_usage
    return (
        found.signature_algorithm == x509.OID_SM2_WITH_SM3
        and (usage is None or "cRLSign" in usage)
        and verifies(issuer, found.tbs, found.signature)
    )


def revocation_of(
    certificate: Certificate, issuer: Certificate, source: RevocationSource, now: datetime
) -> Revocation:
    """What properly signed lists of ``issuer`` say; a list of yesterday can still revoke.

    Only a list that speaks for ``now`` can say "good" (RFC 5280 6.3.3).
    """
    try:
        lists = source(certificate)
    except RevocationUnavailable as exc:
        return Revocation(RevocationState.UNKNOWN, detail=str(exc))
    detail, is_good = "no list of this issuer", False
    for found in lists:
        try:
            if not found.speaks_about(certificate) or not _is_list_of(found, issuer.raw):
                continue
        except Asn1Error:
            continue
        since = found.revoked.get(certificate.serial)
        if since is not None:
            return Revocation(RevocationState.REVOKED, since)
        is_good = is_good or found.is_current(now)
        detail = "the newest list has expired"
    if is_good:
        return Revocation(RevocationState.GOOD)
    return Revocation(RevocationState.UNKNOWN, detail=detail)


class RevocationFolder:
    """CRL files (DER or PEM) of one folder, or one file; changed files are read again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._seen: dict[Path, tuple[int, int]] = {}
        self._lists: dict[Path, RevocationList] = {}

    def __call__(self, certificate: Certificate) -> Sequence[RevocationList]:
        """Lists whose issuer is the certificate's; raises RevocationUnavailable."""
        try:
            with self._lock:
                self._refresh()
                lists = list(self._lists.values())
        except OSError as exc:
            raise RevocationUnavailable(f"revocation lists: {exc.strerror}") from exc
        return [item for item in lists if item.issuer.raw == certificate.issuer.raw]

    def _refresh(self) -> None:
        files = [self._path]
        if self._path.is_dir():
            files = sorted(f for f in self._path.iterdir() if f.suffix.lower() in _SUFFIXES)
        present: dict[Path, tuple[int, int]] = {}
        for file in files[:_MAX_FILES]:
            status = file.stat()
            present[file] = status.st_mtime_ns, status.st_size
        for file in self._seen.keys() - present.keys():
            self._lists.pop(file, None)
        for file, mark in present.items():
            if self._seen.get(file) != mark:
                self._lists.pop(file, None)
                if mark[1] <= 2 * MAX_BYTES:
                    self._read(file)
        self._seen = present

    def _read(self, file: Path) -> None:
        # An unreadable list is as good as none: certificates of its issuer stay "unknown".
        try:
            self._lists[file] = read_crl(file.read_bytes())
        except Asn1Error:
            return
