"""Settings of the gateway under test, made as the demonstration makes them, and its clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.settings import Settings
from identity import SCOPES
from kernel.clock import SystemClock
from tests.api.town import HOST, Town

CLIENT_ID = "test-portal"


@dataclass
class TravelClock:
    """The machine's clock, shifted as far as a test wants."""

    shift: timedelta = timedelta()

    def now(self) -> datetime:
        return SystemClock().now() + self.shift

    def monotonic(self) -> float:
        return SystemClock().monotonic() + self.shift.total_seconds()


def settings_for(town: Town, database_url: str) -> Settings:
    """Return settings as the demonstration makes them."""
    return Settings(**document_for(town, database_url))


def document_for(town: Town, database_url: str) -> dict[str, Any]:
    """Return the settings as a file would hold them, with cheap password hashes."""
    options = {name: dict(one.options) for name, one in town.given.items()}
    options["cnnontax_tcp"] |= {"listen_host": HOST, "listen_port": town.push_port}
    options.get("sd_seal", {}).pop("trust_anchors_pem", None)
    adapters = {
        name: {"sandbox": True, "options": options[name], "secrets": dict(one.secrets)}
        for name, one in town.given.items()
    }
    portal = {
        "client_id": CLIENT_ID,
        "name": "测试门户",
        "kind": "WEB",
        "return_to": [f"{town.gateway_url}/portal/"],
        "scopes": sorted(SCOPES),
    }
    return {
        "server": {"host": HOST, "port": town.gateway_port, "public_url": town.gateway_url},
        "database": {"url": database_url, "durable": False, "pool_size": 8},
        "keys": {"active": "k1", "ring": {"k1": "5a" * 32}, "index": "a5" * 32},
        "identity": {"callback_base": f"{town.gateway_url}/auth/cb", "portals": [portal]},
        "staff": {"hash_rounds": 1, "certificate_header": "x-client-cert-sha256"},
        "seal": {"upstream": "sd_seal", "trust_anchors_file": str(town.trust_anchors)},
        "payments": {"upstream": "cnnontax_tcp"},
        "adapters": adapters,
        "partners": {"callback_networks": ["127.0.0.0/8", "::1/128"]},
    }
