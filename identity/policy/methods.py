"""The vocabulary of authentication methods (认证方式, amr) and what they are worth."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from identity.model import Aal, Ial

_UNTOLD: Final = frozenset({"unknown", "several"})


@dataclass(frozen=True)
class Method:
    """One way to authenticate."""

    name: str
    title: str
    kind: str
    """knowledge, possession, inherence; ``several`` and ``unknown`` do not add up with others."""
    aal: Aal
    proves_ial: Ial | None


class UnknownMethod(ValueError):
    """An amr value that is not in the vocabulary; it is never given a default worth."""


class Methods:
    """The vocabulary; by default the one that comes with the product."""

    def __init__(self, methods: Iterable[Method]) -> None:
        self.by_name: Mapping[str, Method] = {method.name: method for method in methods}

    def _named(self, amr: Iterable[str]) -> list[Method]:
        found = [self.by_name.get(name) for name in amr]
        known = [method for method in found if method is not None]
        if len(known) != len(found):
            raise UnknownMethod("an authentication method is not in the vocabulary")
        return known

    def aal_of(self, amr: Iterable[str]) -> Aal:
        """Return the strength of methods used together; raise UnknownMethod.

        The strongest of them counts, and two kinds of factor make two factors.
        """
        methods = self._named(amr)
        strongest = max((method.aal for method in methods), default=Aal.NONE)
        kinds = {method.kind for method in methods} - _UNTOLD
        return max(strongest, Aal.TWO_FACTORS) if len(kinds) > 1 else strongest

    def ial_of(self, amr: Iterable[str]) -> Ial:
        """Return the proofing level that these methods prove, 0 for none; raise UnknownMethod."""
        proven = (method.proves_ial for method in self._named(amr))
        return max((ial for ial in proven if ial is not None), default=Ial.SELF_ASSERTED)


def bundled() -> Methods:
    """Return the product's vocabulary."""
    document = tomllib.loads(files("identity.policy").joinpath("amr.toml").read_text("utf-8"))
    document.pop("version")
    return Methods(
        Method(
            name,
            entry["title"],
            entry["kind"],
            Aal(entry["aal"]),
            Ial(entry["proves_ial"]) if "proves_ial" in entry else None,
        )
        for name, entry in document.items()
    )
