"""Licences, holders and purposes: what may replace a paper, and what never shows."""

import hashlib
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e_license import (
    ADVICE,
    ADVICE_NOT_USABLE,
    STATE_TEXTS,
    AnswerStatus,
    AuthBasis,
    Holder,
    IdDocType,
    InvalidHolder,
    InvalidPurpose,
    LicenceAnswer,
    LicenceDocument,
    LicenceState,
    Purpose,
    advice,
)
from tests.unit.e_license.fakes import HOLDER, ID_NUMBER, found, licence, lookup, purpose

TODAY = date(2026, 3, 2)


@given(st.sampled_from(LicenceState), st.none() | st.dates(), st.none() | st.dates(), st.dates())
def test_only_a_valid_licence_in_its_term_replaces_a_paper(state, start, end, on):
    one = licence(state=state, valid_from=start, valid_to=end)
    expected = (
        state is LicenceState.VALID
        and not (start is not None and on < start)
        and not (end is not None and on > end)
    )
    assert one.may_replace_paper(on) is expected
    assert found(one).usable(on) == ((one,) if expected else ())


def test_the_last_day_counts():
    assert licence(valid_to=TODAY).may_replace_paper(TODAY)
    assert not licence(valid_to=date(2026, 3, 1)).may_replace_paper(TODAY)


def test_nothing_personal_is_in_a_repr():
    one = licence()
    for shown in (repr(one), repr(HOLDER), repr(found(one)), repr(lookup())):
        assert ID_NUMBER not in shown
        assert "张明轩" not in shown


@pytest.mark.parametrize("code", ["", "a b", "1" * 65, "张三", "1;--"])
def test_a_holder_code_has_a_shape(code):
    with pytest.raises(InvalidHolder) as told:
        Holder(IdDocType.CITIZEN_ID, code)
    assert not code or code not in str(told.value)


@pytest.mark.parametrize(
    ("reference", "cause"),
    [("case-1", ""), ("case-1", "  "), ("case-1", "长" * 201), ("", "x"), ("r" * 65, "x")],
)
def test_a_purpose_is_complete(reference, cause):
    with pytest.raises(InvalidPurpose):
        purpose(reference, cause)
    with pytest.raises(InvalidPurpose):
        Purpose("i" * 51, "", "case-1", "x", AuthBasis.BY_DUTY)


def test_the_codes_of_holder_types():
    assert IdDocType("111") is IdDocType.CITIZEN_ID
    assert IdDocType("001") is IdDocType.UNIFIED_SOCIAL_CREDIT_CODE
    assert all(len(kind.value) == 3 for kind in IdDocType)


def test_a_document_knows_its_digests():
    document = LicenceDocument.of(b"abc", "application/ofd")
    assert document.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert document.sm3 == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def test_every_state_and_outcome_has_its_texts():
    assert set(STATE_TEXTS) == set(LicenceState)
    assert set(ADVICE) == set(AnswerStatus)


def test_the_advice_follows_what_can_be_used():
    assert advice(found(), TODAY) == ADVICE[AnswerStatus.FOUND]
    expired = found(licence(valid_to=date(2025, 1, 1)))
    assert advice(expired, TODAY) == ADVICE_NOT_USABLE
    told = LicenceAnswer(AnswerStatus.FOUND, state=LicenceState.EXPIRED)
    assert advice(told, TODAY) == ADVICE_NOT_USABLE
    down = replace(told, status=AnswerStatus.UNAVAILABLE, state=None)
    assert "上传" in advice(down, TODAY).zh
