"""A random walk over issue, pay, push, void, refund, receipt, reverse, reconcile and crash."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.payments.full_finance import full_town
from tests.unit.payments.walk import ACTIONS, FAULTS, Walk, walk

PAID = ("issue", "pay", "push")
"""Most scripts begin with a payment, or little would ever happen to money."""

steps = st.tuples(st.sampled_from(ACTIONS), st.just("") | st.sampled_from(FAULTS))
scripts = st.tuples(st.booleans(), st.lists(steps, max_size=20)).map(
    lambda drawn: [*((name, "") for name in PAID if drawn[0]), *drawn[1]]
)


@settings(max_examples=200, deadline=None)
@given(scripts)
def test_any_walk_keeps_every_fen(script: list[tuple[str, str]]) -> None:
    here = full_town()
    asyncio.run(walk(Walk(here.service, here.full, here.matters), script))
