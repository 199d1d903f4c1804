"""The messages of JMAS with the vendor's own field names."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

LOGIN_PATH: Final = "/jis-web/login"
MOBILE_LOGIN_PATH: Final = "/jis-web/login_m"
LOGOUT_PATH: Final = "/jis-web/logout"
"""OURS: public code keeps the logout address in its settings."""
SIGN_PATH: Final = "/jmas-api-gateway-server/createsign.do"
REST_PATH: Final = "/jmas-api-gateway-server/gateway.do"
"""OURS, both: public code keeps them in its settings (``dhsignrest``, ``dhrestnew``)."""

VERSION: Final = "1.0"
CHARSET: Final = "UTF-8"
PAGE_SIZE: Final = 5
OUTER_OK: Final = "200"


class Origin(StrEnum):
    """来源: from where somebody signs in."""

    PC = "0"
    APP = "1"
    ALIPAY = "2"
    WECHAT = "3"


class InterfaceId:
    """Values of ``interface_id`` as seen in public clients; one of them is misspelt there."""

    TICKET: Final = "ticketValidate"
    PERSON: Final = "findPerUserByToken"
    OLD_PERSON: Final = "findoutsideuserbytoken"
    CORPORATION: Final = "findCorUserByToken"
    OLD_CORPORATION: Final = "findcoruserytoken"
    CORPORATIONS: Final = "findcorporationbytoken"
    HANDOFF: Final = "generateticket"
    SWITCH: Final = "switchcorporation"
    """OURS: the switch (法人账号切换) is in the standard's contents, its id in no public code."""


class Retcode:
    """Values of ``retcode``. Only that of success is published; the others are OURS."""

    OK: Final = "000000"
    SERVICE_UNKNOWN: Final = "100004"
    PARAMS_WRONG: Final = "100005"
    TICKET_UNKNOWN: Final = "200001"
    TICKET_EXPIRED: Final = "200002"
    TICKET_USED: Final = "200003"
    TOKEN_INVALID: Final = "200004"
    USER_TYPE_WRONG: Final = "200005"
    TICKET_FOREIGN: Final = "200006"
    ACCOUNT_DISABLED: Final = "300001"
    ORG_NOT_YOURS: Final = "300003"
    TARGET_UNKNOWN: Final = "300004"


class OuterCode:
    """Values of ``code`` around an answer, besides 200. All OURS."""

    SIGN_WRONG: Final = "40101"
    TIME_STALE: Final = "40102"
    APP_UNKNOWN: Final = "40103"
    INTERFACE_UNKNOWN: Final = "40401"
    PARAMS_WRONG: Final = "40001"
    BUSY: Final = "50301"


class _Message(BaseModel):
    # Deployments differ in whether codes are numbers or texts, and in what else they send.
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class SignAnswer(_Message):
    """What the get-sign endpoint answers; ``data`` is a JSON text with ``sign``."""

    success: bool
    code: Short | None = None
    data: Any = None


class SignData(_Message):
    """``data`` of the get-sign endpoint."""

    sign: Annotated[str, StringConstraints(min_length=1, max_length=1_024)]


class Outer(_Message):
    """What the business endpoint answers; ``data`` is encrypted for the application."""

    code: Short
    data: Any = None


class Answer(_Message):
    """What is inside: ``data`` is a JSON text, sometimes in another one."""

    retcode: Short
    data: Any = None


class TokenData(_Message):
    """``data`` of ticketValidate."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=1_024)] = Field(repr=False)
    usertype: Short | None = None
    """1 自然人, 2 法人."""


class TicketData(_Message):
    """``data`` of generateticket."""

    ticket: Annotated[str, StringConstraints(min_length=1, max_length=512)] = Field(repr=False)


class User(_Message):
    """``data`` of findPerUserByToken, and the operator in that of findCorUserByToken."""

    uuid: Short | None = None
    loginName: Short | None = Field(default=None, repr=False)  # noqa: N815 - the vendor's names
    name: Short | None = Field(default=None, repr=False)
    mobile: Short | None = Field(default=None, repr=False)
    certType: Short | None = None  # noqa: N815
    """OURS: not among the fields of public code; codes as in JIS."""
    certNo: Short | None = Field(default=None, repr=False)  # noqa: N815
    authLevel: Short | None = None  # noqa: N815
    """0 未认证, 1 初级, 2 中级, 3 高级; the answer about a corporation carries none."""


class CorporationUser(User):
    """``data`` of findCorUserByToken."""

    corUserRole: Short | None = None  # noqa: N815
    """0 经办人, 1 管理员, 2 法定代表人."""
    corporationName: Short | None = None  # noqa: N815
    creditCode: Short | None = None  # noqa: N815
    """统一社会信用代码."""
    corUserName: Short | None = Field(default=None, repr=False)  # noqa: N815
    """法定代表人."""
    corUserCertNo: Short | None = Field(default=None, repr=False)  # noqa: N815


class Listed(_Message):
    """One company of the list of findcorporationbytoken, still in the names of JIS."""

    corname: Short | None = None
    cornumber: Short | None = None
    corporationid: Short | None = None
    corrole: Short | None = None
    cortype: Short | None = None
    corusername: Short | None = Field(default=None, repr=False)
    corusercardid: Short | None = Field(default=None, repr=False)


class CorporationList(_Message):
    """``data`` of findcorporationbytoken; ``list`` is often a JSON text of its own."""

    list: Any
    count: Annotated[int, Field(ge=0, le=100_000)]
