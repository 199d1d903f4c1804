"""Zhejiang's three logins behind the signing gateway, over real sockets, and what it refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from adapters.kit.conformance import World, running
from adapters.kit.conformance.identity_hands import (
    COMPANY,
    REAL_PERSON,
    attempt_of,
    change,
    exchange,
    knob,
    profile_of,
    session_of,
    sign_in,
)
from adapters.upstreams.zj_irs import mapping, security, wire
from adapters.upstreams.zj_irs.options import Options
from identity.errors import LoginCallbackInvalid, NotOffered, ProfileIncomplete, TicketExpired
from identity.model import ActingRole, Ial, IdType, UserType
from kernel.errors import UpstreamAuthFailed, UpstreamOutcomeUnknown, UpstreamRejected

AT = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
PERSON, LEGAL = UserType.NATURAL_PERSON, UserType.LEGAL_PERSON
OPTIONS = Options(
    base_url="https://irs.example.gov.cn",
    browser_url="https://portal.example.gov.cn",
    app_id="app",
    ial_of_level={"1": Ial.MATCHED, "3": Ial.REAL_PERSON},
    id_types={"1": IdType.RESIDENT_ID},
    roles={"0": ActingRole.OPERATOR},
)
USER = {
    "userId": "u-1",
    "userName": "王䶮",
    "idType": "1",
    "idNumber": "370102199003071238",
    "authLevel": 3,
}
COMPANY_USER = {**USER, "CompanyName": "甲公司", "uniscid": "91370100MA3ABCDE1G", "userRole": "0"}


@pytest.fixture
async def world(tmp_path, frozen_clock) -> AsyncIterator[World]:
    async with running("zj_irs", tmp_path, clock=frozen_clock) as world:
        yield world


async def test_the_person_flow_is_an_option(world):
    world.reconnect(flow="person")
    profile = await profile_of(world, PERSON, "阿依夏木·吐尔逊")
    assert (profile.person.name, profile.ial) == ("阿依夏木·吐尔逊", Ial.REAL_PERSON)


async def test_the_legal_flow_is_an_option(world):
    world.reconnect(flow="legal")
    profile = await profile_of(world, LEGAL, COMPANY)
    assert profile.org is not None
    assert (profile.org.uscc, profile.acting_role) == ("91370100MA3ABCDE1G", ActingRole.ORG_ADMIN)
    assert (profile.person.name, profile.ial) == (REAL_PERSON, Ial.SELF_ASSERTED)


@pytest.mark.parametrize(("flow", "other"), [("unified", LEGAL), ("person", LEGAL)])
async def test_a_flow_serves_one_type_of_user(world, flow, other):
    world.reconnect(flow=flow)
    with pytest.raises(NotOffered) as caught:
        await world.provider.start_login(attempt_of(world, other))
    assert caught.value.extras == {"capability": "legal_person"}
    with pytest.raises(NotOffered):
        await exchange(world, [("ticketId", "x")], other)


async def test_a_person_is_not_served_by_the_legal_flow(world):
    world.reconnect(flow="legal")
    with pytest.raises(NotOffered):
        await world.provider.start_login(attempt_of(world, PERSON))


async def test_where_to_go_next_comes_back_and_is_left_alone(world):
    params = dict(await sign_in(world, PERSON, REAL_PERSON))
    assert params["redirectUrl"].startswith("https://elsewhere.invalid")
    ours = await world.provider.start_login(attempt_of(world, PERSON))
    assert "elsewhere" not in ours


@pytest.mark.parametrize("seconds", [-91, 91])
async def test_a_clock_that_is_off_is_told_as_such(world, frozen_clock, seconds):
    path = wire.UNIFIED_USER
    secrets = world.onboarding.secrets
    off = frozen_clock.now() + timedelta(seconds=seconds)
    headers = security.gateway_headers(
        secrets["secret_key"], secrets["access_key"], "POST", path, off
    )
    answer = await world.browser.post(path, json={"token": "x"}, headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"message": "Clock skew exceeded"})


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({wire.SIGNATURE_HEADER: "AAAA"}, wire.Said.SIGNATURE),
        ({wire.SIGNATURE_HEADER: ""}, wire.Said.SIGNATURE),
        ({wire.ALGORITHM_HEADER: "hmac-sha1"}, wire.Said.SIGNATURE),
        ({wire.ACCESS_KEY_HEADER: "nobody"}, wire.Said.ACCESS_KEY),
        ({wire.DATE_HEADER: "2026-03-02T04:00:00Z"}, wire.Said.SKEW),
        ({wire.DATE_HEADER: "Mon, 02 Mar 2026 12:00:00 +0800"}, wire.Said.SKEW),
        ({wire.DATE_HEADER: ""}, wire.Said.SKEW),
    ],
)
async def test_the_gateway_refuses_wrong_headers(world, broken, message):
    path = wire.UNIFIED_USER
    secrets = world.onboarding.secrets
    headers = security.gateway_headers(
        secrets["secret_key"], secrets["access_key"], "POST", path, world.clock.now()
    )
    answer = await world.browser.post(path, json={"token": "x"}, headers={**headers, **broken})
    assert (answer.status_code, answer.json()) == (401, {"message": message})


async def test_another_path_or_query_than_the_signed_one_is_refused(world):
    secrets = world.onboarding.secrets
    headers = security.gateway_headers(
        secrets["secret_key"], secrets["access_key"], "POST", wire.UNIFIED_TOKEN, world.clock.now()
    )
    for url in (wire.UNIFIED_USER, f"{wire.UNIFIED_TOKEN}?a=1"):
        answer = await world.browser.post(url, json={"token": "x"}, headers=headers)
        assert answer.json() == {"message": wire.Said.SIGNATURE}


async def test_an_interface_that_was_not_granted_is_told_as_such(world):
    await knob(world, "forbid", {"path": wire.UNIFIED_USER})
    await session_of(world, PERSON, REAL_PERSON)
    with pytest.raises(UpstreamAuthFailed) as caught:
        await profile_of(world, PERSON, REAL_PERSON)
    assert caught.value.extras["upstream_code"] == "route_forbidden"


def test_each_of_the_four_messages_has_its_own_advice():
    told = mapping.GATEWAY_REFUSALS
    assert set(told) == {value for name, value in vars(wire.Said).items() if name.isupper()}
    assert len({code for code, _ in told.values()}) == 4


async def test_a_message_that_no_table_knows_is_counted_and_not_repeated(world):
    world.reconnect(messages={})
    with pytest.raises(UpstreamRejected) as caught:
        await exchange(world, [("ticketId", "ST-secret")], PERSON)
    assert "ST-secret" not in f"{caught.value.detail}{caught.value.extras}"
    assert wire.ErrorMsg.TICKET_UNKNOWN not in caught.value.detail
    assert ("zj_irs", "errorMsg", "unlisted") in world.telemetry.unknown_codes()


async def test_no_ticket_is_no_login(world):
    with pytest.raises(LoginCallbackInvalid):
        await exchange(world, [("ticket", "x")], PERSON)


@pytest.mark.parametrize("fault", ["html", "malformed", "truncated"])
async def test_what_cannot_be_read_is_an_unknown_outcome_of_an_exchange(world, fault):
    params = await sign_in(world, PERSON, REAL_PERSON)
    await world.faults.set(fault, operation="exchange")
    with pytest.raises(UpstreamOutcomeUnknown):
        await exchange(world, params, PERSON)


async def test_a_foreign_ticket_is_refused(world):
    with pytest.raises(TicketExpired):
        await exchange(world, [("ticketId", "debug_tk_of_somebody")], PERSON)


async def test_papers_that_are_not_told_are_not_taken_for_a_citizens(world):
    await change(world, REAL_PERSON, id_type="")
    with pytest.raises(ProfileIncomplete) as caught:
        await profile_of(world, PERSON, REAL_PERSON)
    assert caught.value.extras["fields"] == ["idType"]


@pytest.mark.parametrize("field", ["userId", "userName", "idType", "idNumber"])
@pytest.mark.parametrize("gap", [None, "", " "])
def test_what_a_person_lacks_is_named(field, gap):
    with pytest.raises(ProfileIncomplete) as caught:
        mapping.profile({**USER, field: gap}, False, OPTIONS, AT)
    assert caught.value.extras["fields"] == [field]


@pytest.mark.parametrize("field", ["CompanyName", "uniscid", "userRole"])
def test_what_a_company_lacks_is_named(field):
    assert mapping.profile(COMPANY_USER, True, OPTIONS, AT).upstream_sub.endswith("/u-1")
    with pytest.raises(ProfileIncomplete) as caught:
        mapping.profile({**COMPANY_USER, field: None}, True, OPTIONS, AT)
    assert caught.value.extras["fields"] == [field]


def test_a_level_that_is_not_told_is_none():
    untold = {name: value for name, value in USER.items() if name != "authLevel"}
    assert mapping.profile(untold, False, OPTIONS, AT).ial is Ial.SELF_ASSERTED
    assert mapping.profile(USER, False, OPTIONS, AT).ial is Ial.REAL_PERSON


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("authLevel", "2", mapping.UnknownCode),
        ("authLevel", True, mapping.Malformed),
        ("idType", "2", mapping.UnknownCode),
        ("idNumber", "370102199003071239", mapping.Malformed),
        ("userName", ["王"], mapping.Malformed),
        ("userId", "u" * 201, mapping.Malformed),
    ],
)
def test_what_cannot_be_right_is_never_defaulted(field, value, error):
    with pytest.raises(error):
        mapping.profile({**USER, field: value}, False, OPTIONS, AT)


async def test_the_login_page_is_told_the_application_and_the_way_back(world):
    url = await world.provider.start_login(attempt_of(world, PERSON))
    query = dict(parse_qsl(urlsplit(url).query))
    assert urlsplit(url).path == "/uc/sso/login"
    assert query["appId"] == world.onboarding.options["app_id"]
    assert query["redirectUrl"] == attempt_of(world, PERSON).return_url
