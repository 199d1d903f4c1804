"""The action policy: what the product asks, how a deployment changes it, how it is applied."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from identity.errors import AcrUnknown, ActionNotForUserType, InsufficientAuthentication
from identity.model import Aal, ActingRole, Ial, UserType, principal_from
from identity.options import Options
from identity.policy import book, methods
from identity.policy.acr import ACRS, acr_of, levels_of
from identity.policy.judge import acts_by_office, require_levels
from identity.policy.model import Action, MandateAction
from identity.policy.options import Rule
from tests.unit.identity.fakes import START, company_profile, person_profile

PERSON, COMPANY = UserType.NATURAL_PERSON, UserType.LEGAL_PERSON
LARGE = 5_000_000
CITIZEN = principal_from("P_1", "sd_jis", person_profile())


@pytest.mark.parametrize(
    ("action", "user_type", "fen", "levels", "age"),
    [
        (Action.ACCOUNT, PERSON, 0, (0, 0), None),
        (Action.READ, PERSON, 0, (1, 1), 28_800),
        (Action.DECLARE, COMPANY, 0, (2, 1), 28_800),
        (Action.LICENCE_USE, PERSON, 0, (2, 1), 1_800),
        (Action.SEAL, COMPANY, 0, (3, 2), 300),
        (Action.PAY, PERSON, LARGE - 1, (1, 1), 1_800),
        (Action.PAY, PERSON, LARGE, (2, 2), 1_800),
        (Action.PAY, COMPANY, LARGE, (2, 2), 1_800),
        (Action.MANDATE, PERSON, 0, (3, 2), 300),
    ],
)
def test_what_the_product_asks(
    action: Action, user_type: UserType, fen: int, levels: tuple[int, int], age: int | None
) -> None:
    rule = book.bundled().rule(action, user_type, fen)
    assert ((rule.min_ial, rule.min_aal), rule.max_auth_age_s) == (levels, age)


def test_every_action_has_a_rule_for_some_user() -> None:
    assert {rule.action for rule in book.bundled().rules} == set(Action)
    with pytest.raises(ActionNotForUserType):
        book.bundled().rule(Action.SEAL, PERSON)


def test_only_the_legal_representative_seals_by_office() -> None:
    rule = book.bundled().rule(Action.SEAL, COMPANY)
    assert rule.mandate is MandateAction.SEAL
    offices = {
        role
        for role in ActingRole
        if acts_by_office(
            principal_from("C_1", "x", replace(company_profile(), acting_role=role)), rule
        )
    }
    assert offices == {ActingRole.LEGAL_REP}


def test_a_deployment_replaces_single_rules() -> None:
    stricter = Rule(action=Action.PAY, user_type=PERSON, min_ial=Ial(4), min_aal=Aal(3))
    found = book.bundled([stricter])
    assert found.rule(Action.PAY, PERSON) == stricter
    assert found.rule(Action.PAY, PERSON, LARGE).min_ial is Ial.THIRD_FACTOR
    assert len(found.rules) == len(book.bundled().rules)


def test_settings_take_rules_and_refuse_what_contradicts_itself() -> None:
    rule = {"action": "pay", "user_type": "NATURAL_PERSON", "min_ial": 1, "min_aal": 1}
    options = Options.model_validate({"callback_base": "https://a.example", "policy": [rule]})
    assert options.policy[0].action is Action.PAY
    for spoilt in ({"roles": ["LEGAL_REP"]}, {"min_ial": 5}, {"unknown": 1}):
        with pytest.raises(ValidationError):
            Rule.model_validate({**rule, **spoilt})
    with pytest.raises(ValueError, match="large amounts only"):
        book.PolicyBook([Rule.model_validate({**rule, "from_fen": 5})], version=1)


@given(
    st.sampled_from(list(Ial)),
    st.sampled_from(list(Aal)),
    st.integers(0, 2_000),
    st.sampled_from([rule for rule in book.bundled().rules if rule.user_type is PERSON]),
)
def test_a_challenge_names_what_would_do(ial: Ial, aal: Aal, age: int, rule: Rule) -> None:
    principal = replace(CITIZEN, ial=ial, aal=aal)
    now = START + timedelta(seconds=age)
    limit = rule.max_auth_age_s
    enough = ial >= rule.min_ial and aal >= rule.min_aal and (limit is None or age <= limit)
    if enough:
        require_levels(principal, rule, now)
        return
    with pytest.raises(InsufficientAuthentication) as caught:
        require_levels(principal, rule, now)
    failure = caught.value
    wanted = levels_of(str(failure.extras["acr_values"]))
    require_levels(replace(principal, ial=wanted.ial, aal=wanted.aal, auth_time=now), rule, now)
    assert f'acr_values="{failure.extras["acr_values"]}"' in failure.headers["WWW-Authenticate"]
    assert (f"max_age={limit}" in failure.headers["WWW-Authenticate"]) is (limit is not None)


@given(st.sampled_from(list(Ial)), st.sampled_from(list(Aal)[1:]))
def test_an_acr_names_both_levels(ial: Ial, aal: Aal) -> None:
    assert levels_of(acr_of(ial, aal)) == (ial, aal)
    assert acr_of(ial, aal) in ACRS


@pytest.mark.parametrize(
    "acr", ["", "urn:sd:loa:5", "urn:sd:loa:3:aal:4", "urn:sd:loa:3 ", "URN:SD:LOA:3", "3"]
)
def test_an_unknown_acr_is_never_guessed(acr: str) -> None:
    with pytest.raises(AcrUnknown):
        levels_of(acr)


@pytest.mark.parametrize(
    ("amr", "aal", "ial"),
    [
        ((), 0, 0),
        (("unknown",), 1, 0),
        (("pwd",), 1, 0),
        (("pwd", "unknown"), 1, 0),
        (("sms", "otp"), 1, 0),
        (("pwd", "sms"), 2, 0),
        (("face",), 2, 3),
        (("pwd", "face"), 2, 3),
        (("sd_ukey",), 3, 0),
        (("sd_ebl",), 2, 0),
    ],
)
def test_what_methods_are_worth(amr: tuple[str, ...], aal: int, ial: int) -> None:
    vocabulary = methods.bundled()
    assert (vocabulary.aal_of(amr), vocabulary.ial_of(amr)) == (aal, ial)


def test_a_method_that_is_not_in_the_vocabulary_is_worth_nothing() -> None:
    with pytest.raises(methods.UnknownMethod):
        methods.bundled().aal_of(("pwd", "telepathy"))


def test_data_files_carry_their_version() -> None:
    for name in ("actions.toml", "amr.toml"):
        text = files("identity.policy").joinpath(name).read_text("utf-8")
        assert tomllib.loads(text)["version"] == 1
