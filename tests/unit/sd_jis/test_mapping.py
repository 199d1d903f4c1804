"""The JIS dialect without a network: JSON in JSON, the cipher, levels, roles and gaps."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dialects.jis_cipher import NotOurCipher, decrypt_data, encrypt_data
from adapters.dialects.nested import MAX_DEPTH
from adapters.upstreams.sd_jis import mapping
from adapters.upstreams.sd_jis.mapping import Malformed, UnknownCode
from adapters.upstreams.sd_jis.options import RETCODES, Options
from adapters.upstreams.sd_jis.wire import (
    CorporationList,
    CorporationUser,
    PersonUser,
    Retcode,
)
from identity.errors import ProfileIncomplete
from identity.model import ActingRole, Ial, IdType, Profile

AT = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
APPWORD = "0123456789abcdef"
OPTIONS = Options(base_url="https://jis.example.gov.cn", appmark="demoapp")
PERSON = {
    "uuid": "u-1",
    "loginname": "13800000001",
    "name": "张明轩",
    "paperstype": "1",
    "papersnumber": "370102199003071238",
    "mobile": "13800000001",
    "isauth": "1",
    "authlevel": "2",
}
CORPORATION = {
    **{name: value for name, value in PERSON.items() if name not in {"authlevel", "isauth"}},
    "corname": "山东一窗示例科技有限公司",
    "cornumber": "91370100MA3ABCDE1G",
    "corporationid": "o-1",
    "corrole": "2",
    "corusername": "李静怡",
    "corusercardtype": "1",
    "corusercardid": "370202198811120246",
}


def person(**changes: object) -> Profile:
    return mapping.person_profile(PersonUser.model_validate({**PERSON, **changes}), OPTIONS, AT)


def corporation(**changes: object) -> Profile:
    user = CorporationUser.model_validate({**CORPORATION, **changes})
    return mapping.corporation_profile(user, OPTIONS, AT)


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()), st.integers(0, 5))
def test_up_to_three_layers_are_unwrapped(value, layers):
    data = value
    for _ in range(layers):
        data = json.dumps(data, ensure_ascii=False)
    if layers <= MAX_DEPTH:
        assert mapping.unwrap(data) == value
    else:
        with pytest.raises(Malformed):
            mapping.unwrap(data)


@pytest.mark.parametrize(
    "data", [None, 7, [], "", "[]", "no json", "null", '"text"', "[" * 100_000]
)
def test_what_holds_no_object_is_malformed(data):
    with pytest.raises(Malformed):
        mapping.unwrap(data)


@given(st.text(max_size=200))
def test_the_cipher_round_trip(text):
    assert decrypt_data(encrypt_data(text, APPWORD), APPWORD) == text


@pytest.mark.parametrize("data", ["", "zz", "00", "00" * 16, "ff" * 17])
def test_rubbish_does_not_decrypt(data):
    with pytest.raises(NotOurCipher) as caught:
        decrypt_data(data, APPWORD)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(("level", "ial"), [("0", 0), ("1", 1), ("2", 2), ("3", 3), (3, 3)])
def test_levels_of_a_person(level, ial):
    assert person(authlevel=level).ial is Ial(ial)


def test_levels_are_configuration():
    options = Options(
        base_url="https://jis.example.gov.cn",
        appmark="demoapp",
        ial_of_authlevel={"高级": Ial.REAL_PERSON},
    )
    user = PersonUser.model_validate({**PERSON, "authlevel": "高级"})
    assert mapping.person_profile(user, options, AT).ial is Ial.REAL_PERSON
    with pytest.raises(UnknownCode):
        mapping.person_profile(PersonUser.model_validate(PERSON), options, AT)


def test_an_account_without_proof_has_no_level():
    assert person(isauth="0", authlevel="3").ial is Ial.SELF_ASSERTED
    assert person(isauth=0, authlevel=None).ial is Ial.SELF_ASSERTED


def test_a_legal_person_has_the_operators_level_or_none():
    # Seen in the wild: a constant 1 for every company, because the answer tells no level.
    assert corporation().ial is Ial.SELF_ASSERTED
    assert corporation(authlevel="3").ial is Ial.REAL_PERSON
    assert corporation(authlevel="3", isauth="0").ial is Ial.SELF_ASSERTED


@pytest.mark.parametrize(
    ("code", "role"),
    [("0", ActingRole.OPERATOR), ("1", ActingRole.ORG_ADMIN), ("2", ActingRole.LEGAL_REP)],
)
def test_roles(code, role):
    assert corporation(corrole=code).acting_role is role


@pytest.mark.parametrize(
    ("code", "id_type"),
    [("3", IdType.HK_MACAO_PERMIT), ("4", IdType.TAIWAN_PERMIT), ("5", IdType.FOREIGN_PERMANENT)],
)
def test_other_papers_are_not_checked_as_citizen_ids(code, id_type):
    profile = person(paperstype=code, papersnumber="H12345678")
    assert (profile.person.id_type, profile.person.id_number) == (id_type, "H12345678")


def test_cardid_stands_in_for_papersnumber_and_fifteen_digits_for_eighteen():
    assert person(papersnumber=None, cardid="370102199003071238") == person()
    assert person(papersnumber="370112650501011").person.id_number == "370112196505010119"


@pytest.mark.parametrize(
    ("build", "field", "code"),
    [
        (person, "authlevel", "9"),
        (person, "paperstype", "2"),
        (corporation, "corrole", "3"),
        (corporation, "authlevel", "9"),
        (corporation, "corusercardtype", "8"),
    ],
)
def test_unknown_codes_are_told_and_never_defaulted(build, field, code):
    with pytest.raises(UnknownCode) as caught:
        build(**{field: code})
    assert (caught.value.field, caught.value.code) == (field, code)


@pytest.mark.parametrize("field", ["uuid", "name", "paperstype", "papersnumber", "authlevel"])
@pytest.mark.parametrize("gap", [None, "", "  "])
def test_what_a_person_lacks_is_named(field, gap):
    with pytest.raises(ProfileIncomplete) as caught:
        person(**{field: gap})
    assert caught.value.extras["fields"] == [field]
    assert "张明轩" not in repr(caught.value.extras)


@pytest.mark.parametrize("field", ["uuid", "corname", "cornumber", "corporationid", "corrole"])
def test_what_a_legal_person_lacks_is_named(field):
    with pytest.raises(ProfileIncomplete) as caught:
        corporation(**{field: None})
    assert caught.value.extras["fields"] == [field]


@pytest.mark.parametrize(
    ("build", "changes"),
    [
        (person, {"papersnumber": "370102199003071239"}),
        (corporation, {"cornumber": "91370100MA3ABCDE10"}),
    ],
)
def test_wrong_check_digits_are_malformed_and_not_repeated(build, changes):
    with pytest.raises(Malformed) as caught:
        build(**changes)
    assert not [value for value in changes.values() if value in str(caught.value)]
    assert caught.value.__cause__ is None


def test_the_subject_is_neither_login_name_nor_id_number():
    assert person().upstream_sub == "u-1"
    assert corporation().upstream_sub == "o-1/u-1"
    assert corporation(corporationid="o-2").upstream_sub != corporation().upstream_sub


def test_every_retcode_has_a_meaning():
    codes = {value for name, value in vars(Retcode).items() if name.isupper()}
    assert set(RETCODES) == codes


def test_reprs_of_messages_tell_nothing_personal():
    text = repr(CorporationUser.model_validate(CORPORATION))
    assert not [value for value in ("张明轩", "370102199003071238", "李静怡") if value in text]


def listed(rows: object, count: int = 1, page: int = 1) -> object:
    return mapping.org_page(CorporationList(list=rows, count=count), page, 5)


def test_a_list_may_be_a_text_and_the_count_tells_whether_more_come():
    entry = {name: value for name, value in CORPORATION.items() if name.startswith("cor")}
    page = mapping.org_page(CorporationList(list=json.dumps([entry]), count=6), 1, 5)
    assert (page.more, page.rows[0].id, page.rows[0].org.uscc) == (
        True,
        "o-1",
        "91370100MA3ABCDE1G",
    )
    assert not mapping.org_page(CorporationList(list=[entry], count=6), 2, 5).more


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ("{}", Malformed),
        ("no json", Malformed),
        (None, Malformed),
        (["text"], Malformed),
        ([{"corname": "甲"}], ProfileIncomplete),
        ([{**CORPORATION, "corrole": "9"}], UnknownCode),
        ([{**CORPORATION, "cornumber": "91370100MA3ABCDE10"}], Malformed),
    ],
)
def test_a_list_that_cannot_be_right_is_no_list(rows, error):
    with pytest.raises(error):
        listed(rows)
