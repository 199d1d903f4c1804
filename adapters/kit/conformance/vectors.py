"""Golden vectors (标准向量): pure functions of an upstream's folder, with inputs and
results written down.

A file ``vectors/*.toml`` holds::

    [[vector]]
    name = "what it shows"
    call = "mapping:signing_text"        # module and function of the folder, or adapters.…:function
    args = ["a", { hex = "00ff" }]       # or kwargs = { ... }; { hex = … } stands for bytes
    expect = "a&b"                       # or expect = { hex = … }, or raises = "NameOfTheError"
    source = "document, clause"

Results are compared after tuples became lists, bytes ``{ hex = … }``, and dataclasses,
pydantic models and
enumerations what they hold.
"""

from __future__ import annotations

import dataclasses
import importlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from adapters.kit.registry import Found


class Vector(BaseModel):
    """One vector as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    call: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    expect: Any = None
    raises: str = ""
    source: str

    @model_validator(mode="after")
    def _one_end(self) -> Vector:
        if (self.expect is None) == (not self.raises):
            msg = "a vector has either expect or raises"
            raise ValueError(msg)
        return self


@dataclass(frozen=True)
class VectorFile:
    """The vectors of one file."""

    path: Path
    vectors: tuple[Vector, ...]


def vector_files(folder: Path) -> Iterator[VectorFile]:
    """Yield the vectors of an upstream's folder; raises ValueError for a file of another form."""
    for path in sorted(folder.glob("vectors/*.toml")):
        raw = tomllib.loads(path.read_text("utf-8")).get("vector", [])
        yield VectorFile(path, tuple(Vector.model_validate(entry) for entry in raw))


def run_vector(found: Found, vector: Vector) -> None:
    """Call what a vector names; raises AssertionError when the result is another one."""
    module, _, function = vector.call.partition(":")
    # What several folders share is named in full.
    name = module if module.startswith("adapters.") else f"{found.package}.{module}"
    target = getattr(importlib.import_module(name), function)
    args = [_given(value) for value in vector.args]
    kwargs = {name: _given(value) for name, value in vector.kwargs.items()}
    if vector.raises:
        raised = _raised_by(lambda: target(*args, **kwargs), vector.raises)
        assert raised, f"{vector.name}: {vector.raises} was not raised"
        return
    result = plain(target(*args, **kwargs))
    assert result == plain(vector.expect), f"{vector.name}: got {result!r}"


def _raised_by(call: Any, name: str) -> bool:
    try:
        call()
    except Exception as exc:
        if name in {kind.__name__ for kind in type(exc).__mro__}:
            return True
        raise
    return False


def _given(value: Any) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"hex"}:
            return bytes.fromhex(value["hex"])
        return {name: _given(item) for name, item in value.items()}
    return [_given(item) for item in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """Return a value as a TOML file can hold it."""
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, bytes | bytearray):
        return {"hex": bytes(value).hex()}
    if isinstance(value, BaseModel):
        return plain(value.model_dump(by_alias=True, exclude_none=True))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        held = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return {name: plain(item) for name, item in held.items() if item is not None}
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
