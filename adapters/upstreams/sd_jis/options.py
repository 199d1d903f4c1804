"""The settings of this adapter: addresses, account, and the code tables that deployments vary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from adapters.kit.refusals import Meaning
from adapters.upstreams.sd_jis.wire import (
    INTERFACE_PATH,
    LOGIN_PATH,
    LOGOUT_PATH,
    PAGE_SIZE,
    Retcode,
    Service,
)
from identity.model import Ial

RETCODES: Final[Mapping[str, Meaning]] = {
    Retcode.OK: Meaning.OK,
    Retcode.APP_UNKNOWN: Meaning.AUTH_FAILED,
    Retcode.SIGN_WRONG: Meaning.AUTH_FAILED,
    Retcode.TIME_STALE: Meaning.AUTH_FAILED,
    Retcode.SERVICE_UNKNOWN: Meaning.OUR_FAULT,
    Retcode.PARAMS_WRONG: Meaning.OUR_FAULT,
    # A forged ticket and one that was forgotten look the same from here.
    Retcode.TICKET_UNKNOWN: Meaning.TICKET_EXPIRED,
    Retcode.TICKET_EXPIRED: Meaning.TICKET_EXPIRED,
    Retcode.TICKET_USED: Meaning.TICKET_USED,
    Retcode.TOKEN_INVALID: Meaning.TOKEN_EXPIRED,
    Retcode.USER_TYPE_WRONG: Meaning.REFUSED,
    # A ticket of another application says that somebody tries tickets, or that a target is wrong.
    Retcode.TICKET_FOREIGN: Meaning.REFUSED,
    Retcode.ACCOUNT_DISABLED: Meaning.REFUSED,
    Retcode.PASSWORD_WRONG: Meaning.REFUSED,
    Retcode.ORG_NOT_YOURS: Meaning.ORG_NOT_YOURS,
    Retcode.TARGET_UNKNOWN: Meaning.OUR_FAULT,
    Retcode.BUSY: Meaning.UNAVAILABLE,
}

Path = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9_.\-]+)+$")]
Parameter = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")]


class Options(BaseModel):
    """What differs between the provinces and stages on which this product runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: Address
    """Address that the gateway calls, up to the host and port."""
    browser_url: Address | None = None
    """Address that browsers reach, where it is another one (互联网 instead of 政务外网)."""
    appmark: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]
    login_path: Path = LOGIN_PATH
    interface_path: Path = INTERFACE_PATH
    logout_path: Path | None = LOGOUT_PATH
    """None where the deployment has no logout page."""
    app_parameter: Parameter = "appmark"
    """Also seen: ``uuid``."""
    back_parameter: Parameter = "backUrl"
    """Also seen: ``gotourl``."""
    user_type_parameter: Parameter = "userType"
    ticket_parameter: Parameter = "ticket"
    switch_service: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{3,60}$")] | None = (
        Service.SWITCH_CORPORATION
    )
    """``servicename`` with which a token is swapped for one of another company; None where the
    deployment has no such service.
    """
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
    """Replaces the whole table when set: the province hands out its own with the connection."""
