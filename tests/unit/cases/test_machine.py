"""Any sequence of acts on a case: refused without a trace, or done with history and event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

import payments
from gateway.cases.model import (
    Case,
    CaseState,
    Channel,
    Document,
    Opinion,
    Outcome,
)
from gateway.cases.states import TABLE
from kernel.db.engine import Database
from kernel.db.events import Event, timeline
from kernel.db.history import Change, of_entity
from kernel.errors import Failure
from tests.support.databases import SqliteDatabases
from tests.unit.cases.agreement import (
    require_dates,
    require_events,
    require_history,
    require_money,
    require_papers,
)
from tests.unit.cases.desk import CLERK, OFFICER, OWNER, PDF, hall, opened
from tests.unit.cases.samples import PERSON, ROAD, form_of, item

S = CaseState
FORM = form_of(item())
ALL_MATERIALS = {"M01", "M02", "M03"}
Seen = tuple[Case, Sequence[Change], Sequence[Event], Sequence[payments.Bill], Sequence[Document]]


class Machine(RuleBasedStateMachine):
    """One case of an item with a fee, a seal and three materials."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.database = Database(url, pool_size=2, durable=False)
        self.hall = hall(self.database)

    def teardown(self) -> None:
        self.runner.run(self.database.dispose())
        self.runner.close()

    @initialize(complete=st.booleans(), stage=st.integers(0, 7))
    def declare(self, complete: bool, stage: int) -> None:
        async def begin() -> str:
            await opened(self.hall)
            case = await self.hall.cases.declare(
                owner=OWNER,
                client_id="portal",
                ial=3,
                applicant=PERSON,
                item_code=ROAD,
                form=FORM if complete else {},
                channel=Channel.PC_WEB,
            )
            for code in ALL_MATERIALS if complete else ():
                await self.upload_one(case.case_id, code)
            return case.case_id

        self.case_id = self.runner.run(begin())
        # A head start on the main path: random acts alone seldom get to its end.
        steps = (
            self.submit,
            self.receive,
            self.accept,
            self.take,
            lambda: self.review(Opinion.PASSED),
            lambda: (self.bill_task(), self.money_comes(1), self.settle_task(1)),
            lambda: self.decide(Outcome.GRANTED, False),
        )
        for step in steps[: stage if complete else 0]:
            step()

    async def upload_one(self, case_id: str, code: str) -> None:
        await self.hall.materials.upload(case_id, OWNER, code, "application/pdf", PDF)

    async def look(self) -> Seen:
        case = await self.hall.cases.get(self.case_id, OWNER)
        async with self.hall.works.read() as work:
            changes = await of_entity(work, TABLE.name, self.case_id)
            events = await timeline(work, self.case_id)
        bills = await self.hall.bills.by_reference(self.case_id)
        documents = await self.hall.papers.of_case(self.case_id, OWNER)
        return case, changes, events, bills, documents

    def act(self, allowed: Callable[[Case], bool], what: Callable[[], Awaitable[object]]) -> None:
        """Do something that must succeed exactly when the model says so, else leave no trace."""

        async def attempt() -> None:
            before = await self.look()
            failure: Failure | None = None
            try:
                await what()
            except Failure as raised:
                failure = raised
            assert (failure is None) == allowed(before[0]), f"{failure!r} in {before[0].state}"
            if failure is not None:
                assert 400 <= failure.status < 500
                assert await self.look() == before

        self.runner.run(attempt())

    # ---- the applicant ---------------------------------------------------------------------------

    @rule(form=st.sampled_from([FORM, {}, {**FORM, "area_m2": "no"}]))
    def rewrite(self, form: dict[str, str]) -> None:
        self.act(
            lambda case: case.state is S.DRAFT,
            lambda: self.hall.cases.rewrite(self.case_id, OWNER, form),
        )

    @rule(code=st.sampled_from(sorted(ALL_MATERIALS)))
    def upload(self, code: str) -> None:
        self.act(lambda case: case.state is S.DRAFT, lambda: self.upload_one(self.case_id, code))

    @rule()
    def submit(self) -> None:
        self.act(
            lambda case: (
                case.state is S.DRAFT
                and case.content.form == FORM
                and {material.code for material in case.materials} == ALL_MATERIALS
            ),
            lambda: self.hall.cases.submit(self.case_id, OWNER),
        )

    @rule(draw=st.integers(0, 7))
    def withdraw(self, draw: int) -> None:
        if draw == 0:  # seldom, or no case would come far
            self.act(
                lambda case: S.WITHDRAWN in TABLE.allowed(case.state),
                lambda: self.hall.cases.withdraw(self.case_id, OWNER),
            )

    @rule(draw=st.integers(0, 7))
    def discard(self, draw: int) -> None:
        if draw == 0:
            self.act(
                lambda case: case.state is S.DRAFT,
                lambda: self.hall.cases.discard(self.case_id, OWNER),
            )

    @rule()
    def collect(self) -> None:
        self.act(
            lambda case: case.state is S.DELIVERING,
            lambda: self.hall.cases.collect(self.case_id, OWNER),
        )

    @rule()
    def strangers_get_nowhere(self) -> None:
        for act in (self.hall.cases.submit, self.hall.cases.withdraw, self.hall.cases.collect):
            self.act(lambda _: False, lambda act=act: act(self.case_id, "P_9999"))  # type: ignore[misc]

    # ---- the desk --------------------------------------------------------------------------------

    @rule()
    def receive(self) -> None:
        self.act(
            lambda case: case.state is S.SUBMITTED,
            lambda: self.hall.desk.receive(self.case_id, CLERK),
        )

    @rule()
    def accept(self) -> None:
        self.act(
            lambda case: case.state is S.RECEIVED,
            lambda: self.hall.desk.accept(self.case_id, CLERK),
        )

    @rule(draw=st.integers(0, 5))
    def reject(self, draw: int) -> None:
        reason = "不属于职权范围" if draw == 0 else " "
        self.act(
            lambda case: bool(reason.strip()) and case.state in {S.SUBMITTED, S.RECEIVED},
            lambda: self.hall.desk.reject(self.case_id, CLERK, reason),
        )

    @rule()
    def take(self) -> None:
        self.act(
            lambda case: case.state is S.ACCEPTED,
            lambda: self.hall.desk.take(self.case_id, OFFICER),
        )

    @rule(opinion=st.sampled_from([Opinion.PASSED, Opinion.PASSED, Opinion.FAILED]))
    def review(self, opinion: Opinion) -> None:
        self.act(
            lambda case: case.state is S.REVIEWING and case.review is None,
            lambda: self.hall.desk.review(self.case_id, OFFICER, opinion, "意见"),
        )

    @rule(outcome=st.sampled_from([Outcome.GRANTED, Outcome.REFUSED]), reason=st.booleans())
    def decide(self, outcome: Outcome, reason: bool) -> None:
        def allowed(case: Case) -> bool:
            if case.state not in {S.ACCEPTED, S.REVIEWING} or case.review is None:
                return False
            if outcome is Outcome.REFUSED:
                return reason
            return case.review.opinion is Opinion.PASSED and case.fee_paid

        text = "理由" if reason else ""
        self.act(allowed, lambda: self.hall.desk.decide(self.case_id, OFFICER, outcome, text))

    # ---- the worker, the bank, the seal system ---------------------------------------------------

    @rule()
    def bill_task(self) -> None:
        self.act(lambda _: True, lambda: self.hall.fees.bill(self.case_id))

    @rule()
    def ask_for_the_pay_page(self) -> None:
        async def pay() -> None:
            bill, url = await self.hall.fees.pay(self.case_id, OWNER)
            assert bill.amount_fen == 8000
            assert url

        bills = self.runner.run(self.look())[3]
        unpaid = not any(bill.pay is payments.PayState.PAID for bill in bills)
        self.act(lambda case: case.state is S.AWAITING_PAYMENT and unpaid, pay)

    @rule(times=st.integers(1, 2))
    def money_comes(self, times: int) -> None:
        async def come() -> None:
            for bill in await self.hall.bills.by_reference(self.case_id):
                fact = self.hall.finance.pay(bill.pay_code)
                for _ in range(times if fact is not None else 0):
                    assert fact is not None
                    await self.hall.bills.handle_fact(fact)

        self.act(lambda _: True, come)

    @rule(times=st.integers(1, 2))
    def settle_task(self, times: int) -> None:
        async def settle() -> None:
            for bill in await self.hall.bills.by_reference(self.case_id):
                for _ in range(times):
                    await self.hall.fees.settle(self.case_id, bill.bill_id)

        self.act(lambda _: True, settle)

    @rule(away=st.booleans())
    def document_tasks(self, away: bool) -> None:
        self.hall.seals.away = away
        self.act(lambda _: True, lambda: self.hall.seal_all(self.case_id))

    # ---- what always holds -----------------------------------------------------------------------

    @invariant()
    def everything_agrees(self) -> None:
        if not hasattr(self, "case_id"):
            return
        case, changes, events, bills, documents = self.runner.run(self.look())
        require_history(case, changes)
        require_events(changes, events)
        require_money(case, changes, bills)
        require_papers(case, changes, documents)
        require_dates(case)


