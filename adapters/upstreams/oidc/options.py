"""The settings of this adapter: the provider, our account there, and what its claims mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adapters.upstreams.oidc.wire import DISCOVERY_PATH
from identity.model import Aal, ActingRole, Ial, IdType, UserType

Path = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_.\-]+)+$")]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^/?#\s]+(/[^?#\s]*[^/?#\s])?$")]
Claim = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_:./\-]{1,80}$")]
Level = Annotated[str, StringConstraints(min_length=1, max_length=200)]

IALS: Final[Mapping[str, Ial]] = {f"urn:sd:loa:{level.value}": level for level in Ial}
AALS: Final[Mapping[str, Aal]] = {
    # RFC 8176 where it has a word, the gateway's own vocabulary elsewhere.
    **dict.fromkeys(("pwd", "sms", "otp", "pin", "sd_wechat", "sd_alipay"), Aal.SINGLE_FACTOR),
    **dict.fromkeys(("swk", "sd_essc", "sd_bank"), Aal.SINGLE_FACTOR),
    **dict.fromkeys(("mfa", "face", "sd_ctid", "sd_ebl"), Aal.TWO_FACTORS),
    **dict.fromkeys(("hwk", "sd_ukey"), Aal.HARDWARE),
}


class Claims(BaseModel):
    """Names of the claims in userinfo that the gateway needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_type: Claim | None = "user_type"
    """None: the provider has natural persons only."""
    name: Claim = "name"
    id_type: Claim = "id_type"
    id_number: Claim = "id_number"
    mobile: Claim = "phone_number"
    level: Claim | None = None
    """实名等级, where it is a claim of its own; None: ``acr`` tells it."""
    org_name: Claim = "org_name"
    uscc: Claim = "uscc"
    org_type: Claim = "org_type"
    role: Claim = "cor_role"
    legal_rep_name: Claim = "legal_rep_name"
    legal_rep_id_type: Claim = "legal_rep_id_type"
    legal_rep_id: Claim = "legal_rep_id"


class Options(BaseModel):
    """What differs between providers; every table is replaced as a whole when set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: Address
    """Where the gateway reaches the provider: what stands for ``issuer`` in every address that is
    called from behind.
    """
    issuer: Address | None = None
    """The issuer identifier, letter by letter; None: ``base_url``."""
    client_id: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")]
    discovery_path: Path = DISCOVERY_PATH
    scope: Annotated[str, StringConstraints(pattern=r"^openid( [\x21-\x7e]+)*$")] = (
        "openid profile identity org phone"
    )
    par: Literal["offered", "required", "never"] = "offered"
    id_token_algs: tuple[Literal["ES256", "PS256", "RS256"], ...] = ("ES256", "PS256")
    longest_id_token_seconds: Annotated[int, Field(ge=60, le=86_400)] = 3_600
    keys_seconds: Annotated[int, Field(ge=0, le=3_600)] = 600
    """How long metadata and keys are kept before they are fetched anew."""
    refetch_seconds: Annotated[int, Field(ge=0, le=3_600)] = 60
    """Least time between two fetches because of a key that is not known."""
    step_up_seconds: Annotated[int, Field(ge=0, le=3_600)] = 300
    """Oldest authentication that is accepted when more than an ordinary login was asked for."""
    claims: Claims = Claims()
    ial_of_level: Mapping[Level, Ial] = Field(default_factory=lambda: dict(IALS))
    """By ``claims.level``, or by ``acr`` where that is None."""
    aal_of_acr: Mapping[Level, Aal] = Field(default_factory=dict)
    """May be empty: ``amr`` then tells alone."""
    aal_of_amr: Mapping[Level, Aal] = Field(default_factory=lambda: dict(AALS))
    user_types: Mapping[str, UserType] = Field(
        default_factory=lambda: {"1": UserType.NATURAL_PERSON, "2": UserType.LEGAL_PERSON}
    )
    id_types: Mapping[str, IdType] = Field(
        default_factory=lambda: {
            "1": IdType.RESIDENT_ID,
            "3": IdType.HK_MACAO_PERMIT,
            "4": IdType.TAIWAN_PERMIT,
            "5": IdType.FOREIGN_PERMANENT,
        }
    )
    roles: Mapping[str, ActingRole] = Field(
        default_factory=lambda: {
            "0": ActingRole.OPERATOR,
            "1": ActingRole.ORG_ADMIN,
            "2": ActingRole.LEGAL_REP,
        }
    )

    @property
    def its_issuer(self) -> str:
        """Return the issuer identifier."""
        return self.issuer or self.base_url
