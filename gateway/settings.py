"""The only reader of environment and settings files; everything else is handed what it needs."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

import identity
import payments
from e_license import LicenceOptions
from e_seal import SealOptions
from identity import StaffOptions

CONFIG_VARIABLE: Final = "ONEWINDOW_CONFIG"
_PREFIX: Final = "ONEWINDOW__"
_SHORTEST_SECRET: Final = 16
_WEAK: Final = ("change", "secret", "password", "example", "demo", "sandbox", "123456", "test")
_LOOPBACK: Final = ("127.", "localhost", "::1", "0.0.0.0")  # noqa: S104 - recognised, not bound


class BadSettings(ValueError):
    """The settings cannot be used; the message is one sentence for the person who wrote them."""


class Environment(StrEnum):
    """Where this installation stands."""

    DEMO = "demo"
    TEST = "test"
    PRODUCTION = "production"


def _network(cidr: str) -> str:
    ipaddress.ip_network(cidr)
    return cidr


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_Section):
    """The HTTP server."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    public_url: str = "http://127.0.0.1:8000"
    """Address under which browsers reach this gateway."""
    environment: Environment = Environment.DEMO
    debug: bool = False
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    """Addresses of the proxies in front; what they say about a client is believed, nobody else."""
    deadline_seconds: Annotated[float, Field(gt=0, le=120)] = 20
    """Time that one request may take in all, upstream calls included."""
    upload_deadline_seconds: Annotated[float, Field(gt=0, le=600)] = 120
    """The same for requests whose body is a large file: documents to verify or to look at."""


class Rate(_Section):
    """How much one client may ask of one process (OURS): a bucket of tokens that refills."""

    per_second: Annotated[int, Field(ge=1, le=100_000)]
    burst: Annotated[int, Field(ge=1, le=1_000_000)]


class PartnerSettings(_Section):
    """Programs that sign their requests (接入应用)."""

    small: Rate = Rate(per_second=5, burst=10)
    standard: Rate = Rate(per_second=50, burst=100)
    large: Rate = Rate(per_second=500, burst=1000)
    callback_networks: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    """Networks of our own that webhooks may reach; the internet's public addresses always may."""


class DatabaseSettings(_Section):
    """The one database."""

    url: SecretStr
    pool_size: Annotated[int, Field(ge=1, le=200)] = 20
    durable: bool = True
    """Keep an SQLite file's last commits through a power cut."""


class KeySettings(_Section):
    """The ring of keys that protect stored personal data, each at least 32 bytes in hexadecimal."""

    active: str
    ring: dict[str, SecretStr]
    index: SecretStr
    """Key of blind indexes and subject hashes; never one of the ring."""
    algorithm: Annotated[str, StringConstraints(pattern=r"^(SM4_GCM|AES_256_GCM)$")] = "SM4_GCM"

    def ring_bytes(self) -> dict[str, bytes]:
        """Return the ring's keys as bytes. Raises ValueError for anything but hexadecimal."""
        return {name: bytes.fromhex(key.get_secret_value()) for name, key in self.ring.items()}

    def index_bytes(self) -> bytes:
        """Return the index key as bytes."""
        return bytes.fromhex(self.index.get_secret_value())


class AdapterSettings(_Section):
    """One connected upstream: the adapter's own options, and its secrets by name."""

    sandbox: bool = False
    """True when the other side is a simulator; production refuses it."""
    options: dict[str, Any] = {}
    secrets: dict[str, SecretStr] = {}


class AuditSettings(_Section):
    """The audit trail (审计)."""

    signing_key_file: Path | None = None
    """SM2 private key (PEM) that signs checkpoints; None derives one from ``keys.index``, which
    production refuses.
    """
    checkpoint_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600


