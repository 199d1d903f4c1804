"""The messages of the IRS gateway and of the three flows behind it, with the vendor's field
names.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

ACCESS_KEY_HEADER: Final = "X-BG-HMAC-ACCESS-KEY"
ALGORITHM_HEADER: Final = "X-BG-HMAC-ALGORITHM"
DATE_HEADER: Final = "X-BG-DATE-TIME"
SIGNATURE_HEADER: Final = "X-BG-HMAC-SIGNATURE"
ALGORITHM: Final = "hmac-sha256"
SKEW_SECONDS: Final = 90

UNIFIED_LOGIN: Final = "/uc/sso/login"
UNIFIED_TOKEN: Final = "/restapi/prod/IC33000020220329000007/uc/sso/access_token"
UNIFIED_USER: Final = "/restapi/prod/IC33000020220329000008/uc/sso/getUserInfo"
PERSON_LOGIN: Final = "/sso/mobile.do"
PERSON_TICKET: Final = "/restapi/prod/IC33000020220228000002/sso/servlet/simpleauth"
PERSON_USER: Final = "/restapi/prod/IC33000020220228000004/sso/servlet/simpleauth"
LEGAL_LOGIN: Final = "/opensso/spsaehandler/metaAlias/sp"
LEGAL_USER: Final = "/restapi/prod/IC33000020220309000001/rest/user/query"
TIME_FORMAT: Final = "%Y%m%d%H%M%S"
"""Beijing time."""


class Said:
    """The four messages with which the gateway answers 401."""

    SIGNATURE: Final = "Invalid signature"
    ACCESS_KEY: Final = "Invalid access key"
    SKEW: Final = "Clock skew exceeded"
    ROUTE: Final = "The route_id is forbidden."


class ErrorMsg:
    """Refusals of the systems behind the gateway. All OURS: no public paper lists them."""

    TICKET_UNKNOWN: Final = "ticket not exist"
    TICKET_EXPIRED: Final = "ticket expired"
    TICKET_USED: Final = "ticket used"
    TICKET_FOREIGN: Final = "ticket of another app"
    TOKEN_INVALID: Final = "token invalid"
    USER_TYPE_WRONG: Final = "user type not allowed"
    ACCOUNT_DISABLED: Final = "account disabled"
    APP_UNKNOWN: Final = "app not exist"
    PARAMS_WRONG: Final = "parameter error"
    SIGN_WRONG: Final = "sign error"


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class GatewayRefusal(_Message):
    """Body of a 401."""

    message: Short


class Answer(_Message):
    """What the unified and the legal flow answer."""

    success: bool
    errorMsg: Short | None = None  # noqa: N815 - the vendor's name
    msg: Short | None = None
    data: Any = None


class AccessToken(_Message):
    """``data`` of access_token."""

    accessToken: Annotated[str, StringConstraints(min_length=1, max_length=1_024)] = Field(  # noqa: N815
        repr=False
    )


class SimpleAuth(_Message):
    """What simpleauth answers; ``result`` 0 is success, and user data stand beside it."""

    model_config = ConfigDict(extra="allow", coerce_numbers_to_str=True)

    result: Short
    errmsg: Short | None = None
    token: Annotated[str, StringConstraints(max_length=1_024)] | None = Field(
        default=None, repr=False
    )
