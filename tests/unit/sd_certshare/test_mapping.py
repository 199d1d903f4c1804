"""Dates, states and statuses: everything listed is mapped, nothing else is guessed."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.kit import licences
from adapters.kit.licences import UnknownCode
from adapters.upstreams.sd_certshare import mapping
from adapters.upstreams.sd_certshare.mapping import Verdict
from adapters.upstreams.sd_certshare.options import Options
from adapters.upstreams.sd_certshare.wire import IDENTIFIER_KEY, Status
from e_license import LicenceState
from kernel.gbcodes import CheckVerdict

OPTIONS = Options(base_url="http://127.0.0.1", access_id="a", system_name="一窗")
IDENTIFIER = "1.2.156.3005.2.11100000MB0143028R001.113700000045030270.20261123000000000001.001.T"
FORMS = (
    lambda day: f"{day:%Y-%m-%d}",
    lambda day: f"{day:%Y%m%d}",
    lambda day: f"{day.year:04d}年{day.month}月{day.day}日",
    lambda day: f" {day.year:04d}年{day:%m}月{day:%d}日 ",
)


@given(st.dates(min_value=date(1000, 1, 1)), st.sampled_from(FORMS))
def test_every_form_of_a_date_is_read(day, form):
    assert licences.day("zzyxqjzrq", form(day)) == day


@given(st.text(alphabet="0123456789-/年月日长期永久 ", max_size=12))
def test_a_date_is_read_or_refused_but_never_guessed(text):
    plain = text.strip()
    try:
        day = licences.day("zzyxqjzrq", text)
    except UnknownCode as exc:
        refused = exc
    else:
        if day is None:
            assert plain in {"", "长期"}
        else:
            assert f"{day:%Y}" in plain
            assert str(day.day) in plain
        return
    assert (refused.field, refused.code) == ("zzyxqjzrq", text)


@pytest.mark.parametrize("status", Status)
def test_every_listed_status_has_a_meaning(status):
    assert mapping.verdict(status.value) in Verdict


def test_each_meaning_is_used():
    assert {mapping.verdict(status.value) for status in Status} == set(Verdict)


@given(st.integers().filter(lambda raw: raw not in set(Status)))
def test_a_status_outside_the_table_is_told(raw):
    with pytest.raises(UnknownCode) as told:
        mapping.verdict(raw)
    assert (told.value.field, told.value.code) == ("head.status", str(raw))


def test_every_status_that_means_a_state_names_it():
    stating = {status for status in Status if mapping.verdict(status.value) is Verdict.STATE}
    assert set(mapping.STATE_OF) == stating
    assert LicenceState.VALID not in mapping.STATE_OF.values()


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        ("", LicenceState.VALID),
        ("5", LicenceState.VALID),
        ("11", LicenceState.VALID),
        ("-4", LicenceState.EXPIRED),
        ("-8", LicenceState.CANCELLED),
        ("12", LicenceState.SUSPENDED),
    ],
)
def test_raw_states(raw, state):
    assert mapping.state(raw, OPTIONS) is state


@given(st.text(min_size=1).filter(lambda raw: raw not in OPTIONS.raw_states))
def test_an_unlisted_raw_state_is_never_valid(raw):
    with pytest.raises(UnknownCode):
        mapping.state(raw, OPTIONS)


def face(**changed: str) -> dict[str, str]:
    return {IDENTIFIER_KEY: IDENTIFIER, "zzmc": "营业执照", "zzyxqjzrq": "20400307"} | changed


def test_a_face_becomes_a_licence_and_keeps_what_was_written():
    licence = mapping.licence(face(zzzt="12"), "", OPTIONS)
    assert licence.type_code == "11100000MB0143028R001"
    assert licence.identifier_check is CheckVerdict.OK
    assert licence.valid_to == date(2040, 3, 7)
    assert licence.face["zzyxqjzrq"] == "20400307"
    assert (licence.raw_state, licence.state) == ("12", LicenceState.SUSPENDED)


def test_the_type_that_was_asked_for_is_the_type():
    options = OPTIONS.model_copy(update={"licence_types": {"NATIONAL": "local32hex"}})
    assert mapping.local_type("NATIONAL", options) == "local32hex"
    assert mapping.local_type("OTHER", options) == "OTHER"
    assert mapping.licence(face(), "NATIONAL", options).type_code == "NATIONAL"
    unparseable = mapping.licence(face(cert_identifier="x", zzlxdm="local32hex"), "", options)
    assert unparseable.type_code == "NATIONAL"
    assert unparseable.identifier_check is CheckVerdict.UNPARSEABLE


@pytest.mark.parametrize("identifier", ["", "1" * 129])
def test_a_licence_has_an_identifier_that_can_be_stored(identifier):
    with pytest.raises(UnknownCode):
        mapping.licence(face(cert_identifier=identifier), "", OPTIONS)
