"""Check time-stamp tokens: imprint, signature, authority, and whether their time fits."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from e_seal.asn1.cms import holds
from e_seal.asn1.timestamp import Token, read_token
from e_seal.asn1.tlv import Asn1Error
from e_seal.asn1.x509 import OID_TIME_STAMPING, Certificate
from e_seal.findings import Code, Finding
from e_seal.policy import Policy, Role, may_sign, standing
from kernel.crypto import sm3

_OID_TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"


def check_token(
    data: bytes, stamped: bytes, earliest: datetime, code: Code, policy: Policy
) -> tuple[datetime | None, tuple[Finding, ...]]:
    """(instant that the token proves or None, findings) of a token over ``stamped``.

    ``code`` stands for every failure. Without anchors, or with an authority that uses other
    algorithms, nothing is proven and a warning says so.
    """
    try:
        token = read_token(data)
        if not token.is_sm3:
            return None, (Finding(Code.W_TIMESTAMP_UNCHECKED, "not SM2 with SM3"),)
        found = tuple(_problems(token, stamped, earliest, code, policy))
    except Asn1Error as exc:
        return None, (Finding(code, f"timestamp: {exc}"),)
    return (None if found else token.stamped_at), found


def _problems(
    token: Token, stamped: bytes, earliest: datetime, code: Code, policy: Policy
) -> Iterator[Finding]:
    if token.imprint != sm3.digest(stamped):
        yield Finding(code, "the timestamp is about something else")
    signer = token.signed.signers[0]
    authority = token.signed.certificate_of(signer) or _configured(signer.issuer, policy, token)
    if authority is None:
        yield Finding(Code.W_TIMESTAMP_UNCHECKED, "the authority's certificate is not there")
        return
    # RFC 3161 2.4.2: attributes are never missing in a token.
    if signer.content_type != _OID_TST_INFO or not holds(signer, authority, token.content):
        yield Finding(code, "the authority did not sign this timestamp")
    purposes = authority.extended_key_usage
    if purposes is None or OID_TIME_STAMPING not in purposes or not may_sign(authority):
        yield Finding(code, "the certificate is not for timestamps")
    if not authority.is_valid_at(token.stamped_at):
        yield Finding(code, "stamped outside the authority's validity")
    role = Role(code, code, Code.W_TIMESTAMP_UNCHECKED, Code.W_TIMESTAMP_UNCHECKED)
    beside = token.signed.readable()
    yield from standing(authority, role, policy, token.stamped_at, beside=beside)
    if not earliest - policy.skew <= token.stamped_at <= policy.now + policy.skew:
        yield Finding(code, f"stamped at {token.stamped_at:%Y-%m-%dT%H:%M:%SZ}")


def _configured(issuer: bytes | None, policy: Policy, token: Token) -> Certificate | None:
    serial = token.signed.signers[0].serial
    known = (*policy.trust.intermediates, *policy.trust.anchors)
    return next((c for c in known if c.issuer.raw == issuer and c.serial == serial), None)