class WorkerSettings(_Section):
    """The background worker."""

    concurrency: Annotated[int, Field(ge=1, le=100)] = 8
    lease_seconds: Annotated[int, Field(ge=3, le=600)] = 30
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Where the worker shows its metrics; 0 for nowhere."""
    pushes: Literal["worker", "serve", "none"] = "worker"
    """Which process listens for pushed payments (推送监听); further ones on a machine say none."""


class AvailabilitySettings(_Section):
    """What can be done online now (网上可办状态)."""

    probe_seconds: Annotated[float, Field(ge=1, le=3600)] = 30
    """The worker probes an upstream that had no traffic for so long; every 5 s while it is down."""
    good_answers: Annotated[int, Field(ge=1, le=20)] = 3
    """So many good answers in a row bring a system back."""
    settle_seconds: Annotated[int, Field(ge=0, le=600)] = 20
    """They must last so long; faults that return within it do not flicker."""
    slow_ms: Annotated[int, Field(ge=100, le=60_000)] = 3000


class SandboxSettings(_Section):
    """The simulated province (仿真上游), for demonstration and tests."""

    folder: Path
    host: str = "127.0.0.1"
    ports: dict[str, int] = {}
    """HTTP and TCP port of each simulator, ``<name>`` and ``<name>.tcp``."""
    department_tokens: list[SecretStr] = []
    """Tokens with which the simulated departments review cases."""


class LogSettings(_Section):
    """Logs go to standard error as JSON lines, or as text for people."""

    level: Annotated[str, StringConstraints(pattern=r"^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"
    json_lines: bool = True


class Settings(BaseSettings):
    """Everything that can be set; a value comes from the environment, else from the file."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    server: ServerSettings = ServerSettings()
    database: DatabaseSettings
    keys: KeySettings
    identity: identity.Options
    licence: LicenceOptions = LicenceOptions()
    staff: StaffOptions = StaffOptions()
    audit: AuditSettings = AuditSettings()
    seal: SealOptions
    payments: payments.PaymentOptions
    adapters: dict[str, AdapterSettings] = {}
    partners: PartnerSettings = PartnerSettings()
    worker: WorkerSettings = WorkerSettings()
    availability: AvailabilitySettings = AvailabilitySettings()
    sandbox: SandboxSettings | None = None
    logs: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _fit_for_production(self) -> Settings:
        if self.server.environment is not Environment.PRODUCTION:
            return self
        if self.server.debug:
            raise ValueError("production refuses server.debug")
        if self.sandbox is not None:
            raise ValueError("production refuses the sandbox section")
        if not self.server.public_url.startswith("https://"):
            raise ValueError("production needs server.public_url with https")
        if self.audit.signing_key_file is None:
            raise ValueError("production needs audit.signing_key_file")
        if self.staff.hash_rounds < StaffOptions().hash_rounds:
            raise ValueError("production refuses cheap password hashes (staff.hash_rounds)")
        for name, adapter in self.adapters.items():
            _require_real(name, adapter)
        for name, key in {**self.keys.ring, "index": self.keys.index}.items():
            _require_strong(f"keys.{name}", key)
        return self


def _require_real(name: str, adapter: AdapterSettings) -> None:
    if adapter.sandbox:
        raise ValueError(f"production refuses the sandbox upstream adapters.{name}")
    for option, value in adapter.options.items():
        text = str(value).lower().removeprefix("https://").removeprefix("http://")
        if option in {"base_url", "tcp_host"} and text.startswith(_LOOPBACK):
            raise ValueError(f"production refuses adapters.{name}.options.{option} on this machine")
    for secret, content in adapter.secrets.items():
        _require_strong(f"adapters.{name}.secrets.{secret}", content)


def _require_strong(name: str, secret: SecretStr) -> None:
    text = secret.get_secret_value()
    weak = len(text) < _SHORTEST_SECRET or len(set(text)) < _SHORTEST_SECRET // 2
    if weak or any(word in text.lower() for word in _WEAK):
        raise ValueError(f"production refuses the weak secret {name}")


def load(path: Path | None = None) -> Settings:
    """Return the settings of a TOML file, by default the one that ONEWINDOW_CONFIG names.

    Environment variables ``ONEWINDOW__SECTION__NAME`` win over the file. Raises BadSettings.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    found = path or (Path(named) if named else None)
    data: dict[str, Any] = {}
    if found is not None:
        try:
            data = tomllib.loads(found.read_text("utf-8"))
        except OSError as exc:
            raise BadSettings(f"settings file {found}: {exc.strerror}") from exc
        except tomllib.TOMLDecodeError as exc:
            raise BadSettings(f"settings file {found} is not TOML: {exc}") from exc
    try:
        return Settings(**_overlaid(data))
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "settings"
        raise BadSettings(f"{where}: {first['msg'].removeprefix('Value error, ')}") from exc


def _overlaid(data: dict[str, Any]) -> dict[str, Any]:
    """Lay the environment over the file: what is given to a constructor wins otherwise."""
    merged = dict(data)
    for variable, value in os.environ.items():
        if not variable.upper().startswith(_PREFIX):
            continue
        *sections, name = variable[len(_PREFIX) :].lower().split("__")
        place = merged
        for section in sections:
            inner = place.get(section)
            place[section] = dict(inner) if isinstance(inner, dict) else {}
            place = place[section]
        place[name] = value
    return merged
