"""The settings of this adapter: addresses, account, interface ids, cipher, and code tables."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adapters.kit.refusals import Meaning
from adapters.upstreams.sd_jmas.wire import (
    LOGIN_PATH,
    LOGOUT_PATH,
    OUTER_OK,
    PAGE_SIZE,
    REST_PATH,
    SIGN_PATH,
    InterfaceId,
    Origin,
    OuterCode,
    Retcode,
)
from identity.model import Ial


class Cipher(StrEnum):
    """How answers are encrypted for the application."""

    RSA = "rsa"
    """PKCS#1 v1.5, as older clients decrypt."""
    RSA_OAEP = "rsa_oaep"
    SM2_C1C3C2 = "sm2_c1c3c2"
    SM2_C1C2C3 = "sm2_c1c2c3"
    SM2_ASN1 = "sm2_asn1"


class Encoding(StrEnum):
    """How the encrypted bytes are written."""

    BASE64 = "base64"
    HEX = "hex"


class Style(StrEnum):
    """Which of the two forms ``biz_content`` has."""

    APP_MARK = "app_mark"
    """``{"appMark", "params"}``."""
    SERVICE = "service"
    """``{"app_id", "servicename", "params"}``, the older one."""
    SEALED = "sealed"
    """As SERVICE, with ``params`` encrypted by AES with the appword."""


class Interface(BaseModel):
    """One business interface; ``service`` is its ``servicename`` in the older form."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]
    style: Style = Style.APP_MARK
    service: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{0,60}$")] = ""


class Interfaces(BaseModel):
    """The interface ids. Public clients spell them differently, so all of them are settings; the
    older pair is ``findoutsideuserbytoken`` and, misspelt, ``findcoruserytoken``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ticket: Interface = Interface(id=InterfaceId.TICKET)
    person: Interface = Interface(id=InterfaceId.PERSON)
    corporation: Interface = Interface(id=InterfaceId.CORPORATION)
    corporations: Interface = Interface(
        id=InterfaceId.CORPORATIONS, style=Style.SERVICE, service="findCorporationByToken"
    )
    handoff: Interface = Interface(
        id=InterfaceId.HANDOFF, style=Style.SEALED, service="generateTicket"
    )
    switch: Interface | None = Interface(id=InterfaceId.SWITCH)
    """None where the deployment has no such interface."""


RETCODES: Final[Mapping[str, Meaning]] = {
    Retcode.OK: Meaning.OK,
    Retcode.SERVICE_UNKNOWN: Meaning.OUR_FAULT,
    Retcode.PARAMS_WRONG: Meaning.OUR_FAULT,
    # A forged ticket and one that was forgotten look the same from here.
    Retcode.TICKET_UNKNOWN: Meaning.TICKET_EXPIRED,
    Retcode.TICKET_EXPIRED: Meaning.TICKET_EXPIRED,
    Retcode.TICKET_USED: Meaning.TICKET_USED,
    Retcode.TOKEN_INVALID: Meaning.TICKET_EXPIRED,
    Retcode.USER_TYPE_WRONG: Meaning.REFUSED,
    Retcode.TICKET_FOREIGN: Meaning.REFUSED,
    Retcode.ACCOUNT_DISABLED: Meaning.REFUSED,
    Retcode.ORG_NOT_YOURS: Meaning.ORG_NOT_YOURS,
    Retcode.TARGET_UNKNOWN: Meaning.OUR_FAULT,
}
CODES: Final[Mapping[str, Meaning]] = {
    OUTER_OK: Meaning.OK,
    OuterCode.SIGN_WRONG: Meaning.AUTH_FAILED,
    OuterCode.TIME_STALE: Meaning.AUTH_FAILED,
    OuterCode.APP_UNKNOWN: Meaning.AUTH_FAILED,
    OuterCode.INTERFACE_UNKNOWN: Meaning.OUR_FAULT,
    OuterCode.PARAMS_WRONG: Meaning.OUR_FAULT,
    OuterCode.BUSY: Meaning.UNAVAILABLE,
}

Path = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_.\-]+)+$")]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")]


class Options(BaseModel):
    """What differs between stages and applications."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: Address
    """Address that the gateway calls, up to the host and port."""
    browser_url: Address | None = None
    """Address that browsers reach, where it is another one."""
    appmark: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]
    login_path: Path = LOGIN_PATH
    """``/jis-web/login_m`` for phones."""
    logout_path: Path | None = LOGOUT_PATH
    sign_path: Path = SIGN_PATH
    rest_path: Path = REST_PATH
    origin: Origin = Origin.PC
    """Of logins by a browser; one from inside the province's app is always 1."""
    gb_trust: bool | None = None
    """``gbTrust`` of the login page: ask for the national (国办) login or skip it; None: unsent."""
    cipher: Cipher = Cipher.SM2_C1C3C2
    cipher_encoding: Encoding = Encoding.BASE64
    interfaces: Interfaces = Field(default_factory=Interfaces)
    page_size: Annotated[int, Field(ge=1, le=100)] = PAGE_SIZE
    ial_of_authlevel: Mapping[str, Ial] = Field(
        default_factory=lambda: {
            "0": Ial.SELF_ASSERTED,
            "1": Ial.MATCHED,
            "2": Ial.THIRD_FACTOR,
            "3": Ial.REAL_PERSON,
        }
    )
    retcodes: Mapping[str, Meaning] = Field(default_factory=lambda: dict(RETCODES))
    codes: Mapping[str, Meaning] = Field(default_factory=lambda: dict(CODES))
    """Both replace the whole table when set: the province hands out its own."""
