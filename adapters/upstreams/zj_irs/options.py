"""The settings of this adapter: which flow, whose application, what the province's codes mean."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adapters.upstreams.zj_irs.wire import ErrorMsg
from identity.model import ActingRole, Ial, IdType


class Flow(StrEnum):
    """Which of the province's three logins an application was registered for."""

    UNIFIED = "unified"
    """统一用户认证 V2: ticketId, access_token, getUserInfo."""
    PERSON = "person"
    """个人单点登录: a ticket, and simpleauth in a form."""
    LEGAL = "legal"
    """法人单点登录: the token itself comes back with the browser."""


class Meaning(StrEnum):
    """What a refusal of the systems behind the gateway means for us."""

    AUTH_FAILED = "AUTH_FAILED"
    TICKET_EXPIRED = "TICKET_EXPIRED"
    TICKET_USED = "TICKET_USED"
    REFUSED = "REFUSED"
    OUR_FAULT = "OUR_FAULT"


MESSAGES: Final[Mapping[str, Meaning]] = {
    # A forged ticket and one that was forgotten look the same from here.
    ErrorMsg.TICKET_UNKNOWN: Meaning.TICKET_EXPIRED,
    ErrorMsg.TICKET_EXPIRED: Meaning.TICKET_EXPIRED,
    ErrorMsg.TICKET_USED: Meaning.TICKET_USED,
    ErrorMsg.TICKET_FOREIGN: Meaning.REFUSED,
    ErrorMsg.TOKEN_INVALID: Meaning.TICKET_EXPIRED,
    ErrorMsg.USER_TYPE_WRONG: Meaning.REFUSED,
    ErrorMsg.ACCOUNT_DISABLED: Meaning.REFUSED,
    ErrorMsg.APP_UNKNOWN: Meaning.AUTH_FAILED,
    ErrorMsg.SIGN_WRONG: Meaning.AUTH_FAILED,
    ErrorMsg.PARAMS_WRONG: Meaning.OUR_FAULT,
}

Address = Annotated[str, StringConstraints(pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]
Field_ = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]


class Fields(BaseModel):
    """Names of the user-info fields. All OURS: public integrations guess them differently."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_id: Field_ = "userId"
    name: Field_ = "userName"
    id_type: Field_ = "idType"
    id_number: Field_ = "idNumber"
    mobile: Field_ = "mobile"
    level: Field_ = "authLevel"
    company_name: Field_ = "CompanyName"
    uscc: Field_ = "uniscid"
    legal_representative: Field_ = "CompanyLegRep"
    role: Field_ = "userRole"


class Options(BaseModel):
    """What differs between applications and stages. No table of codes has a default where the
    province's own is not public: a code that means something else here would let somebody in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: Address
    """The IRS gateway, for example ``https://ibcdsg.zj.gov.cn:8443``."""
    browser_url: Address
    """The host of the login page of the flow."""
    flow: Flow = Flow.UNIFIED
    app_id: Code
    """``appId`` of the unified flow, ``servicecode`` of the person flow."""
    sp: Code = "zj"
    back_parameter: Field_ = "redirectUrl"
    """OURS: where the login page of the unified flow expects the address to come back to."""
    fields: Fields = Field(default_factory=Fields)
    ial_of_level: Mapping[str, Ial]
    """What the province's levels stand for. An account about which no level is told has none."""
    id_types: Mapping[str, IdType]
    roles: Mapping[str, ActingRole] = Field(default_factory=dict)
    messages: Mapping[str, Meaning] = Field(default_factory=lambda: dict(MESSAGES))
    """Replaces the whole table when set."""
