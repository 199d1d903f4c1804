"""Minting, terms, metadata and states of issued licences."""

from __future__ import annotations

from datetime import date
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e_license import IdDocType, LicenceNotSupported, LicenceState, issuing
from e_license.issuing.metadata import face_data, face_of, lacking, term_end
from e_license.issuing.model import IssuedState
from e_license.issuing.states import TABLE, TWO_PEOPLE
from kernel.gbcodes import (
    CheckVerdict,
    InvalidLicenceIdentifier,
    make_licence_identifier,
    mod_37_36,
    parse_licence_identifier,
)
from tests.unit.e_license.issued import TYPE, award, licence

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
UPPER = st.text(ALPHABET, min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("kind", "issuer", "serial", "version", "check"),
    [
        ("11100000MB0143028R001", "113700000045030270", "20261123000000000001", 1, "T"),
        ("11100000000013127D001", "113700000045030270", "A1B2C3D4E5F6G7H8J9K0", 2, "K"),
        ("11100000000013338W009", "11330105002500287C", "2025052201", 2, "0"),
        ("11100000000013338W011", "11430000006122244L", "20230000403", 1, "U"),
    ],
)
def test_minted_identifiers_agree_with_known_ones(kind, issuer, serial, version, check):
    made = make_licence_identifier(kind, issuer, serial, version)
    assert made == f"1.2.156.3005.2.{kind}.{issuer}.{serial}.{version:03d}.{check}"


@pytest.mark.parametrize(("body", "check"), [("1", "Z"), ("A1", "W"), ("Z9", "P")])
def test_check_characters(body, check):
    assert mod_37_36(body) == check


@given(
    serial=UPPER,
    version=st.integers(1, 999),
    place=st.integers(0, 200),
    to=st.sampled_from(ALPHABET),
)
def test_one_wrong_character_shows(serial, version, place, to):
    made = make_licence_identifier(TYPE, "113700000045030270", serial, version)
    assert parse_licence_identifier(made).verdict is CheckVerdict.OK
    start = len("1.2.156.3005.2.")
    place = start + place % (len(made) - start)
    changed = made[:place] + to + made[place + 1 :]
    if made[place] == "." or changed == made:
        return
    try:
        verdict = parse_licence_identifier(changed).verdict
    except InvalidLicenceIdentifier:
        return
    assert verdict is CheckVerdict.MISMATCH


def test_a_face_holds_what_the_types_dictionary_names():
    assert face_of(award()) == {"ZYDD": "泉城路示例段", "ZYMJ": "4"}


def test_everything_that_is_missing_is_named_at_once():
    with pytest.raises(issuing.AwardInvalid) as caught:
        face_of(award(values={"location": " "}))
    assert caught.value.extras["lacks"] == ["location", "area_m2"]
    with pytest.raises(LicenceNotSupported):
        face_of(award(type_code="11100000000013127D001"))


@pytest.mark.parametrize(
    ("start", "years", "end"),
    [
        (date(2026, 11, 24), 4, date(2030, 11, 23)),
        (date(2026, 1, 1), 1, date(2026, 12, 31)),
        (date(2024, 2, 29), 1, date(2025, 2, 28)),
        (date(2024, 2, 29), 4, date(2028, 2, 28)),
    ],
)
def test_a_term_of_years_ends_the_day_before_its_anniversary(start, years, end):
    kind = issuing.IssuableType(TYPE, "证", "", years, ())
    assert term_end(kind, {}, start) == end


def test_a_term_cannot_end_before_it_begins():
    kind = issuing.type_of(TYPE)
    with pytest.raises(issuing.AwardInvalid):
        term_end(kind, {"until": "2026-11-23"}, date(2026, 11, 24))
    with pytest.raises(issuing.AwardInvalid):
        term_end(kind, {"until": "明年"}, date(2026, 11, 24))
    forever = issuing.IssuableType(TYPE, "证", "", 0, ())
    assert term_end(forever, {}, date(2026, 11, 24)) is None


def test_joint_holders_stand_side_by_side():
    spouses = (
        issuing.LicenceHolder("甲&乙", IdDocType.CITIZEN_ID, "370102199003071238"),
        issuing.LicenceHolder("丙", IdDocType.CITIZEN_ID, "37010219900307106X"),
    )
    one = licence(content=issuing.Content(spouses, {"ZYDD": "<路>", "ZYMJ": "4"}))
    assert face_data(one)["CZZTDM"] == "370102199003071238,37010219900307106X"
    root = ET.fromstring(issuing.attachment(one))
    names = [node.text for node in root.iter(f"{{{issuing.NAMESPACE}}}CZZT")]
    assert names == ["甲&乙", "丙"]
    assert "370102199003071238" not in repr(one)


def test_a_record_without_a_day_of_issue_is_not_ready():
    record = issuing.index_record(licence(), "I", "2026-11-24 10:00:00")
    assert lacking(record) == ("issue_date",)
    assert set(record) == set(issuing.COLUMNS)


@given(st.sampled_from(IssuedState), st.dates(date(2020, 1, 1), date(2040, 1, 1)))
def test_expiry_is_computed_from_the_term(state, day):
    one = licence(state=state, valid_to=date(2027, 6, 30))
    live = state in {IssuedState.VALID, IssuedState.SUSPENDED}
    is_over = live and day > date(2027, 6, 30)
    expected = LicenceState.EXPIRED if is_over else LicenceState(state.value)
    assert one.state_on(day) is expected


def test_what_ended_stays_ended():
    for state in (*TWO_PEOPLE, IssuedState.CANCELLED, IssuedState.SUPERSEDED):
        assert TABLE.allowed(state) == ()
