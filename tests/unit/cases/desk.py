"""The services of cases on a real database, with a finance and a seal system in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import e_seal
from gateway.cases.desk import DeskService
from gateway.cases.document_repository import SqlDocumentRepository
from gateway.cases.fees import FeeService
from gateway.cases.ledger_repository import SqlMaterialLedger
from gateway.cases.material_ledger import MaterialLedger
from gateway.cases.materials import MaterialService
from gateway.cases.model import DocumentState, StaffScope, Unsealed
from gateway.cases.mover import CaseMover
from gateway.cases.numbers import Numbering
from gateway.cases.orders import DocumentOrders
from gateway.cases.papers import PaperService
from gateway.cases.repository import SqlCaseRepository
from gateway.cases.service import CaseService
from gateway.catalog.model import Item
from gateway.catalog.repository import SqlItemRepository
from gateway.catalog.seed import bundled
from gateway.catalog.service import CatalogService
from kernel.clock import FrozenClock
from kernel.crypto.fields import Algorithm, FieldCipher
from kernel.crypto.keys import KeyRing
from kernel.db.engine import Database
from kernel.db.work import SqlWorks
from kernel.ids import SequentialIds
from payments import PaymentOptions, PaymentService
from payments.repository import SqlBills
from tests.unit.cases.samples import NOW
from tests.unit.payments.fakes import FakeFinance

OWNER = "P_0001"
CLERK = StaffScope("staff:clerk", "370102")
OFFICER = StaffScope("staff:officer", "370102", "11370102MB9000066L")
PDF = b"%PDF-1.4\n"


class FakeSeals:
    """Seals whatever it is given; ``away`` makes it silent."""

    def __init__(self) -> None:
        self.away = False

    async def seal_document(self, order: e_seal.SealOrder) -> Any:
        return SimpleNamespace(failure=None, is_sealed=not self.away, act_id=order.document_id)

    async def sealed_document(self, act_id: str) -> bytes:
        return b"sealed " + act_id.encode()

    async def verify(self, _ofd: bytes) -> Any:
        return SimpleNamespace(verdict="VALID", codes=frozenset())


class NoLicences:
    """Found nothing for anybody."""

    async def served_in(self, _work: Any, _reference: str) -> list[Any]:
        return []


class AlwaysOpen:
    """A gate that refuses nothing."""

    def require_open(self, item: Item) -> None:
        """Let every item pass."""


@dataclass
class Hall:
    """One acceptance hall (办事大厅) with everything in it."""

    works: SqlWorks
    finance: FakeFinance
    seals: FakeSeals
    bills: PaymentService
    papers_kept: SqlDocumentRepository
    cases: CaseService
    materials: MaterialService
    desk: DeskService
    fees: FeeService
    papers: PaperService
    catalog: CatalogService

    async def seal_all(self, case_id: str) -> None:
        """Do for every document of a case what its task would do; the layout is left out."""
        for document in await self.papers.of_case(case_id, OWNER):
            if document.state is DocumentState.QUEUED:
                async with self.works.begin() as work:
                    unsealed = Unsealed(b"ofd", 0, 100.0, 100.0)
                    await self.papers_kept.put_unsealed(work, document.document_id, unsealed)
            await self.papers.seal(document.document_id)


def hall(database: Database, new_secret: Callable[[int], bytes] = bytes) -> Hall:
    """Return a hall on a migrated database; call ``catalog.take_in`` once before the first case."""
    clock, ids = FrozenClock(NOW), SequentialIds()
    works = SqlWorks(database, clock, ids)
    cipher = FieldCipher(KeyRing({"k1": b"k" * 32}, "k1"), Algorithm.AES_256_GCM, new_secret)
    finance, seals = FakeFinance(clock), FakeSeals()
    bills = PaymentService(
        provider=finance,
        repository=SqlBills(cipher),
        works=works,
        clock=clock,
        ids=ids,
        options=PaymentOptions(upstream="fake_finance"),
    )
    catalog = CatalogService(SqlItemRepository(), works, clock)
    rows, papers_kept = SqlCaseRepository(cipher), SqlDocumentRepository()
    mover, numbering = CaseMover(rows, clock), Numbering(clock)
    orders = DocumentOrders(repository=papers_kept, numbering=numbering, clock=clock, ids=ids)
    about: dict[str, Any] = {"mover": mover, "catalog": catalog, "works": works}
    timed: dict[str, Any] = {**about, "clock": clock}
    nobody: Any = None
    sealing: Any = seals
    found: Any = NoLicences()
    ledger = MaterialLedger(SqlMaterialLedger(), found, works)
    return Hall(
        works=works,
        finance=finance,
        seals=seals,
        bills=bills,
        papers_kept=papers_kept,
        cases=CaseService(
            repository=rows,
            orders=orders,
            numbering=numbering,
            ledger=ledger,
            ids=ids,
            gate=AlwaysOpen(),
            **timed,
        ),
        materials=MaterialService(
            repository=rows,
            reader=nobody,
            types=nobody,
            ledger=ledger,
            ids=ids,
            **timed,
        ),
        desk=DeskService(repository=rows, orders=orders, licences=found, **timed),
        fees=FeeService(collector=bills, **about),
        papers=PaperService(
            repository=papers_kept, seals=sealing, check_url="https://x.example", **timed
        ),
        catalog=catalog,
    )


async def opened(works_hall: Hall) -> Hall:
    """Fill the catalogue and return the hall."""
    await works_hall.catalog.take_in(bundled())
    return works_hall
