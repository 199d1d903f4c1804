"""The reconciliation file: whole or not at all."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.money import Fen
from payments import FactSource, PaymentFact, ReconFile, ReconFileInvalid
from payments.moments import read_moment
from payments.reconciliation import ntdz
from payments.reconciliation.model import LineKind
from tests.unit.payments.full_finance import ntdz as write

DAY = date(2026, 3, 2)
AT = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def facts(count: int) -> list[PaymentFact]:
    return [
        PaymentFact(FactSource.PUSH, f"{n:020d}", f"T{n}", Fen(100 + n), AT) for n in range(count)
    ]


GOOD = write(DAY, facts(5), [])


def changed(old: bytes, new: bytes, *, honest: bool = True) -> ReconFile:
    """Return the file with other content, its digests made right again where ``honest``."""
    content = GOOD.content.replace(old, new, 1)
    assert content != GOOD.content
    if honest:
        start = content.rfind(b"\nT|") + 1
        trailer = content[start:].split(b"|")
        trailer[-1] = hashlib.sha256(content[:start]).hexdigest().encode() + b"\n"
        content = content[:start] + b"|".join(trailer)
    return replace(GOOD, content=content, sha256=hashlib.sha256(content).hexdigest())


def test_a_good_file_is_read() -> None:
    assert ntdz.verify(GOOD, "370000", DAY) == ntdz.Summary(5, Fen(510), Fen(0))
    lines = list(ntdz.lines(GOOD))
    assert [line.line_no for line in lines] == [1, 2, 3, 4, 5]
    assert (lines[2].kind, lines[2].tra_no, lines[2].amount_fen) == (LineKind.PAID, "T2", 102)
    assert lines[0].paid_at == AT


def test_an_empty_day_is_a_good_file() -> None:
    assert ntdz.verify(write(DAY, [], []), "370000", DAY) == ntdz.Summary(0, Fen(0), Fen(0))


@pytest.mark.parametrize(
    "file",
    [
        replace(GOOD, content=b""),
        replace(GOOD, content=GOOD.content[:-1]),
        replace(GOOD, content=GOOD.content[: len(GOOD.content) // 2]),
        replace(GOOD, sha256="0" * 64),
        replace(GOOD, count=4),
        replace(GOOD, total_fen=Fen(1)),
        replace(GOOD, revision=2),
        changed(b"1.02", b"1.03"),
        changed(b"|T2|", b"|T 2|"),
        changed(b"|T2|", b"|T9|", honest=False),
        changed(b"D|3|", b"D|4|"),
        changed(b"D|3|", b"D|-3|"),
        changed(b"H|1|", b"H|2|"),
        changed(b"370000", b"370100"),
        changed(b"|P|", b"|X|"),
        changed(b"|P|", b"|R|"),
        changed(b"|120000|", b"|250000|"),
        changed(b"|20260302|120000|", b"|20260230|120000|"),
        changed(b"|T2|", b"|\xff\xff|"),
        changed(b"1.00|0.00|1.00", b"1.00|0.50|1.00"),
        changed(b"1.00|0.00|1.00", b"0.00|0.00|0.00"),
        changed(b"1|T1|P|1.01|0.00|1.01|", b"0|T0|P|1.01|0.00|1.01|"),
        changed(b"|51|", b"|51|extra|"),
    ],
)
def test_a_file_that_contradicts_itself_is_rejected_whole(file: ReconFile) -> None:
    with pytest.raises(ReconFileInvalid):
        ntdz.verify(file, "370000", DAY)


def test_another_day_or_division_is_rejected() -> None:
    with pytest.raises(ReconFileInvalid):
        ntdz.verify(GOOD, "370000", date(2026, 3, 3))
    with pytest.raises(ReconFileInvalid):
        ntdz.verify(GOOD, "370100", DAY)


@settings(max_examples=300)
@given(st.data())
def test_no_damage_passes(data: st.DataObject) -> None:
    content = bytearray(GOOD.content)
    at = data.draw(st.integers(0, len(content) - 1))
    value = data.draw(st.integers(0, 255))
    if content[at] == value:
        return
    content[at] = value
    if bytes(content).lower() == GOOD.content.lower():
        return  # a digest may be written in either case
    # Announced anew, so that only the file's own trailer speaks against it.
    digest = hashlib.sha256(bytes(content)).hexdigest()
    damaged = replace(GOOD, content=bytes(content), sha256=digest)
    with pytest.raises(ReconFileInvalid):
        ntdz.verify(damaged, "370000", DAY)


@given(st.binary(max_size=300))
def test_rubbish_is_rejected(content: bytes) -> None:
    file = ReconFile("x", 1, 0, Fen(0), hashlib.sha256(content).hexdigest(), content)
    with pytest.raises(ReconFileInvalid):
        ntdz.verify(file, "370000", DAY)


@pytest.mark.parametrize(
    ("day", "clock", "expected"),
    [
        ("20260302", "240000", datetime(2026, 3, 2, 16, tzinfo=UTC)),
        ("20280229", "240000", datetime(2028, 2, 29, 16, tzinfo=UTC)),
        ("20261231", "240000", datetime(2026, 12, 31, 16, tzinfo=UTC)),
        ("20261231", "235959", datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC)),
        ("20270101", "000000", datetime(2026, 12, 31, 16, tzinfo=UTC)),
    ],
)
def test_moments_of_the_finance_side(day: str, clock: str, expected: datetime) -> None:
    assert read_moment(day, clock) == expected


@pytest.mark.parametrize(
    ("day", "clock"),
    [
        ("20270229", "000000"),
        ("20260302", "240001"),
        ("2026032", "000000"),
        ("20260302", "１２0000"),
    ],
)
def test_no_moments(day: str, clock: str) -> None:
    with pytest.raises(ValueError):
        read_moment(day, clock)