@pytest.mark.slow
def test_any_sequence_of_acts(sqlite_databases: SqliteDatabases, tmp_path_factory: Any):
    class OnAFreshFile(Machine):
        def __init__(self) -> None:
            super().__init__(sqlite_databases.fresh(tmp_path_factory.mktemp("machine")))

    run_state_machine_as_test(
        OnAFreshFile,
        settings=settings(
            max_examples=30,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


async def test_the_main_path_on_both_databases(database: Database):
    """The same oracle, walked once from end to end, so that no random walk has to get there."""
    here = await opened(hall(database))
    case = await here.cases.declare(
        owner=OWNER,
        client_id="portal",
        ial=3,
        applicant=PERSON,
        item_code=ROAD,
        form=FORM,
        channel=Channel.PC_WEB,
    )
    for code in sorted(ALL_MATERIALS):
        await here.materials.upload(case.case_id, OWNER, code, "application/pdf", PDF)
    await here.cases.submit(case.case_id, OWNER)
    await here.desk.receive(case.case_id, CLERK)
    await here.desk.accept(case.case_id, CLERK)
    await here.desk.take(case.case_id, OFFICER)
    await here.desk.review(case.case_id, OFFICER, Opinion.PASSED, "")
    bill, _ = await here.fees.pay(case.case_id, OWNER)
    fact = here.finance.pay(bill.pay_code)
    assert fact is not None
    await here.bills.handle_fact(fact)
    await here.fees.settle(case.case_id, bill.bill_id)
    await here.desk.decide(case.case_id, OFFICER, Outcome.GRANTED, "")
    await here.seal_all(case.case_id)
    done = await here.cases.collect(case.case_id, OWNER)
    async with here.works.read() as work:
        changes = await of_entity(work, TABLE.name, case.case_id)
        events = await timeline(work, case.case_id)
    require_history(done, changes)
    require_events(changes, events)
    require_money(done, changes, [await here.bills.get(bill.bill_id)])
    require_papers(done, changes, await here.papers.of_case(case.case_id, OWNER))
    require_dates(done)
    assert done.state is S.DELIVERED


async def test_two_clerks_at_once_accept_once(database: Database):
    here = await opened(hall(database))
    case = await here.cases.declare(
        owner=OWNER,
        client_id="portal",
        ial=3,
        applicant=PERSON,
        item_code=ROAD,
        form=FORM,
        channel=Channel.PC_WEB,
    )
    for code in sorted(ALL_MATERIALS):
        await here.materials.upload(case.case_id, OWNER, code, "application/pdf", PDF)
    await here.cases.submit(case.case_id, OWNER)
    await here.desk.receive(case.case_id, CLERK)
    tries = await asyncio.gather(
        *(here.desk.accept(case.case_id, CLERK) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(found, Case) for found in tries) == 1
    assert all(isinstance(found, Case | Failure) for found in tries)
    assert len(await here.papers.of_case(case.case_id, OWNER)) == 2, "receipt and notice"
