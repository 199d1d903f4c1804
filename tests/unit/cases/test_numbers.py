"""Case, receipt and document numbers: their layout, their day, their check character."""

from __future__ import annotations

import re
from datetime import timedelta

from gateway.cases.model import DocumentKind
from gateway.cases.numbers import Numbering
from kernel.clock import FrozenClock
from kernel.db.work import SqlWorks
from kernel.gbcodes import mod_37_36
from tests.unit.cases.samples import ROAD


async def test_numbers_count_within_their_day(works: SqlWorks, frozen_clock: FrozenClock):
    numbering = Numbering(frozen_clock)
    async with works.begin() as work:
        first = await numbering.case_no(work, ROAD)
        second = await numbering.case_no(work, ROAD)
        receipt = await numbering.receipt_no(work, "370102")
    assert first == f"{ROAD}20260302000001"
    assert second == f"{ROAD}20260302000002"
    assert len(first) == 45
    assert re.fullmatch(r"370102260302000001[0-9A-Z]", receipt)
    assert mod_37_36(receipt[:-1]) == receipt[-1]

    # 15:59 UTC is the last minute of the day in Beijing.
    frozen_clock.advance(timedelta(hours=11, minutes=59))
    async with works.begin() as work:
        assert (await numbering.case_no(work, ROAD)).endswith("20260302000003")
    frozen_clock.advance(timedelta(minutes=1))
    async with works.begin() as work:
        assert (await numbering.case_no(work, ROAD)).endswith("20260303000001")


async def test_places_and_items_count_apart(works: SqlWorks, frozen_clock: FrozenClock):
    numbering = Numbering(frozen_clock)
    async with works.begin() as work:
        for region in ("370102", "370202"):
            assert (await numbering.receipt_no(work, region))[:18] == f"{region}260302000001"
        numbers = [
            await numbering.document_no(work, kind, "370102")
            for kind in (*DocumentKind, DocumentKind.GRANT)
        ]
    words = ("收", "受", "不受", "补", "特", "延", "准", "不准", "送")
    first = [f"〔2026〕370102{word}000001号" for word in words]
    assert numbers == [*first, "〔2026〕370102准000002号"]


async def test_number_of_a_unit_that_failed_is_not_used_twice_at_once(
    works: SqlWorks, frozen_clock: FrozenClock
):
    numbering = Numbering(frozen_clock)
    taken = set()
    for fails in (False, True, False):
        try:
            async with works.begin() as work:
                number = await numbering.case_no(work, ROAD)
                if fails:
                    raise RuntimeError
                assert number not in taken
                taken.add(number)
        except RuntimeError:
            continue
    assert len(taken) == 2
