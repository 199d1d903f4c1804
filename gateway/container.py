"""Everything that one process is made of, wired once by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from prometheus_client import CollectorRegistry

import e_license
import e_seal
import identity
import payments
from gateway.availability.engine import Availability
from gateway.cases.bill_lookup import BillLookup
from gateway.cases.client_cases import ClientCases
from gateway.cases.desk import DeskService
from gateway.cases.fees import FeeService
from gateway.cases.licences import ResultLicences
from gateway.cases.material_ledger import MaterialLedger
from gateway.cases.materials import MaterialService
from gateway.cases.papers import PaperService
from gateway.cases.service import CaseService
from gateway.catalog.service import CatalogService
from gateway.events.feed import EventFeed
from gateway.events.refusals import Refusals
from gateway.events.signing import GatewayKeys
from gateway.events.webhooks import WebhookService
from gateway.settings import Settings
from identity import ClientRegistry, StaffServices
from kernel.clock import Clock
from kernel.db.audit import AuditSealer, SqlAuditTrail
from kernel.db.engine import Database
from kernel.db.events import EventLog
from kernel.db.idempotency import Idempotency
from kernel.db.work import SqlWorks
from kernel.ids import IdSource


class Upstream(Protocol):
    """What the rest of the house may know about a connected upstream."""

    @property
    def name(self) -> str:
        """Return the upstream's name."""
        ...

    @property
    def title(self) -> str:
        """Return its Chinese title."""
        ...

    @property
    def port(self) -> str:
        """Return the port that it serves."""
        ...

    async def probe(self) -> Mapping[str, Any]:
        """Run the capability probe: ``status``, ``layer`` at fault, ``elapsed_ms``."""
        ...

    def breakers(self) -> Mapping[str, str]:
        """Return the breaker's state of every operation."""
        ...


@dataclass(frozen=True)
class Container:
    """The services of one process and what they stand on."""

    settings: Settings
    clock: Clock
    ids: IdSource
    database: Database
    works: SqlWorks
    events: EventLog
    feed: EventFeed
    """Wakes the event streams of this process."""
    idempotency: Idempotency
    metrics: CollectorRegistry
    subjects: identity.PairwiseSubjects
    oauth: identity.AuthorizationServer
    organisations: identity.Organisations
    policy: identity.PolicyBook
    mandates: identity.MandateService
    step_ups: identity.StepUpService
    stronger: identity.StrongerLogin
    proofings: identity.ProofingService
    post: Callable[[str, Mapping[str, str], bytes], Awaitable[int]]
    """Posts to an address that a client registered, and returns the status of the answer."""
    identity: identity.IdentityService
    clients: ClientRegistry
    staff: StaffServices
    audit: SqlAuditTrail
    sealer: AuditSealer
    gateway_keys: GatewayKeys
    webhooks: WebhookService
    client_cases: ClientCases
    licences: e_license.LicenceService
    licence_types: e_license.TypeCatalogue
    issued: e_license.issuing.IssuingService
    seals: e_seal.SealService
    payments: payments.PaymentService
    catalog: CatalogService
    cases: CaseService
    materials: MaterialService
    material_ledger: MaterialLedger
    desk: DeskService
    fees: FeeService
    lookup: BillLookup
    papers: PaperService
    results: ResultLicences
    refusals: Refusals
    availability: Availability
    upstreams: Mapping[str, Upstream]
    trace_id: ContextVar[str]
    """Id of the request being served; upstream calls carry it on."""
    deadline: Callable[[float], Any]
    """Opens the dead-line that every upstream call of this request shares."""
    listen: Callable[[], Awaitable[Any]] | None
    """Starts listening for pushed payment confirmations; None where nothing is pushed."""
    take_push: Callable[[bytes], Awaitable[bytes]] | None
    """Takes a push that came over HTTP and returns the answer; None where a listener takes them."""
    close: Callable[[], Awaitable[None]]
