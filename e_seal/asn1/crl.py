"""Read certificate revocation lists (CRL 证书撤销列表, RFC 5280 clause 5) as SM2 CAs publish them.

OpenSSL 3 cannot verify an SM2 list, because the signer's id does not reach it; we do it ourselves.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from e_seal.asn1 import tlv, x509
from e_seal.asn1.tlv import Asn1Error, Node
from e_seal.asn1.x509 import Certificate, Extension, Name, read_extensions, read_name

MAX_ENTRIES: Final = 500_000
MAX_BYTES: Final = 32 * 1024 * 1024
_PEM: Final = re.compile(rb"-----BEGIN X509 CRL-----(.+?)-----END X509 CRL-----", re.DOTALL)
_OID_REASON: Final = "2.5.29.21"
_OID_INVALIDITY: Final = "2.5.29.24"
_OID_ISSUING_POINT: Final = "2.5.29.28"
_OID_CRL_NUMBER: Final = "2.5.29.20"
_REMOVED: Final = 8  # removeFromCRL
_REASON_TAGS: Final = frozenset({0x0A, tlv.INTEGER})
_ONLY_USERS: Final = 0x81
_ONLY_AUTHORITIES: Final = 0x82
_UNDERSTOOD: Final = frozenset({_OID_ISSUING_POINT, _OID_CRL_NUMBER, x509.OID_AUTHORITY_KEY_ID})


@dataclass(frozen=True, slots=True, eq=False)
class RevocationList:
    """One CRL; ``revoked`` maps serial numbers to the instant from which they count as revoked."""

    tbs: bytes
    issuer: Name
    this_update: datetime
    next_update: datetime | None
    revoked: Mapping[int, datetime]
    extensions: tuple[Extension, ...]
    signature_algorithm: str
    signature: bytes

    def is_current(self, now: datetime) -> bool:
        """Whether the list states that it speaks for ``now``; one without an end never does."""
        return self.next_update is not None and self.this_update <= now <= self.next_update

    def speaks_about(self, certificate: Certificate) -> bool:
        """Whether a missing serial number means that this certificate is good.

        Raises Asn1Error. Indirect, partial and delta lists are not used.
        """
        if self.issuer.raw != certificate.issuer.raw:
            return False
        if any(item.critical and item.oid not in _UNDERSTOOD for item in self.extensions):
            return False
        scope = next((item for item in self.extensions if item.oid == _OID_ISSUING_POINT), None)
        return scope is None or _in_scope(tlv.parse(scope.value), certificate)


def _in_scope(scope: Node, certificate: Certificate) -> bool:
    is_authority = certificate.basic_constraints[0]
    for field in scope.expect(tlv.SEQUENCE).children():
        if field.tag == tlv.CONTEXT_0:
            names = frozenset(x509.full_names(tlv.parse(tlv.sequence(field.raw))))
            if not names & certificate.distribution_points:
                return False
        elif field.content == b"\x00":
            continue
        elif (
            field.tag not in {_ONLY_USERS, _ONLY_AUTHORITIES}
            or (field.tag == _ONLY_AUTHORITIES) is not is_authority
        ):
            return False
    return True


def _revoked(node: Node) -> dict[int, datetime]:
    found: dict[int, datetime] = {}
    for count, item in enumerate(node.expect(tlv.SEQUENCE).walk()):
        if count >= MAX_ENTRIES:
            raise Asn1Error("too many revoked certificates")
        parts = item.sequence(2, 3)
        moment = parts[1].time()
        removed = False
        for extension in read_extensions(parts[2]) if len(parts) == 3 else ():
            value = tlv.parse(extension.value)
            if extension.oid == _OID_REASON and value.tag in _REASON_TAGS:
                removed = value.content == bytes((_REMOVED,))
            elif extension.oid == _OID_INVALIDITY:
                moment = min(moment, value.time())
        if not removed:
            serial = parts[0].integer()
            found[serial] = min(moment, found.get(serial, moment))
    return found


def read_crl(data: bytes) -> RevocationList:
    """Read one CRL in DER or PEM; raises Asn1Error and nothing else."""
    armoured = _PEM.search(data)
    if armoured is not None:
        try:
            data = base64.b64decode(b"".join(armoured[1].split()), validate=True)
        except binascii.Error as exc:
            raise Asn1Error("malformed PEM block") from exc
    tbs, algorithm, signature = tlv.parse(data, MAX_BYTES).sequence(3)
    fields = list(tbs.expect(tlv.SEQUENCE).children())
    if fields and fields[0].tag == tlv.INTEGER:
        del fields[0]
    if len(fields) < 3:  # signature, issuer and thisUpdate are mandatory
        raise Asn1Error("revocation list lacks mandatory fields")
    inner_algorithm, issuer, this_update, *rest = fields
    if inner_algorithm.raw != algorithm.raw:  # RFC 5280 5.1.1.2
        raise Asn1Error("two signature algorithms")
    next_update: datetime | None = None
    if rest and rest[0].tag in {tlv.UTC_TIME, tlv.GENERALIZED_TIME}:
        next_update = rest.pop(0).time()
    revoked = _revoked(rest.pop(0)) if rest and rest[0].tag == tlv.SEQUENCE else {}
    extensions: tuple[Extension, ...] = ()
    if rest:
        inner = rest.pop(0).expect(tlv.CONTEXT_0).children()
        if len(inner) != 1 or rest:
            raise Asn1Error("malformed revocation list")
        extensions = read_extensions(inner[0])
    return RevocationList(
        tbs=tbs.raw,
        issuer=read_name(issuer),
        this_update=this_update.time(),
        next_update=next_update,
        revoked=revoked,
        extensions=extensions,
        signature_algorithm=algorithm.sequence(1, 2)[0].oid(),
        signature=signature.bits(),
    )
