"""Citizen ids, social credit codes, licence identifiers: the vectors of the standards and their
properties.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.gbcodes import (
    PROVINCE_PREFIXES,
    CheckVerdict,
    InvalidCitizenId,
    InvalidLicenceIdentifier,
    InvalidUscc,
    Sex,
    citizen_check,
    licence_verdict,
    make_citizen_id,
    make_licence_identifier,
    make_uscc,
    mod_11_10,
    mod_37_36,
    parse_citizen_id,
    parse_licence_identifier,
    parse_uscc,
)

TODAY = date(2026, 11, 23)
ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LICENCE = "1.2.156.3005.2.11100000MB0143028R001.113700000045030270.20261123000000000001.001.T"

births = st.dates(date(1900, 1, 1), TODAY)
citizen_ids = st.builds(
    make_citizen_id,
    st.tuples(st.sampled_from(sorted(PROVINCE_PREFIXES)), st.integers(0, 9999)).map(
        lambda pair: f"{pair[0]}{pair[1]:04d}"
    ),
    births,
    st.integers(0, 999),
)
usccs = st.builds(
    make_uscc,
    st.sampled_from(["11", "12", "51", "52", "91", "92", "93", "N1", "Y1"]),
    st.integers(0, 999_999).map(lambda number: f"{number:06d}"),
    st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=8, max_size=8),
)


def test_the_worked_example_of_a_citizen_id() -> None:
    person = parse_citizen_id("370102199003071238", today=TODAY)
    assert person.number == "370102199003071238"
    assert (person.area, person.birth, person.sex) == ("370102", date(1990, 3, 7), Sex.MALE)


@pytest.mark.parametrize(
    ("text", "number", "sex"),
    [
        ("37010219900307106X", "37010219900307106X", Sex.FEMALE),
        ("37010219900307106x", "37010219900307106X", Sex.FEMALE),
        ("370102900307123", "370102199003071238", Sex.MALE),
        ("370102900307231", "370102199003072310", Sex.MALE),
        ("370102198501011233", "370102198501011233", Sex.MALE),
    ],
)
def test_other_forms_of_citizen_ids(text: str, number: str, sex: Sex) -> None:
    person = parse_citizen_id(text, today=TODAY)
    assert (person.number, person.sex) == (number, sex)


def test_an_area_of_no_present_division_is_accepted() -> None:
    for area in ("371202", "379999", "810000", "830000"):
        assert (
            parse_citizen_id(make_citizen_id(area, date(1970, 1, 1), 1), today=TODAY).area == area
        )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "370102199003071237",
        "370102199002301230",
        make_citizen_id("370102", date(1899, 12, 31), 1),
        make_citizen_id("370102", TODAY + timedelta(days=1), 1),
        make_citizen_id("710000", date(1990, 1, 1), 1),
        make_citizen_id("000000", date(1990, 1, 1), 1),
        " 370102199003071238",
        "370102199003071238\n",
        "３７０１０２１９９００３０７１２３８",
        "3701021990030712",
        "37010219900307123Y",
        "370102901307123",
    ],
)
def test_wrong_citizen_ids_are_refused_without_repeating_them(text: str) -> None:
    with pytest.raises(InvalidCitizenId) as caught:
        parse_citizen_id(text, today=TODAY)
    assert caught.value.code == "citizen_id_invalid"
    shown = f"{caught.value!r}{caught.value.detail}{caught.value.extras}{caught.value.__cause__}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert len(text) < 8 or text[6:14] not in shown


def test_a_citizen_id_is_not_shown_by_its_repr() -> None:
    shown = repr(parse_citizen_id("370102199003071238", today=TODAY))
    assert "1990" not in shown
    assert "37010" not in shown


@given(citizen_ids)
def test_made_citizen_ids_are_valid(number: str) -> None:
    assert parse_citizen_id(number, today=TODAY).number == number


@given(citizen_ids, st.integers(0, 17), st.sampled_from("0123456789"))
def test_one_changed_digit_of_a_citizen_id_is_noticed(number: str, at: int, digit: str) -> None:
    changed = number[:at] + digit + number[at + 1 :]
    if changed != number:
        with pytest.raises(InvalidCitizenId):
            parse_citizen_id(changed, today=TODAY)


@pytest.mark.parametrize(("area", "sequence"), [("37010", 1), ("37010a", 1), ("370102", 1000)])
def test_nonsense_makes_no_citizen_id(area: str, sequence: int) -> None:
    with pytest.raises(ValueError, match="six digits"):
        make_citizen_id(area, date(1990, 1, 1), sequence)


@pytest.mark.parametrize(
    "code",
    [
        "91370100MA3ABCDE1G",
        "113700000045030270",
        "11100000000013127D",
        "11370800MB28559184",
        "12441500196720244T",
        "11100000MB0143028R",
        "11100000000013338W",
        "11330105002500287C",
        "11430000006122244L",
        "91350100M000100Y43",
        "91370100MA3C0000X8",
    ],
)
def test_public_social_credit_codes_pass(code: str) -> None:
    assert parse_uscc(code).code == code
    assert parse_uscc(code.lower()).code == code


def test_the_parts_of_a_social_credit_code() -> None:
    code = parse_uscc("91370100MA3ABCDE1G")
    assert (code.kind, code.division, code.organisation) == ("91", "370100", "MA3ABCDE1")
    assert code.organisation_check_ok
    assert make_uscc("91", "370100", "MA3ABCDE") == code.code


def test_a_wrong_inner_check_is_only_a_hint() -> None:
    code = parse_uscc("91370100MA3C0000X8")
    assert not code.organisation_check_ok


@pytest.mark.parametrize(
    "text",
    [
        "",
        "91370100MA3ABCDE1F",
        "91370100MA3ABCDE1",
        "9137010OMA3ABCDE1G",
        "I1370100MA3ABCDE1G",
        "91370100MA3ABCDE1G ",
        "91370100MA3ABCDEıG",
    ],
)
def test_wrong_social_credit_codes_are_refused(text: str) -> None:
    with pytest.raises(InvalidUscc) as caught:
        parse_uscc(text)
    assert caught.value.code == "uscc_invalid"


@given(usccs)
def test_made_social_credit_codes_pass_both_checks(code: str) -> None:
    assert parse_uscc(code).organisation_check_ok


@given(usccs, st.integers(0, 17), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_one_changed_character_of_a_social_credit_code_is_noticed(
    code: str, at: int, char: str
) -> None:
    changed = code[:at] + char + code[at + 1 :]
    if changed != code:
        with pytest.raises(InvalidUscc):
            parse_uscc(changed)


def test_nonsense_makes_no_social_credit_code() -> None:
    with pytest.raises(ValueError, match="eight characters"):
        make_uscc("91", "370100", "MA3")
    with pytest.raises(ValueError, match="not the parts"):
        make_uscc("I1", "370100", "MA3ABCDE")


@pytest.mark.parametrize(
    ("body", "check"), [("1", "Z"), ("A1", "W"), ("Z9", "P"), ("11100000MB0143028R001", "V")]
)
def test_mod_37_36(body: str, check: str) -> None:
    assert mod_37_36(body) == check


@pytest.mark.parametrize(
    ("body", "check"),
    [
        ("0794", "5"),
        ("3700002610000000001", "7"),
        ("3700002610000000002", "5"),
        ("3701002610000000042", "8"),
        ("3702022620000012345", "2"),
    ],
)
def test_mod_11_10(body: str, check: str) -> None:
    assert mod_11_10(body) == check


def test_characters_outside_the_alphabet_have_no_check() -> None:
    with pytest.raises(ValueError, match="alphabet"):
        mod_11_10("12A")
    with pytest.raises(ValueError, match="substring"):
        mod_37_36("a")
    with pytest.raises(ValueError, match="argument"):
        citizen_check("123")


@given(st.text(ALPHANUMERIC, min_size=1, max_size=60), st.data())
def test_mod_37_36_notices_every_single_substitution(body: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(body) - 1))
    changed = body[:at] + data.draw(st.sampled_from(ALPHANUMERIC)) + body[at + 1 :]
    assert (mod_37_36(changed) == mod_37_36(body)) == (changed == body)


@pytest.mark.parametrize(
    ("tail", "verdict"),
    [
        ("11100000000013338W009.11330105002500287C.2025052201.002.0", CheckVerdict.OK),
        ("11100000000013338W011.11430000006122244L.20230000403.001.U", CheckVerdict.OK),
        ("11100000MB03271699022.340100.000000016.001.9", CheckVerdict.OK),
        (
            "11100000000013661B006.113700000045046442.209FA4E88F9E4C878F3E9BED2CE7EA49.001.M",
            CheckVerdict.MISMATCH,
        ),
        (
            "11100000000013661B006.113700000045046442.209FA4E88F9E4C878F3E9BED2CE7EA49.001.D",
            CheckVerdict.OK,
        ),
        (
            "11100000000013127D001.113700000045030270.A1B2C3D4E5F6G7H8J9K0.002.K",
            CheckVerdict.OK,
        ),
        ("11100000000013127D001.113700000045030270.A1B2.2.K", CheckVerdict.UNPARSEABLE),
        ("11100000000013127D001.113700000045030270.A1B2.K", CheckVerdict.UNPARSEABLE),
    ],
)
def test_published_licence_identifiers(tail: str, verdict: CheckVerdict) -> None:
    assert licence_verdict(f"1.2.156.3005.2.{tail}") is verdict


def test_the_parts_of_a_licence_identifier() -> None:
    parts = parse_licence_identifier(LICENCE.lower())
    assert str(parts) == LICENCE
    assert (parts.issuer, parts.version, parts.check) == ("113700000045030270", "001", "T")
    made = make_licence_identifier(
        "11100000MB0143028R001", "113700000045030270", "20261123000000000001", 1
    )
    assert made == LICENCE


@pytest.mark.parametrize("text", ["", "1.2.156.3005.2", LICENCE[1:], LICENCE + ".1"])
def test_other_text_is_no_licence_identifier(text: str) -> None:
    with pytest.raises(InvalidLicenceIdentifier):
        parse_licence_identifier(text)
    assert licence_verdict(text) is CheckVerdict.UNPARSEABLE


def test_wrong_parts_make_no_licence_identifier() -> None:
    with pytest.raises(InvalidLicenceIdentifier):
        make_licence_identifier("11100000MB0143028R001", "1137.0000", "1", 1)
