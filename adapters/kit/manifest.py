"""The manifest of an upstream (接入清单): what one folder says about itself, checked to the last
field.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

MANIFEST_FILE: Final = "manifest.toml"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{2,39}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,39}$")]
SecretName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
Sentence = Annotated[str, StringConstraints(min_length=2, max_length=80, strip_whitespace=True)]
EntryPoint = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]*:[A-Za-z_][A-Za-z0-9_]*$")]


class BadManifest(ValueError):
    """A manifest that cannot be used; the text names the file and the field."""


class Port(StrEnum):
    """The ports an upstream may serve: 身份, 证照, 印章, 缴费, and the small ones, 印章状态,
    二次核验 and 数据核验.
    """

    IDENTITY = "identity"
    E_LICENSE = "e_license"
    E_SEAL = "e_seal"
    PAYMENTS = "payments"
    SEAL_STATUS = "seal_status"
    SECOND_FACTOR = "second_factor"
    DATA_CHECK = "data_check"

    @property
    def domain(self) -> str:
        """Return the domain package that the port belongs to."""
        match self:
            case Port.SEAL_STATUS:
                return "e_seal"
            case Port.SECOND_FACTOR:
                return "identity"
            case Port.DATA_CHECK:
                return "e_license"
            case _:
                return self.value


class Level(StrEnum):
    """How far an upstream has come: 编制中, 成熟, 接入, 上线."""

    DRAFT = "draft"
    MATURE = "mature"
    CONNECTED = "connected"
    LIVE = "live"


class PersonalData(StrEnum):
    """Kinds of personal data that pass through an upstream (个人信息种类)."""

    NAME = "name"
    CITIZEN_ID = "citizen_id"
    MOBILE = "mobile"
    ADDRESS = "address"
    FACE = "face"
    BANK_ACCOUNT = "bank_account"
    ORGANISATION = "organisation"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Title(_Strict):
    """A display name in two languages."""

    zh: Sentence
    en: Sentence


class Operation(_Strict):
    """One thing that is asked of an upstream, with its time-outs and whether it may be repeated.

    ``safe``: a question without effect. ``keyed``: has an effect, and the upstream itself
    recognises a repetition
    by a key in the message. Neither: a lost answer is *unknown* and the message is never sent
    twice.
    """

    safe: bool = False
    keyed: bool = False
    connect_ms: Annotated[int, Field(ge=100, le=10_000)] = 2_000
    read_ms: Annotated[int, Field(ge=100, le=60_000)] = 5_000
    probe: bool = False
    """Whether the capability probe may run it."""
    html: bool = False
    """Whether an HTML page is a proper answer; otherwise it is somebody's error page."""
    own_statuses: frozenset[Annotated[int, Field(ge=400, le=499)]] = frozenset()
    """Statuses from 400 on that the upstream explains in its body: the adapter gets the answer."""
    answer_bytes: Annotated[int, Field(ge=1_024, le=256 * 1024 * 1024)] = 8 * 1024 * 1024
    """The longest answer that is read, in bytes."""

    @model_validator(mode="after")
    def _one_kind(self) -> Operation:
        if self.safe and self.keyed:
            msg = "an operation is safe or keyed, not both"
            raise ValueError(msg)
        return self

    @property
    def repeatable(self) -> bool:
        """Return whether the same message may be sent again."""
        return self.safe or self.keyed


class Spec(_Strict):
    """The document that the adapter was written from."""

    title: Annotated[str, StringConstraints(min_length=2, max_length=120)]
    version: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    dated: Annotated[str, StringConstraints(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")]
    origin: Annotated[str, StringConstraints(min_length=2, max_length=200)]
    """Where the document comes from, or ``OURS`` for a dialect of this project."""


class Limits(_Strict):
    """What the contract with the upstream allows; the kit enforces it, not the author."""

    concurrency: Annotated[int, Field(ge=1, le=500)] = 20
    per_second: Annotated[int, Field(ge=1, le=2_000)] = 100
    deadline_ms: Annotated[int, Field(ge=500, le=120_000)] = 15_000
    """Longest time for one call with its repetitions, where the request has no shorter dead-line.
    """


class Redact(_Strict):
    """Names of the vendor's fields that hold personal data, by the form of the message."""

    json_: Annotated[frozenset[str], Field(alias="json")] = frozenset()
    form: frozenset[str] = frozenset()
    xml: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """Return every declared field name."""
        return self.json_ | self.form | self.xml


class Manifest(_Strict):
    """Everything that is known about an upstream without importing its code."""

    name: Name
    title: Title
    port: Port
    port_version: Annotated[int, Field(ge=1)]
    entry: EntryPoint = "adapter:create"
    options: EntryPoint = "options:Options"
    simulator: Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]*$")] = "simulator"
    """Module that offers ``provision(place)`` and ``create(place)``."""
    region: Annotated[str, StringConstraints(pattern=r"^[1-9]\d{5}$")]
    """GB/T 2260 code of the region whose systems these are."""
    owner: Sentence
    level: Level = Level.DRAFT
    demo: bool = False
    """Sandbox only: refused in production."""
    transport: Literal["http", "tcp"] = "http"
    capabilities: frozenset[Word] = frozenset()
    callbacks: frozenset[Word] = frozenset()
    personal_data: frozenset[PersonalData] = frozenset()
    secrets: frozenset[SecretName] = frozenset()
    operations: Annotated[dict[Word, Operation], Field(min_length=1)]
    spec: Spec
    limits: Limits = Limits()
    redact: Redact = Redact()

    def operation(self, name: str) -> Operation:
        """Return a declared operation; raises BadManifest for a name that the manifest does not
        list.
        """
        try:
            return self.operations[name]
        except KeyError:
            msg = f"{self.name}: operation '{name}' is not in its manifest"
            raise BadManifest(msg) from None


def load(path: Path) -> Manifest:
    """Read and check one manifest file; raises BadManifest naming the file, the field and what is
    wrong.
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        msg = f"{path}: there is no such file"
        raise BadManifest(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        msg = f"{path}: not valid TOML ({exc})"
        raise BadManifest(msg) from exc
    manifest = parse(raw, str(path))
    if manifest.name != path.parent.name:
        msg = f"{path}: name is '{manifest.name}' but the folder is '{path.parent.name}'"
        raise BadManifest(msg)
    return manifest


def parse(raw: dict[str, Any], where: str) -> Manifest:
    """Check what a manifest says; ``where`` opens the sentence of a BadManifest."""
    try:
        return Manifest.model_validate(raw)
    except ValidationError as exc:
        raise BadManifest(f"{where}: {faults_of(exc)}") from None


def faults_of(exc: ValidationError) -> str:
    """Return what a validation found as one sentence with field names and without the values."""
    return "; ".join(
        f"{_field(err['loc'])}: {_said(err['msg'])}" for err in exc.errors(include_input=False)
    )


def _field(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location) or "the whole"


def _said(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
