"""Sets the demonstration up in a folder: secrets, simulated province, settings, staff, items."""

from __future__ import annotations

import json
import os
import socket
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import tomli_w

import e_license
from gateway.api.scopes import REQUIRED
from gateway.bootstrap import build, onboard, province_of, trust_file
from gateway.catalog import seed as catalogue
from gateway.container import Container
from gateway.settings import BadSettings, SandboxSettings, Settings, load
from identity import AlreadyBootstrapped, StaffMember, StaffRole
from kernel.clock import Clock
from kernel.crypto import sm2
from kernel.errors import Unauthenticated
from kernel.ids import random_bytes
from migrations.run import upgrade

CLIENT_ID: Final = "demo-portal"
_HOST: Final = "127.0.0.1"
_STAFF_HOURS: Final = 24 * 30
_SANDBOX_PORTS: Final = {
    "sd_jis": 1,
    "sd_certshare": 2,
    "sd_seal": 3,
    "cnnontax_tcp": 4,
    "cnnontax_tcp.tcp": 5,
    "face": 7,
}
_PUSH_PORT: Final = 6
_DEPARTMENT: Final = "11370102MB9000066L"
_REGION: Final = "370102"


@dataclass(frozen=True)
class Installation:
    """A demonstration that is set up and can be started."""

    folder: Path
    settings_file: Path
    settings: Settings
    tokens: Mapping[str, str]
    """Staff tokens by role: ``clerk``, ``approver``, ``ops``."""

    @property
    def url(self) -> str:
        """Return the gateway's address."""
        return self.settings.server.public_url

    @property
    def return_to(self) -> str:
        """Return where logins come back to."""
        return self.settings.identity.portals[0].return_to[0]


def require_machine(report: sm2.BackendReport) -> None:
    """Raise BadSettings when this machine cannot sign with SM2."""
    if not report.can_sign:
        raise BadSettings(
            "SM2 签名不可用：请安装 OpenSSL 3 的 libcrypto (Debian: apt install libssl3)。 / "
            f"SM2 signing is not available, install OpenSSL 3's libcrypto (libssl3): {report}"
        )


