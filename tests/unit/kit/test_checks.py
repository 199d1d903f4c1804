"""The layers of the self-check that need a certificate, a wrong clock or a provider's own
opinion.
"""

from __future__ import annotations

import asyncio
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from adapters.kit.checks import Check, Layer, examine, probe
from adapters.kit.client import OPERATION_HEADER, Addresses, Client
from adapters.kit.kit import Kit
from adapters.kit.registry import Connected
from adapters.kit.telemetry import Telemetry
from adapters.sandbox import faults
from kernel.clock import FrozenClock, SystemClock
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)
from kernel.ids import SequentialIds
from tests.unit.kit.upstream import http, manifest

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
HOST = "127.0.0.1"


def _certificate(folder: Path) -> tuple[str, ssl.SSLContext]:
    """Return a self-signed certificate for 127.0.0.1 and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = SystemClock().now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + pem
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return pem.decode(), context


@asynccontextmanager
async def _server(said: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(http(b"{}", extra=f"date: {said}\r\nconnection: close\r\n"))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the TCP step connects and goes away
        finally:
            writer.close()

    server = await asyncio.start_server(handle, HOST, 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


class NoOptions(BaseModel):
    """This upstream has none."""


@dataclass
class Opinion:
    """A provider that only examines itself."""

    found: Sequence[Check] = ()

    def checks(self) -> Sequence[Check]:
        return self.found


@asynccontextmanager
async def _connected(addresses: Addresses, *checks: Check) -> AsyncIterator[Connected]:
    clock, ids = SystemClock(), SequentialIds()
    telemetry = Telemetry(CollectorRegistry(), clock)
    about = manifest(
        operations={"ask": {"safe": True, "probe": True}, "pay": {}},
    )
    client = Client(about, addresses, clock=clock, ids=ids, telemetry=telemetry)
    kit = Kit(about, client, {}, clock, ids, lambda _field, _code: None)
    connected = Connected(about, NoOptions(), kit, Opinion(checks), client)
    try:
        yield connected
    finally:
        await connected.close()


async def test_a_certificate_is_trusted_by_its_own_authority_only(tmp_path: Path) -> None:
    pem, tls = _certificate(tmp_path)
    async with _server(format_datetime(NOW, usegmt=True), tls) as port:
        url = f"https://{HOST}:{port}"
        async with _connected(Addresses(base_url=url)) as stranger:
            assert (await examine(stranger, FrozenClock(NOW))).fault is Layer.TLS
            with pytest.raises(UpstreamUnavailable, match="not reached"):
                await stranger.client.request("pay", "POST", "/x")
        async with _connected(Addresses(base_url=url, ca_pem=pem)) as friend:
            examination = await examine(friend, FrozenClock(NOW))
            assert examination.ok, examination
            assert "TLSv1" in examination.results[-2].detail
            assert (await friend.client.request("pay", "POST", "/x")).status == 200


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (format_datetime(NOW + timedelta(seconds=59), usegmt=True), None),
        (format_datetime(NOW - timedelta(seconds=61), usegmt=True), Layer.CLOCK),
        ("yesterday", None),
    ],
)
async def test_clocks_may_be_a_minute_apart(said: str, fault: Layer | None) -> None:
    async with _server(said) as port, _connected(Addresses(base_url=f"http://{HOST}:{port}")) as c:
        assert (await examine(c, FrozenClock(NOW))).fault is fault


def _raising(exc: UpstreamError | None, layer: Layer, operation: str = "ask") -> Check:
    async def run() -> None:
        if exc is not None:
            raise exc

    return Check(layer.value, layer, run, operation)


@pytest.mark.parametrize(
    ("exc", "fault"),
    [
        (UpstreamAuthFailed("x"), Layer.AUTHENTICATION),
        (UpstreamProtocolError("x"), Layer.PROTOCOL),
        (UpstreamRejected("x"), Layer.BUSINESS),
        (UpstreamUnavailable("x"), Layer.BUSINESS),
    ],
)
async def test_the_error_names_the_layer(exc: UpstreamError, fault: Layer) -> None:
    async with _connected(Addresses(), _raising(exc, Layer.BUSINESS)) as connected:
        examination = await probe(connected, FrozenClock(NOW))
    assert examination.fault is fault
    assert exc.code in examination.results[-1].detail


async def test_steps_go_from_the_ground_up_and_stop_at_the_first_fault() -> None:
    checks = (
        _raising(UpstreamRejected("x"), Layer.BUSINESS),
        _raising(UpstreamProtocolError("x"), Layer.PROTOCOL),
        _raising(None, Layer.AUTHENTICATION),
    )
    async with _connected(Addresses(), *checks) as connected:
        examination = await examine(connected, FrozenClock(NOW))
    assert [(r.layer, r.ok) for r in examination.results] == [
        (Layer.AUTHENTICATION, True),
        (Layer.PROTOCOL, False),
    ]


async def test_a_probe_runs_only_what_may_be_probed_and_proves_nothing_without_checks() -> None:
    forbidden = _raising(UpstreamRejected("x"), Layer.BUSINESS, "pay")
    async with _connected(Addresses(), forbidden) as connected:
        examination = await probe(connected, FrozenClock(NOW))
    assert examination.results == ()
    assert not examination.ok
    assert examination.fault is None


def test_kit_and_sandbox_agree_on_the_header_without_importing_each_other() -> None:
    assert OPERATION_HEADER == faults.OPERATION_HEADER
