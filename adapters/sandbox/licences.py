"""The licences that every simulated licence platform holds, and when they may be handed out."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from adapters.sandbox.licence_files import ofd_file, png_file

OFD: Final = "application/ofd"
PNG: Final = "image/png"
VALID: Final = frozenset({5, 11})
EXPIRED: Final = frozenset({-4})
RESTRICTED: Final = frozenset({12, 13})
HOLDER_TYPES: Final = frozenset(
    "001 099 111 114 115 118 119 120 122 411 412 413 414 511 516 551 552 553 999".split()  # noqa: SIM905
)
"""持证主体代码类型 of GB/T 36903 and GA/T 2000.156."""


@dataclass(frozen=True)
class SampleLicence:
    """One licence; ``state`` is the internal code of a city's platform."""

    holder: str
    holder_type: str
    type: str
    identifier: str
    state: int
    file: str
    face: Mapping[str, str]

    @property
    def shown(self) -> dict[str, str]:
        """Return the face data with the holder's code, without the identifier."""
        return {**self.face, "czztdm": self.holder, "czztdmlxdm": self.holder_type}

    @property
    def content(self) -> bytes:
        """Return the licence file."""
        return self.content_as(self.file)

    def content_as(self, form: str) -> bytes:
        """Return the licence as ``ofd`` or ``png``."""
        if form == "png":
            return png_file()
        return ofd_file(self.face["zzmc"], self.identifier)


@dataclass(frozen=True)
class SampleType:
    """One type of the catalogue; ``granted`` is whether the sandbox's account may read it."""

    code: str
    name: str
    granted: bool = True


class Licences:
    """The content of ``licences.toml``."""

    def __init__(self) -> None:
        text = files(__package__).joinpath("licences.toml").read_text("utf-8")
        raw = tomllib.loads(text)
        self.types: Mapping[str, SampleType] = {
            one["code"]: SampleType(**one) for one in raw["types"]
        }
        self.all = tuple(SampleLicence(**one) for one in raw["licences"])

    def of(self, holder_type: str, holder: str, licence_type: str) -> tuple[SampleLicence, ...]:
        """Return a holder's licences of one type in any state."""
        asked = (holder_type, holder, licence_type)
        return tuple(one for one in self.all if (one.holder_type, one.holder, one.type) == asked)

    def by_identifier(self, identifier: str) -> SampleLicence | None:
        """Return the licence, in any state and of any type."""
        return next((one for one in self.all if one.identifier == identifier), None)

    def by_content(self, content: bytes, licence_type: str) -> SampleLicence | None:
        """Return the licence of this type whose file has these bytes."""
        return next(
            (one for one in self.all if one.type == licence_type and one.content == content), None
        )
