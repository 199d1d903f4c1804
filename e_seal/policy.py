"""What every check stands on, and the standing of one certificate: its path and its revocation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from e_seal.asn1.chain import TrustStore, find_path
from e_seal.asn1.revocation import RevocationState, revocation_of
from e_seal.asn1.tlv import Asn1Error
from e_seal.asn1.x509 import Certificate
from e_seal.findings import Code, Finding


@dataclass(frozen=True, slots=True)
class Policy:
    """Trust, the present instant, and how far stated times may lie off."""

    trust: TrustStore
    now: datetime
    skew: timedelta


@dataclass(frozen=True, slots=True)
class Role:
    """Codes for what may be wrong with the certificate of one role."""

    untrusted: Code
    revoked: Code
    revoked_later: Code
    unchecked: Code = Code.CHAIN_UNCHECKED


SIGNER: Final = Role(Code.SIGNER_CHAIN_UNTRUSTED, Code.SIGNER_REVOKED, Code.W_SIGNER_REVOKED_LATER)
MAKER: Final = Role(
    Code.SEAL_MAKER_UNTRUSTED, Code.SEAL_MAKER_UNTRUSTED, Code.W_SEAL_MAKER_REVOKED_LATER
)


def standing(
    certificate: Certificate,
    role: Role,
    policy: Policy,
    moment: datetime,
    *,
    known_at: datetime | None = None,
    beside: Sequence[Certificate] = (),
) -> Iterator[Finding]:
    """Path to an anchor at ``moment``, and revocation judged at ``known_at`` (default: moment).

    ``beside`` are certificates found in the same file, which may link the path.
    """
    name = certificate.subject.get("CN")
    if not policy.trust.anchors:
        yield Finding(role.unchecked, f"{name}: no trust anchors are configured")
        return
    path = find_path(certificate, policy.trust, moment, beside)
    if path is None:
        yield Finding(role.untrusted, f"no path from {name} to a trust anchor")
        return
    source = policy.trust.revocation
    if source is None:
        return
    judged = known_at or moment
    for subject, issuer in pairwise(path):
        answer = revocation_of(subject, issuer, source, policy.now)
        if answer.state is RevocationState.UNKNOWN:
            detail = f"{subject.issuer.get('CN')}: {answer.detail}"
            yield Finding(Code.REVOCATION_UNCHECKED, detail)
        elif answer.since is not None:
            before = answer.since <= judged
            code = role.revoked if before else role.revoked_later
            # A path that leads through a revoked authority is no path.
            if subject is not certificate:
                code = role.untrusted if before else role.revoked_later
            yield Finding(code, f"{subject.subject.get('CN')}: revoked {answer.since:%Y-%m-%d}")


def may_sign(certificate: Certificate) -> bool:
    """Whether KeyUsage is there and permits digital signatures."""
    try:
        usage = certificate.key_usage
    except Asn1Error:
        return False
    return usage is not None and "digitalSignature" in usage


def outside(
    code: Code, moment: datetime, period: tuple[datetime, datetime], skew: timedelta
) -> Iterator[Finding]:
    """Nothing inside the period, a warning within ``skew`` of it, ``code`` outside."""
    start, end = period
    if start <= moment <= end:
        return
    detail = f"{moment:%Y-%m-%dT%H:%M:%SZ} outside {start:%Y-%m-%d} to {end:%Y-%m-%d}"
    near = start - skew <= moment <= end + skew
    yield Finding(Code.W_TIME_SKEW if near else code, detail)
