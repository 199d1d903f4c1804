"""Models, options and what is written down: shapes, round trips and the published PKCE example."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from identity import LOGIN, SESSION, Options, PortalClient, PortalKind, UserType
from identity.cache import VerifiedTokens
from identity.codec import principal_as_json, principal_of_json, with_query
from identity.model import (
    Aal,
    ActingRole,
    Ial,
    IdType,
    Org,
    Person,
    Profile,
    is_ticket,
    principal_from,
    proves,
)
from kernel.clock import FrozenClock
from tests.unit.identity.fakes import (
    CHALLENGE,
    OPTIONS,
    START,
    VERIFIER,
    challenge_of,
    company_profile,
    person_profile,
)

words = st.text(min_size=1, max_size=20)
people = st.builds(
    Person,
    name=words,
    id_type=st.sampled_from(IdType),
    id_number=words,
    mobile=st.none() | words,
)
orgs = st.builds(
    Org,
    name=words,
    uscc=words,
    org_type=st.none() | words,
    legal_rep_name=st.none() | words,
    legal_rep_id_type=st.none() | st.sampled_from(IdType),
    legal_rep_id=st.none() | words,
)
moments = st.datetimes(timezones=st.just(UTC), max_value=datetime(2200, 1, 1))  # noqa: DTZ001


@st.composite
def profiles(draw):
    legal = draw(st.booleans())
    return Profile(
        upstream_sub=draw(words),
        user_type=UserType.LEGAL_PERSON if legal else UserType.NATURAL_PERSON,
        person=draw(people),
        org=draw(orgs) if legal else None,
        acting_role=draw(st.sampled_from(ActingRole)) if legal else None,
        ial=draw(st.sampled_from(Ial)),
        aal=draw(st.sampled_from(Aal)),
        amr=tuple(draw(st.lists(words, max_size=3))),
        auth_time=draw(moments),
    )


@given(profiles(), words, words)
def test_a_stored_principal_is_read_back(profile, sub, idp):
    principal = principal_from(sub, idp, profile)
    assert principal_of_json(json.loads(json.dumps(principal_as_json(principal)))) == principal


@pytest.mark.parametrize(
    "changes",
    [
        {"org": company_profile().org},
        {"acting_role": ActingRole.OPERATOR},
        {"user_type": UserType.LEGAL_PERSON},
        {"user_type": UserType.LEGAL_PERSON, "org": company_profile().org},
    ],
)
def test_organisation_and_role_belong_to_a_legal_person(changes):
    with pytest.raises(ValueError, match="legal person"):
        person_profile(**changes)


def test_the_example_of_rfc_7636():
    assert proves(VERIFIER, CHALLENGE)


@given(st.from_regex(r"[A-Za-z0-9._~-]{43,128}", fullmatch=True), st.integers(0, 42))
def test_only_the_verifier_proves(verifier, at):
    challenge = challenge_of(verifier)
    assert proves(verifier, challenge)
    changed = "A" if challenge[at] != "A" else "B"
    assert not proves(verifier, challenge[:at] + changed + challenge[at + 1 :])


@given(st.text(max_size=600))
def test_a_ticket_can_stand_in_a_query_as_it_is(text):
    if is_ticket(text):
        assert with_query("https://a.example/b", text, "s").count(text) >= 1
        assert text.isascii()
        assert len(text) <= 512


@pytest.mark.parametrize(
    "url",
    [
        "http://portal.example.gov.cn/back",
        "https://portal.example.gov.cn/back#part",
        "https://user@portal.example.gov.cn/back",
        "https:///back",
        "//portal.example.gov.cn/back",
        "javascript:alert(1)",
        "https://例子.cn/back",
        "http://127.0.0.1.example.com/back",
    ],
)
def test_return_addresses_that_cannot_be_registered(url):
    with pytest.raises(ValidationError):
        PortalClient(client_id="demo", name="门户", kind=PortalKind.WEB, return_to=(url,))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/back", "http://[::1]/", "http://localhost/"]
)
def test_plain_http_is_for_the_loopback_interface(url):
    portal = PortalClient(client_id="demo", name="门户", kind=PortalKind.WEB, return_to=(url,))
    assert portal.return_to == (url,)


@pytest.mark.parametrize(
    "changes",
    [
        {"portals": OPTIONS.portals * 2},
        {"idle_seconds": 7_200, "absolute_seconds": 3_600},
        {"cache_seconds": 61},
    ],
)
def test_settings_that_contradict_themselves(changes):
    with pytest.raises(ValidationError):
        Options(**{**dict(OPTIONS), **changes})


@pytest.mark.parametrize("table", [LOGIN, SESSION])
def test_every_event_is_named_after_the_package(table):
    assert all(event.startswith("identity.") for event in table.edges.values())
    assert len(set(table.edges.values())) == len(table.edges)


def test_a_logout_between_reading_and_remembering_wins():
    clock = FrozenClock(START)
    cache: VerifiedTokens[object] = VerifiedTokens(clock, seconds=30, size=10)
    principal = principal_from("P_1", "idp", person_profile())
    ends = datetime(2030, 1, 1, tzinfo=UTC)
    read_at = cache.generation
    cache.drop("hash")
    cache.put("hash", principal, ends, generation=read_at)
    assert cache.get("hash") is None
    cache.put("hash", principal, ends, generation=cache.generation)
    assert cache.get("hash") == principal
