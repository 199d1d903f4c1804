"""Builds the services of one process out of the settings."""

from __future__ import annotations

from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from adapters.kit.deadline import deadline
from adapters.kit.registry import Connected
from adapters.kit.telemetry import Telemetry, trace_id
from e_license.catalogue import TypeCatalogue
from e_license.grants.repository import SqlGrants
from e_license.grants.service import Grants
from e_license.issuing import LOCAL, IssuingService, LocalLicences
from e_license.issuing.repository import SqlIssued
from e_license.repository import SqlLicenceRepository
from e_license.service import LicenceService
from e_seal.repository import SqlActs
from e_seal.service import SealService
from gateway.availability.gate import OnlineGate
from gateway.bootstrap.availability import availability_of
from gateway.bootstrap.ground import Ground
from gateway.bootstrap.people import people_of
from gateway.bootstrap.trust import trust_of
from gateway.bootstrap.upstreams import ConnectedUpstream, connect_all, listener_of, of_port
from gateway.cases.bill_lookup import BillLookup
from gateway.cases.desk import DeskService
from gateway.cases.document_repository import SqlDocumentRepository
from gateway.cases.fees import FeeService
from gateway.cases.ledger_repository import SqlMaterialLedger
from gateway.cases.licence_reader import LicenceReader
from gateway.cases.licences import ResultLicences
from gateway.cases.material_ledger import MaterialLedger
from gateway.cases.materials import MaterialService
from gateway.cases.matters import CaseMatters
from gateway.cases.mover import CaseMover
from gateway.cases.numbers import Numbering
from gateway.cases.orders import DocumentOrders
from gateway.cases.papers import PaperService
from gateway.cases.precheck_repository import SqlPrechecks
from gateway.cases.purposes import LicenceMatters
from gateway.cases.repository import SqlCaseRepository
from gateway.cases.service import CaseService
from gateway.catalog.repository import SqlItemRepository
from gateway.catalog.service import CatalogService
from gateway.container import Container
from gateway.events.feed import EventFeed
from gateway.events.refusals import Refusals
from gateway.settings import BadSettings, Settings
from gateway.worker.pushes import push_receiver
from kernel.clock import Clock, SystemClock
from kernel.crypto.errors import InvalidKey
from kernel.crypto.fields import Algorithm, FieldCipher, blind_index
from kernel.crypto.keys import KeyRing
from kernel.db.engine import Database
from kernel.db.events import EventLog
from kernel.db.idempotency import Idempotency
from kernel.db.work import SqlWorks
from kernel.ids import IdSource, RandomIds, random_bytes
from payments.repository import SqlBills
from payments.service import PaymentService


def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    ids: IdSource | None = None,
    process: str = "onewindow",
) -> Container:
    """Return everything that one process is made of; nothing is connected or sent yet.

    Raises BadSettings in one sentence.
    """
    clock = clock or SystemClock()
    ids = ids or RandomIds(clock)
    metrics = CollectorRegistry()
    database = _database(settings, process)
    works = SqlWorks(database, clock, ids)
    telemetry = Telemetry(metrics, clock)
    connected = connect_all(settings.adapters, clock=clock, ids=ids, telemetry=telemetry)
    ground = Ground(settings, clock, ids, works, *_keys(settings), connected)
    catalog = CatalogService(SqlItemRepository(), works, clock)
    reading = _licences(ground, catalog)
    payments, seals = _payments(ground), _seals(ground)
    availability = availability_of(ground, telemetry, process)
    refusals, source = Refusals(works, clock), settings.payments.upstream
    receive = push_receiver(payments, works, refusals, source)

    async def refuse(raw: bytes, reason: str) -> None:
        await refusals.keep(source, raw, reason)

    async def close() -> None:
        for one in connected.values():
            await one.close()
        await database.dispose()

    listen = listener_of(connected[source], receive, refuse)
    return Container(
        settings=settings,
        clock=clock,
        ids=ids,
        database=database,
        works=works,
        events=EventLog(works),
        feed=EventFeed(works, EventLog(works)),
        idempotency=Idempotency(clock),
        metrics=metrics,
        **people_of(ground),
        licences=reading["licences"],
        licence_types=TypeCatalogue(SqlLicenceRepository(), works, clock),
        seals=seals,
        payments=payments,
        **_acceptance(ground, catalog, reading, payments, seals, OnlineGate(availability)),
        availability=availability,
        upstreams={name: ConnectedUpstream(one, clock) for name, one in connected.items()},
        trace_id=trace_id,
        deadline=deadline,
        refusals=refusals,
        listen=listen,
        take_push=receive if listen is None else None,
        close=close,
    )


def _database(settings: Settings, process: str) -> Database:
    return Database(
        settings.database.url.get_secret_value(),
        pool_size=settings.database.pool_size,
        durable=settings.database.durable,
        application_name=process,
    )


