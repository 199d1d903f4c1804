"""The settings of identity: which portals are registered, and how long each secret lives."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from identity.model import PortalKind
from identity.policy.options import Rule

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def _return_address(url: str) -> str:
    parts = urlsplit(url)
    plain_http_is_safe = parts.hostname in _LOOPBACK
    if parts.scheme != "https" and not (parts.scheme == "http" and plain_http_is_safe):
        raise ValueError("a return address is https, or http on the loopback interface")
    if not parts.hostname or parts.username is not None or parts.fragment or not url.isascii():
        raise ValueError("a return address is absolute, ASCII, without user and fragment")
    return url


ReturnAddress = Annotated[str, StringConstraints(max_length=500), AfterValidator(_return_address)]


class PortalClient(BaseModel):
    """接入端: a front end that may send its users here to sign in.

    A login returns to one of ``return_to``, compared letter by letter, and a logout to
    ``after_logout``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
    name: Annotated[str, StringConstraints(min_length=2, max_length=80)]
    kind: PortalKind
    return_to: Annotated[tuple[ReturnAddress, ...], Field(min_length=1)]
    after_logout: ReturnAddress | None = None
    scopes: tuple[str, ...] | None = None
    """What its tokens permit; left out, what the register of clients says. Names that no route
    asks for permit nothing.
    """


class Options(BaseModel):
    """The section ``identity`` of the settings. Durations are whole seconds unless their name says
    otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    callback_base: ReturnAddress
    """The gateway's own address that upstreams send browsers back to; provider and state are
    appended.
    """
    portals: tuple[PortalClient, ...] = ()
    policy: tuple[Rule, ...] = ()
    """Rules that replace those of the product for the same action, user type and amount."""
    step_up_seconds: Annotated[int, Field(ge=60, le=3_600)] = 600
    """How long one step-up may take."""
    step_up_most: Annotated[int, Field(ge=1, le=100)] = 5
    """How many step-ups one subject may begin within ``step_up_window_seconds``."""
    step_up_window_seconds: Annotated[int, Field(ge=60, le=86_400)] = 900
    proofing_days: Annotated[int, Field(ge=1, le=3_660)] = 1_096
    """How long a raise of the proofing level counts for its account (OURS)."""
    mandate_days: Annotated[int, Field(ge=1, le=3_660)] = 366
    """Longest life of a mandate."""
    login_seconds: Annotated[int, Field(ge=60, le=1_800)] = 600
    code_seconds: Annotated[int, Field(ge=10, le=300)] = 60
    idle_seconds: Annotated[int, Field(ge=60, le=28_800)] = 1_800
    absolute_seconds: Annotated[int, Field(ge=300, le=86_400)] = 28_800
    staff_seconds: Annotated[int, Field(ge=60, le=2_592_000)] = 28_800
    """Longest life of a token of staff."""
    cache_seconds: Annotated[int, Field(ge=0, le=60)] = 30
    """How long another process may still honour a token after its logout."""
    cache_size: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """Verified tokens kept in memory, in number."""
    key_days: Annotated[int, Field(ge=1, le=400)] = 180
    """How long a client's key may sign."""
    key_warning_days: tuple[Annotated[int, Field(ge=1, le=180)], ...] = (30, 14, 7, 1)
    """At how many days before a key's end its client and operations are warned."""
    signing_key_days: Annotated[int, Field(ge=1, le=400)] = 30
    """After how many days a new key signs tokens."""
    dpop_nonces: bool = False
    """Whether proofs of possession must carry a nonce of ours (RFC 9449, 8)."""
    keep_days: Annotated[int, Field(ge=1, le=90)] = 7
    """How long rows of logins that are over, and the marks of used tickets, are kept."""

    @model_validator(mode="after")
    def _unambiguous(self) -> Options:
        if len({portal.client_id for portal in self.portals}) != len(self.portals):
            raise ValueError("two portals have the same client_id")
        if self.idle_seconds > self.absolute_seconds:
            raise ValueError("idle_seconds is longer than absolute_seconds")
        return self
