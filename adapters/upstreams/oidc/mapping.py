"""Between OpenID Connect and the port's types: derived secrets, levels, and what claims mean."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from adapters.dialects.nested import Malformed
from adapters.kit.people import credit_code, known, person
from adapters.upstreams.oidc.options import Options
from adapters.upstreams.oidc.wire import Kept
from identity.errors import ProfileIncomplete
from identity.jose import SigningKey
from identity.model import UNKNOWN_METHOD, Aal, Ial, Org, Person, Profile, UserType
from identity.upstream import Assurance

ORDINARY: Final = Assurance()
_COORDINATE: Final = 32


def derived(seed: str, label: str) -> str:
    """Return 43 characters of base64url that only the holder of the seed can make (OURS)."""
    return _text(hmac.digest(seed.encode(), f"oidc\0{label}".encode(), "sha256"))


def challenge(verifier: str) -> str:
    """Return the S256 code challenge of a verifier (RFC 7636, 4.2)."""
    return _text(hashlib.sha256(verifier.encode("ascii")).digest())


def half_hash(access_token: str) -> str:
    """Return ``at_hash`` of an access token for algorithms with SHA-256 (Core 1.0, 3.1.3.6)."""
    return _text(hashlib.sha256(access_token.encode()).digest()[:16])


def signing_key(scalar: str) -> SigningKey:
    """Return the key on P-256 whose private member ``d`` this is (RFC 7518, 6.2.2.1); raise
    ValueError.
    """
    try:
        number = int.from_bytes(base64.urlsafe_b64decode(scalar + "=" * (-len(scalar) % 4)))
        point = ec.derive_private_key(number, ec.SECP256R1()).public_key().public_numbers()
    except ValueError:
        raise ValueError("this is not a private key on P-256") from None
    return SigningKey.of_jwk(
        {
            "kty": "EC",
            "crv": "P-256",
            "d": _text(number.to_bytes(_COORDINATE)),
            "x": _text(point.x.to_bytes(_COORDINATE)),
            "y": _text(point.y.to_bytes(_COORDINATE)),
        }
    )


def parted(return_url: str) -> tuple[str, str]:
    """Return the registered redirect address and the state of a login.

    The gateway ends each return address with its one-time state; a provider that compares
    redirect addresses letter by letter gets what stands before it, and the state as ``state``.
    """
    address, _, state = return_url.rpartition("/")
    return address, state


def acr_values(want: Assurance, options: Options) -> str:
    """Return the values of ``acr`` that would do, lowest first; empty when any would."""
    if want == ORDINARY:
        return ""
    levels = options.ial_of_level if options.claims.level is None else {}
    able = [
        (levels.get(acr, Ial.SELF_ASSERTED), options.aal_of_acr.get(acr, Aal.NONE), acr)
        for acr in {**levels, **options.aal_of_acr}
        if (not levels or levels.get(acr, Ial.SELF_ASSERTED) >= want.ial)
        and (not options.aal_of_acr or options.aal_of_acr.get(acr, Aal.NONE) >= want.aal)
    ]
    return " ".join(acr for _, _, acr in sorted(able))


def strength(acr: str | None, amr: tuple[str, ...], options: Options) -> Aal:
    """Return the strength of a login: the most that ``acr`` and ``amr`` say, and one factor where
    both are silent. Raise UnknownCode.
    """
    said = [known("amr", method, options.aal_of_amr) for method in amr]
    if acr is not None and options.aal_of_acr:
        said.append(known("acr", acr, options.aal_of_acr))
    return max(said, default=Aal.SINGLE_FACTOR)


def suffices(kept: Kept, want: Assurance, options: Options) -> bool:
    """Return whether a login is as strong as was asked for: a user can be led to a weaker method.

    A level that is a claim of its own is judged by the gateway's policy, not here.
    """
    if strength(kept.acr, kept.amr, options) < want.aal:
        return False
    return options.claims.level is not None or level(kept.acr, options) >= want.ial


def level(said: str | None, options: Options) -> Ial:
    """Return the proofing level; nothing said is nothing proven. Raise UnknownCode."""
    return Ial.SELF_ASSERTED if said is None else known("level", said, options.ial_of_level)


def profile(kept: Kept, claims: Mapping[str, Any], options: Options) -> Profile:
    """Return who logged in; raise ProfileIncomplete, UnknownCode or Malformed."""
    names = options.claims
    user_type = UserType.NATURAL_PERSON
    if names.user_type is not None:
        user_type = known("user_type", _must(claims, names.user_type), options.user_types)
    at = datetime.fromtimestamp(kept.auth_time, UTC)
    human = _person(claims, options, at)
    legal = user_type is UserType.LEGAL_PERSON
    org = _org(claims, options) if legal else None
    # One account may act for several companies; each of them is a subject (OURS).
    sub = kept.sub if org is None else f"{org.uscc}/{kept.sub}"
    if human.id_number in kept.sub:
        raise Malformed("sub repeats the id number")
    said = kept.acr if names.level is None else _text_of(claims, names.level)
    return Profile(
        upstream_sub=sub,
        user_type=user_type,
        person=human,
        org=org,
        acting_role=known("role", _must(claims, names.role), options.roles) if legal else None,
        ial=level(said, options),
        aal=strength(kept.acr, kept.amr, options),
        amr=kept.amr or (UNKNOWN_METHOD,),
        auth_time=at,
    )


def _person(claims: Mapping[str, Any], options: Options, at: datetime) -> Person:
    names = options.claims
    return person(
        name=(names.name, _text_of(claims, names.name)),
        id_type=("id_type", _text_of(claims, names.id_type)),
        id_number=(names.id_number, _text_of(claims, names.id_number)),
        mobile=_text_of(claims, names.mobile),
        id_types=options.id_types,
        at=at,
    )


def _org(claims: Mapping[str, Any], options: Options) -> Org:
    names = options.claims
    card = _text_of(claims, names.legal_rep_id_type)
    return Org(
        name=_must(claims, names.org_name),
        uscc=credit_code(names.uscc, _must(claims, names.uscc)),
        org_type=_text_of(claims, names.org_type),
        legal_rep_name=_text_of(claims, names.legal_rep_name),
        legal_rep_id_type=known("legal_rep_id_type", card, options.id_types) if card else None,
        legal_rep_id=_text_of(claims, names.legal_rep_id),
    )


def _must(claims: Mapping[str, Any], name: str) -> str:
    value = _text_of(claims, name)
    if value is None:
        raise ProfileIncomplete([name])
    return value


def _text_of(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Malformed(f"the claim {name} is not a text")
    text = str(value).strip()
    if len(text) > 200:
        raise Malformed(f"the claim {name} is too long")
    return text or None


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