def _licences(ground: Ground, catalog: CatalogService) -> dict[str, Any]:
    """Return the services of licences by their names in MaterialService."""
    subject_hash = partial(_subject, ground)
    works, clock, ids = ground.works, ground.clock, ground.ids
    options = ground.settings.licence
    cases = SqlCaseRepository(ground.cipher)
    matters = LicenceMatters(cases, SqlPrechecks(), catalog, clock, ids, subject_hash)
    grants = Grants(matters, SqlGrants(), clock, ids, subject_hash, options)
    local = LocalLicences(SqlIssued(ground.cipher), works, clock, subject_hash)
    # What was issued here is asked for first: no wire, and nobody knows its state better.
    providers = {LOCAL: local, **of_port(ground.connected, "e_license")}
    licences = LicenceService(providers, SqlLicenceRepository(), works, clock, ids, grants, options)
    return {"licences": licences, "grants": grants, "matters": matters}


def _subject(ground: Ground, code: str) -> str:
    return blind_index(code, ground.index_key, "elicense.subject")


def _issued(ground: Ground) -> IssuingService:
    return IssuingService(
        repository=SqlIssued(ground.cipher),
        works=ground.works,
        clock=ground.clock,
        ids=ground.ids,
        subject_hash=partial(_subject, ground),
    )


def _payments(ground: Ground) -> PaymentService:
    bills = SqlBills(ground.cipher)
    mover = CaseMover(SqlCaseRepository(ground.cipher), ground.clock)
    return PaymentService(
        provider=_the_one(ground.connected, ground.settings.payments.upstream, "payments"),
        repository=bills,
        works=ground.works,
        clock=ground.clock,
        ids=ground.ids,
        options=ground.settings.payments,
        matters=CaseMatters(mover, bills, ground.works),
    )


def _seals(ground: Ground) -> SealService:
    status = ground.settings.seal.status_upstream
    return SealService(
        provider=_the_one(ground.connected, ground.settings.seal.upstream, "e_seal"),
        repository=SqlActs(ground.cipher),
        works=ground.works,
        clock=ground.clock,
        ids=ground.ids,
        options=ground.settings.seal,
        trust=trust_of(ground.settings.seal),
        status_source=None if status is None else _the_one(ground.connected, status, "seal_status"),
    )


def _acceptance(
    ground: Ground,
    catalog: CatalogService,
    reading: dict[str, Any],
    payments: PaymentService,
    seals: SealService,
    gate: OnlineGate,
) -> dict[str, Any]:
    """Return the services of catalogue and cases by their names in the container."""
    works, clock, ids = ground.works, ground.clock, ground.ids
    cases, documents = SqlCaseRepository(ground.cipher), SqlDocumentRepository()
    mover, numbering = CaseMover(cases, clock), Numbering(clock)
    ledger = MaterialLedger(SqlMaterialLedger(), reading["licences"], works)
    orders = DocumentOrders(repository=documents, numbering=numbering, clock=clock, ids=ids)
    about: dict[str, Any] = {"mover": mover, "catalog": catalog, "works": works}
    timed = {**about, "clock": clock}
    issued, check_url = _issued(ground), f"{ground.settings.server.public_url}/check"
    return {
        "catalog": catalog,
        "cases": CaseService(
            repository=cases,
            orders=orders,
            numbering=numbering,
            ledger=ledger,
            ids=ids,
            gate=gate,
            **timed,
        ),
        "materials": MaterialService(
            repository=cases,
            ids=ids,
            types=TypeCatalogue(SqlLicenceRepository(), works, clock),
            ledger=ledger,
            reader=LicenceReader(**reading, seals=seals, works=works, clock=clock),
            **timed,
        ),
        "material_ledger": ledger,
        "desk": DeskService(repository=cases, orders=orders, licences=reading["licences"], **timed),
        "fees": FeeService(collector=payments, **about),
        "lookup": BillLookup(payments, clock),
        "papers": PaperService(
            repository=documents,
            seals=seals,
            check_url=check_url,
            **timed,
        ),
        "issued": issued,
        "results": ResultLicences(issued=issued, seals=seals, check_url=check_url, **about),
    }


def _keys(settings: Settings) -> tuple[FieldCipher, bytes]:
    try:
        ring = KeyRing(settings.keys.ring_bytes(), settings.keys.active)
        index_key = settings.keys.index_bytes()
    except (ValueError, InvalidKey) as exc:
        raise BadSettings(f"keys: {exc}") from exc
    return FieldCipher(ring, Algorithm[settings.keys.algorithm], random_bytes), index_key


def _the_one(connected: dict[str, Connected], name: str, port: str) -> Any:
    found = connected.get(name)
    if found is None or found.manifest.port != port:
        raise BadSettings(f"{port}.upstream names {name}, which is no connected {port} adapter")
    return found.provider
