"""Time-stamp tokens over signatures and over seals: imprint, authority, purpose and time."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from e_seal.asn1 import issue, tlv
from e_seal.asn1.chain import TrustStore
from e_seal.asn1.issue import Holder
from e_seal.asn1.timestamp import read_token
from e_seal.asn1.tlv import Asn1Error
from e_seal.asn1.x509 import OID_TIME_STAMPING
from e_seal.checks import DEFAULT_SKEW, check_signature
from e_seal.findings import Code
from e_seal.ses.read import read_signature
from e_seal.ses.write import Stamper, make_seal, make_signature
from tests.unit.e_seal import make
from tests.unit.e_seal.samples import NOW, draft, key, request, world
from tests.unit.e_seal.test_revocation import crl, source

DAY = timedelta(days=1)
LATER = NOW + timedelta(hours=10)


def authority(**changes: object) -> Holder:
    wanted = request("时间戳", 60, **{"purposes": [OID_TIME_STAMPING], **changes})
    return issue.issue(wanted, key(60), world().root)


def stamper(holder: Holder, at: datetime = NOW, instead: bytes | None = None) -> Stamper:
    return lambda value: make.token(holder, value if instead is None else instead, at)


def codes(stamp: Stamper | None, trust: TrustStore | None = None, **changes: object) -> set[Code]:
    w = world()
    data = make_signature(w.seal, bytes(32), "/x", NOW, w.signer, stamp)
    found = check_signature(
        read_signature(data), trust or w.trust, now=LATER, skew=timedelta(hours=1)
    )
    return {item.code for item in found}


def test_a_good_token() -> None:
    assert codes(stamper(authority())) == set()
    token = read_token(make.token(authority(), b"value", NOW))
    assert token.stamped_at == NOW


def test_a_token_inside_a_response() -> None:
    def stamp(value: bytes) -> bytes:
        status = tlv.sequence(tlv.integer(0))
        return tlv.sequence(status, make.token(authority(), value, NOW))

    assert codes(stamp) == set()


@pytest.mark.parametrize(
    ("stamp", "code"),
    [
        (lambda _: b"\1\2\3", Code.TIMESTAMP_INVALID),
        (lambda _: b"", Code.TIMESTAMP_INVALID),
        (stamper(authority(), instead=b"other"), Code.TIMESTAMP_INVALID),
        (stamper(authority(), NOW - timedelta(hours=2)), Code.TIMESTAMP_INVALID),
        (stamper(authority(), LATER + timedelta(hours=2)), Code.TIMESTAMP_INVALID),
        (stamper(authority(purposes=())), Code.TIMESTAMP_INVALID),
        (stamper(authority(purposes=["1.3.6.1.5.5.7.3.1"])), Code.TIMESTAMP_INVALID),
        (stamper(authority(usages=["keyCertSign"])), Code.TIMESTAMP_INVALID),
        (stamper(authority(not_after=NOW - DAY)), Code.TIMESTAMP_INVALID),
        (stamper(Holder(key(61), authority().certificate)), Code.TIMESTAMP_INVALID),
        (stamper(world().signer), Code.TIMESTAMP_INVALID),
    ],
)
def test_tokens_that_do_not_hold(stamp: Stamper, code: Code) -> None:
    assert codes(stamp) == {code}


def test_an_authority_under_another_root() -> None:
    other = issue.issue_root(request("别的根", 1, is_ca=True, usages=issue.CA_USAGES), key(62))
    wanted = request("时间戳", 63, purposes=[OID_TIME_STAMPING])
    assert codes(stamper(issue.issue(wanted, key(63), other))) == {Code.TIMESTAMP_INVALID}


def test_without_anchors_a_token_is_not_checked() -> None:
    found = codes(stamper(authority()), TrustStore())
    assert found == {Code.CHAIN_UNCHECKED, Code.W_TIMESTAMP_UNCHECKED}


def test_an_authority_with_other_algorithms_is_not_checked() -> None:
    sha256 = tlv.sequence(tlv.oid("2.16.840.1.101.3.4.2.1"))

    def stamp(value: bytes) -> bytes:
        return make.token(authority(), value, NOW).replace(make.SM3, sha256)

    # The lengths differ: such a token is broken, not merely foreign.
    assert codes(stamp) == {Code.TIMESTAMP_INVALID}
    foreign = tlv.sequence(tlv.oid("1.2.156.10197.1.402"))
    assert len(foreign) == len(make.SM3)
    assert codes(lambda v: make.token(authority(), v, NOW).replace(make.SM3, foreign)) == {
        Code.W_TIMESTAMP_UNCHECKED
    }


def test_a_stolen_key_cannot_state_an_earlier_time_against_its_own_token() -> None:
    revoked = source(crl({3: NOW + timedelta(minutes=10)}))
    trust = replace(world().trust, revocation=revoked)
    late = stamper(authority(), NOW + timedelta(minutes=20))
    early = stamper(authority(), NOW + timedelta(minutes=5))
    assert codes(late, trust) == {Code.SIGNER_REVOKED}
    assert codes(early, trust) == {Code.W_SIGNER_REVOKED_LATER}
    assert codes(None, trust) == {Code.W_SIGNER_REVOKED_LATER}


def test_the_timestamp_of_a_version_5_seal() -> None:
    w = world()

    def found(stamp: Stamper | None) -> set[Code]:
        seal = make_seal(draft(w.signer.certificate, version=5), w.maker, stamp)
        data = make_signature(seal, bytes(32), "/x", NOW, w.signer)
        findings = check_signature(read_signature(data), w.trust, now=NOW, skew=DEFAULT_SKEW)
        return {item.code for item in findings}

    made_at = NOW - 29 * DAY
    assert found(None) == set()
    assert found(stamper(authority(), made_at)) == set()
    assert found(stamper(authority(), made_at - DAY)) == {Code.SEAL_TIMESTAMP_INVALID}
    assert found(stamper(authority(), made_at, b"x")) == {Code.SEAL_TIMESTAMP_INVALID}
    assert found(lambda _: b"\1\2\3") == {Code.SEAL_TIMESTAMP_INVALID}


@pytest.mark.parametrize("data", [b"", b"0\0", make.dialect_a(world().signer, b"x")])
def test_what_is_no_token(data: bytes) -> None:
    with pytest.raises(Asn1Error):
        read_token(data)