def require_folder(folder: Path) -> None:
    """Create the folder. Raises BadSettings when nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_text("", "ascii")
        probe.unlink()
    except OSError as exc:
        raise BadSettings(
            f"目录 {folder} 不可写，请用 --folder 指定其他目录。 / "
            f"The directory {folder} is not writable ({exc.strerror}); choose one with --folder."
        ) from exc


def require_ports(settings: Settings) -> None:
    """Raise BadSettings naming the first port that something else uses."""
    sandbox = settings.sandbox
    ports = {"onewindow serve": settings.server.port}
    ports.update(sandbox.ports if sandbox is not None else {})
    push = settings.adapters[settings.payments.upstream].options
    ports["onewindow worker"] = int(push["listen_port"])
    for name, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, port))
            except OSError as exc:
                raise BadSettings(
                    f"端口 {port}（{name}）已被占用，请关闭占用者或用 --port 选择其他端口。 / "
                    f"Port {port} ({name}) is taken; stop what uses it or choose another: --port."
                ) from exc


async def install(folder: Path, port: int, clock: Clock) -> Installation:
    """Set up what is missing in the folder and return the demonstration; data are kept.

    Raises BadSettings in one sentence.
    """
    require_folder(folder)
    settings_file = folder / "settings.toml"
    if not settings_file.exists():
        _write_private(settings_file, tomli_w.dumps(_fresh(folder, port, clock)))
    settings = load(settings_file)
    await upgrade(settings.database.url.get_secret_value())
    tokens = await _people(folder, settings)
    if settings.sandbox is not None and [
        token.get_secret_value() for token in settings.sandbox.department_tokens
    ] != [tokens["department"]]:
        document = tomllib.loads(settings_file.read_text("utf-8"))
        document["sandbox"]["department_tokens"] = [tokens["department"]]
        _write_private(settings_file, tomli_w.dumps(document))
        settings = load(settings_file)
    return Installation(folder, settings_file, settings, tokens)


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _fresh(folder: Path, port: int, clock: Clock) -> dict[str, Any]:
    """Return new settings with new secrets, and let the simulated province onboard us."""
    url = f"http://{_HOST}:{port}"
    push_port = port + _PUSH_PORT
    ports = {name: port + offset for name, offset in _SANDBOX_PORTS.items()}
    sandbox = SandboxSettings(folder=folder / "province", host=_HOST, ports=ports)
    province = province_of(sandbox, gateway_url=url, push=(_HOST, push_port), clock=clock)
    given = onboard(province)
    anchors = trust_file(folder, given)
    given_options = {name: dict(onboarding.options) for name, onboarding in given.items()}
    adapters = {
        name: {
            "sandbox": True,
            "options": given_options[name],
            "secrets": dict(onboarding.secrets),
        }
        for name, onboarding in given.items()
    }
    given_options["cnnontax_tcp"] |= {"listen_host": _HOST, "listen_port": push_port}
    given_options["sd_seal"].pop("trust_anchors_pem", None)
    return {
        "server": {"host": _HOST, "port": port, "public_url": url, "environment": "demo"},
        "database": {"url": f"sqlite+aiosqlite:///{folder.resolve() / 'onewindow.db'}"},
        "keys": {
            "active": "k1",
            "ring": {"k1": random_bytes(32).hex()},
            "index": random_bytes(32).hex(),
        },
        "identity": {
            "callback_base": f"{url}/auth/cb",
            "portals": [
                {
                    "client_id": CLIENT_ID,
                    "name": "演示门户",
                    "kind": "WEB",
                    "return_to": [f"{url}/portal/"],
                    "scopes": sorted({scope for scope in REQUIRED.values() if scope}),
                }
            ],
            "staff_seconds": _STAFF_HOURS * 3600,
        },
        "seal": {"upstream": "sd_seal", "trust_anchors_file": str(anchors)},
        "payments": {"upstream": "cnnontax_tcp"},
        "adapters": adapters,
        "sandbox": {"folder": str(sandbox.folder), "host": _HOST, "ports": ports},
        "logs": {"json_lines": True},
    }


_STAFF: Final = {
    "clerk": StaffMember("demo-clerk", "演示受理员", StaffRole.CLERK, _DEPARTMENT, _REGION),
    "approver": StaffMember(
        "demo-approver", "演示审批员", StaffRole.APPROVER, _DEPARTMENT, _REGION
    ),
    "department": StaffMember(
        "demo-department", "演示审查员", StaffRole.DEPARTMENT, _DEPARTMENT, _REGION
    ),
    "ops": StaffMember("demo-ops", "演示运维", StaffRole.OPS, _DEPARTMENT, "370000"),
}


async def _people(folder: Path, settings: Settings) -> dict[str, str]:
    """Seed catalogue and staff; return the staff's tokens, made anew when they are over."""
    path = folder / "staff-tokens.json"
    container = build(settings, process="onewindow demo")
    try:
        await container.licence_types.take_in(e_license.bundled())
        await container.catalog.take_in(catalogue.bundled())
        await _accounts(folder, container)
        tokens = await _living(_stored(path), container)
        if not tokens:
            validity = timedelta(hours=_STAFF_HOURS)
            issue = container.staff.accounts.issue_token
            tokens = {name: await issue(member.id, validity) for name, member in _STAFF.items()}
            _write_private(path, json.dumps(tokens, indent=2))
    finally:
        await container.close()
    return tokens


async def _accounts(folder: Path, container: Container) -> None:
    """Make everybody's account, with a password for the first sign-in, on the first start only."""
    accounts = container.staff.accounts
    with suppress(AlreadyBootstrapped):
        made = list(await accounts.bootstrap())
        for member in _STAFF.values():
            await accounts.create("system", member.id, member.name)
            made.append(await accounts.activate("system", member.id))
        passwords = {one.staff_id: one.password for one in made}
        _write_private(folder / "staff-passwords.json", json.dumps(passwords, indent=2))
    for member in _STAFF.values():
        await accounts.provision(member)


def _stored(path: Path) -> dict[str, str]:
    tokens: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return tokens


async def _living(tokens: dict[str, str], container: Container) -> dict[str, str]:
    """Return the tokens of an earlier start; none of them when one does not hold any more."""
    try:
        for token in tokens.values():
            await container.staff.accounts.identify_token(token)
    except Unauthenticated:
        return {}
    return tokens
