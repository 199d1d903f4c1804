"""Pairwise subjects: stable for one sector, unlinkable between two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.subjects import PairwiseSubjects

KEY = bytes([7]) * 32
_TEXTS = st.text(st.characters(codec="ascii", exclude_characters="|"), min_size=1, max_size=40)


def test_a_value_worked_out_with_openssl() -> None:
    # k = openssl dgst -sm3 -mac HMAC over "identity.pairwise\x01" under 32 bytes of 07, then
    # HMAC-SM3 of "P_0001|portal-a" under k, in base 32 and cut.
    assert (
        PairwiseSubjects(KEY).pairwise("P_0001", "portal-a") == "TBQB27WGFNZSTFC2Q2ET7H5CLM4ALC53"
    )


@given(_TEXTS, _TEXTS, _TEXTS, _TEXTS)
def test_equal_only_for_the_same_subject_in_the_same_sector(
    sub: str, sector: str, other_sub: str, other_sector: str
) -> None:
    subjects = PairwiseSubjects(KEY)
    same = (sub, sector) == (other_sub, other_sector)
    assert (subjects.pairwise(sub, sector) == subjects.pairwise(other_sub, other_sector)) is same


def test_another_key_gives_other_subjects() -> None:
    assert PairwiseSubjects(KEY).pairwise("P_1", "a") != PairwiseSubjects(bytes(32)).pairwise(
        "P_1", "a"
    )


@pytest.mark.parametrize(("sub", "sector"), [("", "a"), ("P_1", ""), ("P|1", "a")])
def test_an_ambiguous_pair_is_refused(sub: str, sector: str) -> None:
    with pytest.raises(ValueError, match="separator"):
        PairwiseSubjects(KEY).pairwise(sub, sector)
