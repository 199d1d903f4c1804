"""The types of second factors refuse what would mean nothing or too much."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from identity import FactorResult, FactorStarted, FactorState, FactorSubject, IdType

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def test_only_a_pass_carries_a_proof_and_always_a_whole_one() -> None:
    FactorResult(state=FactorState.PASSED, amr=("face",), evidence="F1", at=NOW)
    for wrong in (
        {"state": FactorState.FAILED, "amr": ("face",)},
        {"state": FactorState.PENDING, "evidence": "F1"},
        {"state": FactorState.PASSED, "amr": ("face",), "at": NOW},
        {"state": FactorState.PASSED, "evidence": "F1", "at": NOW},
        {"state": FactorState.PASSED, "amr": ("face",), "evidence": "F1"},
        {"state": FactorState.EXPIRED, "at": NOW},
    ):
        with pytest.raises(ValueError, match="belong to a passed verification"):
            FactorResult(**wrong)


def test_a_start_leads_somewhere() -> None:
    with pytest.raises(ValueError, match="a page or a QR code"):
        FactorStarted(expires_at=NOW)


def test_somebody_is_known_by_number_or_pseudonym_and_neither_is_shown() -> None:
    with pytest.raises(ValueError, match="cannot be verified"):
        FactorSubject(name="张明轩", id_type=IdType.RESIDENT_ID)
    subject = FactorSubject(name="张明轩", id_type=IdType.RESIDENT_ID, pseudonym="N0123456789")
    assert "N0123456789" not in repr(subject)
    assert "张明轩" not in repr(subject)
