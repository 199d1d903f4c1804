"""Reads the templates of documents and fills them in, strictly: no placeholder is left to chance.

A template never changes once documents were made of it: a new wording is a new version, in a file
of its own, and old documents keep naming theirs.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from gateway.cases.forms.values import PLACEHOLDERS
from gateway.cases.model import DocumentKind

_FORMATTER: Final = string.Formatter()
_ENTRIES: Final = frozenset({"id", "version", "kind", "permit", "title", "part"})
_PART_ENTRIES: Final = frozenset({"text", "rows", "when", "indent"})


class BadTemplate(ValueError):
    """A template file that contradicts itself or names a placeholder that nobody fills."""


class ValueMissing(ValueError):
    """A template needs a value that this case does not have."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table of facts; ``tag`` is the element's name among the custom tags."""

    label: str
    value: str
    tag: str


@dataclass(frozen=True, slots=True)
class Part:
    """A paragraph or a table; left out when the value named by ``when`` is absent."""

    text: str = ""
    rows: tuple[Row, ...] = ()
    when: str = ""
    indent: int = 2


@dataclass(frozen=True, slots=True)
class Template:
    """One version of one document's wording; ``permit`` is None where it serves all items."""

    id: str
    version: int
    kind: DocumentKind
    permit: bool | None
    title: str
    parts: tuple[Part, ...]

    def fill(self, values: Mapping[str, str]) -> Iterator[Part]:
        """Yield the parts that apply, with their values. Raises ValueMissing."""
        for part in self.parts:
            if part.when and not values.get(part.when):
                continue
            rows = (Row(row.label, _filled(row.value, values), row.tag) for row in part.rows)
            yield Part(_filled(part.text, values), tuple(rows), part.when, part.indent)


def _placeholders(text: str) -> Iterator[str]:
    for _, name, form, conversion in _FORMATTER.parse(text):
        if name is not None:
            if form or conversion or not name.isidentifier():
                raise BadTemplate(f"a placeholder is a plain name, not {{{name}}}")
            yield name


def _filled(text: str, values: Mapping[str, str]) -> str:
    out = []
    for literal, name, _, _ in _FORMATTER.parse(text):
        out.append(literal)
        if name is not None:
            value = values.get(name)
            if not value:
                raise ValueMissing(f"the document needs {name}")
            out.append(value)
    return "".join(out)


def read_template(text: str) -> Template:
    """Return the template of a TOML text. Raises BadTemplate naming what is wrong."""
    try:
        data = tomllib.loads(text)
        _require_only(data, _ENTRIES)
        parts = tuple(_part(entry) for entry in data["part"])
        template = Template(
            id=_text(data["id"]),
            version=int(data["version"]),
            kind=DocumentKind(data["kind"]),
            permit=data.get("permit"),
            title=_text(data["title"]),
            parts=parts,
        )
        used = {name for part in parts for name in _names(part)}
    except (KeyError, TypeError, ValueError) as exc:
        raise exc if isinstance(exc, BadTemplate) else BadTemplate(f"{exc!r}") from exc
    if unknown := used - PLACEHOLDERS:
        raise BadTemplate(f"{template.id}: unknown placeholders {sorted(unknown)}")
    if template.version < 1 or not parts:
        raise BadTemplate(f"{template.id}: a template has a version from 1 on, and parts")
    return template


def _part(entry: Mapping[str, Any]) -> Part:
    _require_only(entry, _PART_ENTRIES)
    if ("text" in entry) is ("rows" in entry):
        raise BadTemplate("a part is either text or rows")
    rows = tuple(Row(*map(_text, row)) for row in entry.get("rows", ()))
    text = _text(entry["text"]) if "text" in entry else ""
    return Part(text, rows, entry.get("when", ""), int(entry.get("indent", 2)))


def _names(part: Part) -> Iterator[str]:
    for text in (part.text, *(row.value for row in part.rows)):
        yield from _placeholders(text)
    if part.when:
        yield part.when


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadTemplate("a text is missing")
    return value


def _require_only(entry: Mapping[str, Any], known: frozenset[str]) -> None:
    if unknown := set(entry) - known:
        raise BadTemplate(f"unknown entries {sorted(unknown)}")


@cache
def bundled() -> Mapping[tuple[str, int], Template]:
    """Return the templates that come with the product, by id and version. Raises BadTemplate."""
    found: dict[tuple[str, int], Template] = {}
    for file in sorted(files(__package__).joinpath("data").iterdir(), key=lambda file: file.name):
        template = read_template(file.read_text("utf-8"))
        if file.name != f"{template.id}-{template.version}.toml":
            raise BadTemplate(f"{file.name} holds {template.id} version {template.version}")
        found[template.id, template.version] = template
    return found


def named(template_id: str, version: int) -> Template:
    """Return the template of which a document was or will be made. Raises BadTemplate."""
    try:
        return bundled()[template_id, version]
    except KeyError:
        raise BadTemplate(f"no template {template_id} version {version}") from None


def newest(kind: DocumentKind, *, is_permit: bool) -> Template:
    """Return the template for a new document of this kind. Raises BadTemplate."""
    fitting = [
        template
        for template in bundled().values()
        if template.kind is kind and template.permit in {None, is_permit}
    ]
    if not fitting:
        raise BadTemplate(f"no template for {kind}")
    return max(fitting, key=lambda template: template.version)
