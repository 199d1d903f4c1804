"""What must agree about a case at any moment: state, history, events, money, papers, dates."""

from __future__ import annotations

from collections.abc import Sequence

import payments
from gateway.cases.model import Case, CaseState, Document, DocumentKind, DocumentState, Outcome
from gateway.cases.states import TABLE
from kernel.db.events import Event
from kernel.db.history import Change

S = CaseState


def require_history(case: Case, changes: Sequence[Change]) -> None:
    state = str(S.DRAFT)
    for change in changes:
        assert change.old == state
        assert TABLE.event(S(change.old), S(change.new)) == change.event
        assert change.reference == case.case_id
        state = change.new
    assert case.state == state


def require_events(changes: Sequence[Change], events: Sequence[Event]) -> None:
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    moves = [event for event in events if event.topic in set(TABLE.edges.values())]
    assert [event.topic for event in moves] == [change.event for change in changes]
    assert [event.data["state"] for event in moves] == [change.new for change in changes]


def require_money(case: Case, changes: Sequence[Change], bills: Sequence[payments.Bill]) -> None:
    assert len(bills) <= 1
    asked = [change for change in changes if change.new == S.AWAITING_PAYMENT]
    assert len(asked) <= 1
    if bills:
        assert asked
    paid = any(bill.pay is payments.PayState.PAID for bill in bills)
    assert not case.fee_paid or paid
    if case.outcome is Outcome.GRANTED:
        assert case.fee_paid


def require_papers(case: Case, changes: Sequence[Change], documents: Sequence[Document]) -> None:
    kinds = [document.kind for document in documents]
    assert len(set(kinds)) == len(kinds)
    wanted = {
        Outcome.GRANTED: {DocumentKind.GRANT},
        Outcome.REFUSED: {DocumentKind.REFUSAL},
        Outcome.NOT_ACCEPTED: {DocumentKind.NON_ACCEPTANCE},
    }
    expected = set() if case.outcome is None else set(wanted.get(case.outcome, set()))
    if case.accepted_at is not None:
        expected.add(DocumentKind.ACCEPTANCE)
    reached = {change.new for change in changes}
    if S.RECEIVED in reached:
        expected.add(DocumentKind.RECEIPT)
    if S.DELIVERED in reached:
        expected.add(DocumentKind.DELIVERY)
    assert set(kinds) == expected
    decision = [d for d in documents if d.kind in {DocumentKind.GRANT, DocumentKind.REFUSAL}]
    if decision:
        sealed = decision[0].state is DocumentState.SEALED
        assert sealed == (case.state is not S.DECIDED)


def require_dates(case: Case) -> None:
    assert (case.case_no is not None) == (case.submitted_at is not None)
    assert (case.finished_at is not None) == (case.state in TABLE.terminal)
    assert (case.outcome is not None) == (
        case.state
        in {S.NOT_ACCEPTED, S.WITHDRAWN, S.DECIDED, S.CONCLUDED, S.DELIVERING, S.DELIVERED}
    )
