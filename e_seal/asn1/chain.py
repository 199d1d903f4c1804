"""Find and check a certificate's path to a configured trust anchor (RFC 5280 clause 6, SM2)."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final

from e_seal.asn1 import x509
from e_seal.asn1.revocation import RevocationSource
from e_seal.asn1.signed import is_signed_by, verifies
from e_seal.asn1.tlv import Asn1Error
from e_seal.asn1.x509 import Certificate

__all__ = ["ChainResult", "TrustStore", "check_chain", "find_path", "is_signed_by", "verifies"]

_MAX_PATH: Final = 6
_MAX_EXTRA: Final = 8
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_UNDERSTOOD: Final = frozenset(
    {
        x509.OID_KEY_USAGE,
        x509.OID_BASIC_CONSTRAINTS,
        x509.OID_SUBJECT_KEY_ID,
        x509.OID_AUTHORITY_KEY_ID,
        x509.OID_EXTENDED_KEY_USAGE,
        x509.OID_DISTRIBUTION_POINTS,
        "2.5.29.32",  # certificate policies: none is required here
    }
)


class ChainResult(StrEnum):
    """What the path search found."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"
    NO_ANCHORS = "no_anchors"


@dataclass(frozen=True, slots=True)
class TrustStore:
    """Configured anchors (信任锚), certificates that may lie between, and where CRLs come from.

    Without a revocation source nothing is said about revocation.
    """

    anchors: tuple[Certificate, ...] = ()
    intermediates: tuple[Certificate, ...] = ()
    revocation: RevocationSource | None = None

    @classmethod
    def from_pem(
        cls, anchors: str, intermediates: str = "", revocation: RevocationSource | None = None
    ) -> "TrustStore":
        """Build from PEM bundles; raises Asn1Error."""
        store = cls.of(_pem_blocks(anchors), _pem_blocks(intermediates))
        return replace(store, revocation=revocation)

    @classmethod
    def of(cls, anchors: Iterable[bytes], intermediates: Iterable[bytes] = ()) -> "TrustStore":
        """Build from DER certificates; raises Asn1Error."""
        return cls(
            tuple(x509.read_certificate(der) for der in anchors),
            tuple(x509.read_certificate(der) for der in intermediates),
        )


def _pem_blocks(text: str) -> Iterator[bytes]:
    for body in _PEM.findall(text):
        try:
            yield base64.b64decode("".join(body.split()), validate=True)
        except binascii.Error as exc:
            raise Asn1Error("malformed PEM block") from exc


@lru_cache(maxsize=512)
def _authority(raw: bytes) -> tuple[bool, int | None]:
    """(may issue certificates, path length) of an issuer, apart from its validity."""
    issuer = x509.read_certificate(raw)
    is_ca, path_length = issuer.basic_constraints
    usage = issuer.key_usage
    may = is_ca and (usage is None or "keyCertSign" in usage) and not _unknown_critical(issuer)
    return may, path_length


def _may_issue(issuer: Certificate, below: int, moment: datetime) -> bool:
    may, path_length = _authority(issuer.raw)
    return may and (path_length is None or below <= path_length) and issuer.is_valid_at(moment)


def _unknown_critical(certificate: Certificate) -> bool:
    return any(item.critical and item.oid not in _UNDERSTOOD for item in certificate.extensions)


def find_path(
    leaf: Certificate,
    store: TrustStore,
    moment: datetime,
    found_beside: Sequence[Certificate] = (),
) -> tuple[Certificate, ...] | None:
    """The path from ``leaf`` to an anchor, both included, every issuer valid at ``moment``.

    ``found_beside`` are certificates from the file itself: they may link, never anchor. The leaf's
    own validity is judged by the caller, because the rules differ for signer and maker. A
    certificate that is itself an anchor is trusted. None when there is no path.
    """
    try:
        if _unknown_critical(leaf):
            return None
        links = (*store.anchors, *store.intermediates, *found_beside[:_MAX_EXTRA])
        return _path(leaf, store, links, moment, below=0)
    except Asn1Error:
        return None


def check_chain(leaf: Certificate, store: TrustStore, moment: datetime) -> ChainResult:
    """Whether a path from ``leaf`` to an anchor holds; see find_path."""
    if not store.anchors:
        return ChainResult.NO_ANCHORS
    trusted = find_path(leaf, store, moment) is not None
    return ChainResult.TRUSTED if trusted else ChainResult.UNTRUSTED


def _path(
    certificate: Certificate,
    store: TrustStore,
    links: Sequence[Certificate],
    moment: datetime,
    *,
    below: int,
) -> tuple[Certificate, ...] | None:
    if any(certificate.raw == anchor.raw for anchor in store.anchors):
        return (certificate,)
    if below >= _MAX_PATH:
        return None
    for issuer in links:
        if (
            issuer.subject.raw == certificate.issuer.raw
            and _may_issue(issuer, below, moment)
            and is_signed_by(certificate, issuer)
        ):
            # A link leads on only once: rings of cross certificates end here.
            rest = [link for link in links if link is not issuer]
            found = _path(issuer, store, rest, moment, below=below + 1)
            if found is not None:
                return (certificate, *found)
    return None
