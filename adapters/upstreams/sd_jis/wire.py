"""The messages of JIS with the vendor's own field names."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

LOGIN_PATH: Final = "/JIS/front/login.do"
INTERFACE_PATH: Final = "/JIS/sso/interface.do"
LOGOUT_PATH: Final = "/JIS/front/logout.do"
"""OURS: no public integration shows the logout address of the classic product."""

TIME_FORMAT: Final = "%Y%m%d%H%M%S"
"""Beijing time."""
PAGE_SIZE: Final = 5
"""Companies on a page of the list."""


class Service:
    """Values of ``servicename``."""

    TICKET_VALIDATE: Final = "ticketValidate"
    FIND_PERSON: Final = "findOutsideUserByToken"
    FIND_CORPORATION: Final = "findCorUserByToken"
    LIST_CORPORATIONS: Final = "findCorporationByToken"
    GENERATE_TICKET: Final = "generateTicket"
    USER_VALIDATE: Final = "userValidate"
    SWITCH_CORPORATION: Final = "switchCorporation"
    """OURS: the switch (法人账号切换) is in the standard's contents, its name in no public code."""


class Retcode:
    """Values of ``retcode``. Only that of success is published; the others are OURS."""

    OK: Final = "000000"
    APP_UNKNOWN: Final = "100001"
    SIGN_WRONG: Final = "100002"
    TIME_STALE: Final = "100003"
    SERVICE_UNKNOWN: Final = "100004"
    PARAMS_WRONG: Final = "100005"
    TICKET_UNKNOWN: Final = "200001"
    TICKET_EXPIRED: Final = "200002"
    TICKET_USED: Final = "200003"
    TOKEN_INVALID: Final = "200004"
    USER_TYPE_WRONG: Final = "200005"
    TICKET_FOREIGN: Final = "200006"
    ACCOUNT_DISABLED: Final = "300001"
    PASSWORD_WRONG: Final = "300002"
    ORG_NOT_YOURS: Final = "300003"
    TARGET_UNKNOWN: Final = "300004"
    BUSY: Final = "900001"


class _Message(BaseModel):
    # Deployments differ in whether codes are numbers or texts, and in what else they send.
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class Answer(_Message):
    """What interface.do answers; ``data`` is a JSON text, sometimes in another one,
    or hexadecimal.
    """

    retcode: Short
    msg: str | None = None
    data: Any = None


class TokenData(_Message):
    """``data`` of ticketValidate."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=1_024)] = Field(repr=False)


class PersonUser(_Message):
    """Decrypted ``data`` of findOutsideUserByToken."""

    uuid: Short | None = None
    loginname: Short | None = Field(default=None, repr=False)
    name: Short | None = Field(default=None, repr=False)
    paperstype: Short | None = None
    """1 居民身份证, 3 港澳通行证, 4 台湾通行证, 5 外国人永久居留证."""
    papersnumber: Short | None = Field(default=None, repr=False)
    cardid: Short | None = Field(default=None, repr=False)
    mobile: Short | None = Field(default=None, repr=False)
    isauth: Short | None = None
    """1 实名, 0 未实名."""
    authlevel: Short | None = None
    """0 未认证, 1 初级, 2 中级, 3 高级."""


class TicketData(_Message):
    """``data`` of generateTicket and of userValidate."""

    ticket: Annotated[str, StringConstraints(min_length=1, max_length=512)] = Field(repr=False)


class Corporation(_Message):
    """One company of the list of findCorporationByToken."""

    corname: Short | None = None
    cornumber: Short | None = None
    """统一社会信用代码."""
    corporationid: Short | None = None
    corrole: Short | None = None
    """0 经办人, 1 管理员, 2 法定代表人."""
    cortype: Short | None = None
    corusername: Short | None = Field(default=None, repr=False)
    """法定代表人."""
    corusercardtype: Short | None = None
    corusercardid: Short | None = Field(default=None, repr=False)


class CorporationList(_Message):
    """``data`` of findCorporationByToken; ``list`` is often a JSON text of its own."""

    list: Any
    count: Annotated[int, Field(ge=0, le=100_000)]


class CorporationUser(PersonUser, Corporation):
    """Decrypted ``data`` of findCorUserByToken: the corporation, and the operator in the person's
    fields.

    The real one carries no ``authlevel``; a deployment that sends the operator's is believed.
    """
