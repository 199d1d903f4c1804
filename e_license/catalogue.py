"""证照类型目录: the types of licences, their codes, and what their face data mean."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final, Protocol

from kernel.clock import Clock
from kernel.errors import Text
from kernel.work import Work, WorkSource

_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class FaceField:
    """One entry of a type's dictionary (照面项)."""

    key: str
    label: str
    label_en: str
    keys: tuple[str, ...]
    """Keys under which sources tell it, in lower case."""


@dataclass(frozen=True, slots=True)
class LicenceType:
    """One type (证照类型) with the dictionary of its face data."""

    code: str
    """The national code, 21 characters."""
    name: str
    name_en: str
    fields: tuple[FaceField, ...]
    local_codes: Mapping[str, str] = field(default_factory=dict)
    """Codes of other catalogues by the name of the source, where these differ."""

    def label(self, key: str) -> Text | None:
        """Return what a source's key means; None for one that the dictionary does not know."""
        found = next((one for one in self.fields if key.lower() in one.keys), None)
        return None if found is None else Text(found.label, found.label_en)

    def values(self, face: Mapping[str, str]) -> dict[str, str]:
        """Return the known, filled face data under our own keys; nothing else is kept."""
        return {
            one.key: text.strip()
            for one in self.fields
            for key, text in face.items()
            if key.lower() in one.keys and text.strip()
        }


class TypeRepository(Protocol):
    """Where licence types are kept."""

    async def types(self, work: Work) -> Sequence[LicenceType]:
        """Return all types."""
        ...

    async def put_types(self, work: Work, types: Sequence[LicenceType]) -> None:
        """Store types, replacing those of the same code."""
        ...


class TypeCatalogue:
    """The catalogue of a process; unlike face data it is remembered, for a minute."""

    def __init__(self, repository: TypeRepository, works: WorkSource, clock: Clock) -> None:
        self._repository = repository
        self._works = works
        self._clock = clock
        self._known: dict[str, LicenceType] = {}
        self._until = 0.0

    async def get(self, code: str) -> LicenceType:
        """Return a type; an unknown code has the dictionary that all types share."""
        if self._clock.monotonic() >= self._until:
            async with self._works.read() as work:
                kept = await self._repository.types(work)
            # What an installation took in goes before what came with the product.
            self._known = {one.code: one for one in (*bundled(), *kept)}
            self._until = self._clock.monotonic() + _SECONDS
        return self._known.get(code) or LicenceType(code, code, code, _common())

    async def take_in(self, types: Iterable[LicenceType]) -> int:
        """Store types and return how many there were."""
        given = list(types)
        async with self._works.begin() as work:
            await self._repository.put_types(work, given)
        self._until = 0.0
        return len(given)


def bundled() -> tuple[LicenceType, ...]:
    """Return the types that come with the product."""
    return tuple(
        LicenceType(
            code=entry["code"],
            name=entry["name"],
            name_en=entry["name_en"],
            fields=(*_fields(entry["fields"]), *_common()),
            local_codes=entry.get("local_codes", {}),
        )
        for entry in _data()["type"]
    )


@cache
def _data() -> Mapping[str, Any]:
    return tomllib.loads(files("e_license").joinpath("data/types.toml").read_text("utf-8"))


def _common() -> tuple[FaceField, ...]:
    return _fields(_data()["common"]["fields"])


def _fields(entries: Iterable[Mapping[str, Any]]) -> tuple[FaceField, ...]:
    return tuple(
        FaceField(entry["key"], entry["label"], entry["label_en"], tuple(entry["keys"]))
        for entry in entries
    )
