"""The simulated JIS on a real socket: it refuses whatever the dialect refuses, and survives a
restart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.dialects.jis_cipher import decrypt_data, encrypt_data
from adapters.kit.conformance import World, running
from adapters.kit.conformance.identity import COMPANY, REAL_PERSON, sign_in
from adapters.kit.refusals import Meaning
from adapters.sandbox.citizens import TICKET_LIFE, TOKEN_LIFE, Citizens
from adapters.sandbox.store import Store
from adapters.upstreams.sd_jis.wire import INTERFACE_PATH, LOGIN_PATH, Retcode
from identity.errors import NotOffered, TicketExpired
from identity.model import UserType
from identity.upstream import LoginAttempt
from kernel.clock import BEIJING, FrozenClock
from kernel.errors import UpstreamProtocolError, UpstreamRejected, UpstreamUnavailable
from kernel.gbcodes import parse_citizen_id, parse_uscc

BY_APP = LoginAttempt(user_type=UserType.NATURAL_PERSON)


@pytest.fixture
async def world(tmp_path, frozen_clock) -> AsyncIterator[World]:
    async with running("sd_jis", tmp_path, clock=frozen_clock) as world:
        yield world


def form(world: World, service: str, sent: object, **changes: str) -> dict[str, str]:
    """A call as another integration would write it, with its own signature."""
    time = changes.pop("time", world.clock.now().astimezone(BEIJING).strftime("%Y%m%d%H%M%S"))
    appmark = str(world.onboarding.options["appmark"])
    text = appmark + world.onboarding.secrets["appword"] + time
    return {
        "appmark": appmark,
        "time": time,
        "sign": hashlib.md5(text.encode()).hexdigest(),
        "servicename": service,
        "params": json.dumps(sent),
        **changes,
    }


async def ask(world: World, service: str, sent: object, **changes: str) -> dict[str, Any]:
    answer = await world.browser.post(INTERFACE_PATH, data=form(world, service, sent, **changes))
    assert answer.status_code == 200
    content: dict[str, Any] = answer.json()
    return content


async def ticket(world: World, user_type=UserType.NATURAL_PERSON, title=REAL_PERSON) -> str:
    return dict(await sign_in(world, user_type, title))["ticket"]


async def token(world: World, *args: object) -> str:
    answer = await ask(world, "ticketValidate", {"ticket": await ticket(world, *args)})
    return str(json.loads(answer["data"])["token"])


async def test_a_foreign_integration_can_talk_to_it(world):
    answer = await ask(world, "findOutsideUserByToken", {"token": await token(world)})
    assert answer["retcode"] == "000000"
    user = json.loads(decrypt_data(answer["data"], world.onboarding.secrets["appword"]))
    assert (user["name"], user["authlevel"], user["isauth"]) == (REAL_PERSON, "3", "1")


async def test_a_company_tells_no_level(world):
    answer = await ask(
        world,
        "findCorUserByToken",
        {"token": await token(world, UserType.LEGAL_PERSON, COMPANY)},
    )
    user = json.loads(decrypt_data(answer["data"], world.onboarding.secrets["appword"]))
    assert (user["corrole"], user["corusername"]) == ("1", "李静怡")
    assert "authlevel" not in user


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_a_stale_time_is_refused(world, minutes):
    at = world.clock.now().astimezone(BEIJING) + timedelta(minutes=minutes)
    answer = await ask(world, "ticketValidate", {"ticket": "x"}, time=at.strftime("%Y%m%d%H%M%S"))
    assert answer["retcode"] == Retcode.TIME_STALE


@pytest.mark.parametrize(
    "time", ["", "now", "2026030212000", "20261302120000", "２０２６０３０２１２００００"]
)
async def test_a_time_of_another_form_is_refused(world, time):
    answer = await ask(world, "ticketValidate", {"ticket": "x"}, time=time)
    assert answer["retcode"] == Retcode.TIME_STALE


@pytest.mark.parametrize(
    ("changes", "retcode"),
    [
        ({"sign": "0" * 32}, Retcode.SIGN_WRONG),
        ({"sign": ""}, Retcode.SIGN_WRONG),
        ({"sign": "é"}, Retcode.SIGN_WRONG),
        ({"appmark": "other"}, Retcode.APP_UNKNOWN),
        ({"servicename": "userSyn"}, Retcode.SERVICE_UNKNOWN),
        ({"servicename": "userValidate"}, Retcode.PARAMS_WRONG),
        ({"params": "no json"}, Retcode.PARAMS_WRONG),
        ({"params": "[]"}, Retcode.PARAMS_WRONG),
        ({"params": "{}"}, Retcode.PARAMS_WRONG),
        ({"params": '{"ticket": 7}'}, Retcode.PARAMS_WRONG),
    ],
)
async def test_everything_else_is_refused_with_its_code(world, changes, retcode):
    answer = await ask(world, "ticketValidate", {"ticket": "x"}, **changes)
    assert (answer["retcode"], answer["data"]) == (retcode, None)


async def test_a_ticket_lives_a_minute_and_works_once(world, frozen_clock):
    first, second = await ticket(world), await ticket(world)
    frozen_clock.advance(TICKET_LIFE - timedelta(seconds=1))
    assert (await ask(world, "ticketValidate", {"ticket": first}))["retcode"] == Retcode.OK
    again = await ask(world, "ticketValidate", {"ticket": first})
    assert again["retcode"] == Retcode.TICKET_USED
    frozen_clock.advance(timedelta(seconds=1))
    late = await ask(world, "ticketValidate", {"ticket": second})
    assert late["retcode"] == Retcode.TICKET_EXPIRED


async def test_a_token_lives_long_but_not_for_ever(world, frozen_clock):
    session = await world.provider.exchange({"ticket": await ticket(world)}, BY_APP)
    frozen_clock.advance(TOKEN_LIFE - timedelta(seconds=1))
    assert await world.provider.fetch_principal(session)
    frozen_clock.advance(timedelta(seconds=1))
    with pytest.raises(TicketExpired):
        await world.provider.fetch_principal(session)


async def test_a_persons_token_tells_nothing_about_a_company(world):
    answer = await ask(world, "findCorUserByToken", {"token": await token(world)})
    assert answer["retcode"] == Retcode.USER_TYPE_WRONG


@pytest.mark.parametrize(
    "suffix",
    ["@evil.example/x", ".evil.example/x", "0/x", "/../x\\", ""],
)
async def test_tickets_go_to_the_registered_address_only(world, suffix):
    url = world.place.gateway_url + suffix if suffix else "not an address"
    params = {"appmark": "onewindow", "userType": "1", "backUrl": url}
    assert (await world.browser.get(LOGIN_PATH, params=params)).status_code == 400
    form = {**params, "account": "jis-u-000001"}
    assert (await world.browser.post(LOGIN_PATH, data=form)).status_code == 400


async def test_markup_in_an_address_stays_text(world):
    url = world.place.gateway_url + '/"><script>alert(1)</script>'
    page = await world.browser.get(LOGIN_PATH, params={"appmark": "onewindow", "backUrl": url})
    assert page.status_code == 200
    assert "<script>" not in page.text


@pytest.mark.parametrize("params", [{"appmark": "other"}, {"userType": "3"}, {"account": "nobody"}])
async def test_a_wrong_form_signs_nobody_in(world, params):
    form = {
        "appmark": "onewindow",
        "userType": "1",
        "backUrl": world.place.gateway_url + "/x",
        "account": "jis-u-000001",
        **params,
    }
    answer = await world.browser.post(LOGIN_PATH, data=form)
    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_a_restart_forgets_nothing(tmp_path):
    clock = FrozenClock(datetime(2026, 3, 2, 4, 0, tzinfo=UTC))
    async with running("sd_jis", tmp_path, clock=clock) as world:
        kept = await ticket(world)
        appword = world.onboarding.secrets["appword"]
    async with running("sd_jis", tmp_path, clock=clock) as world:
        assert world.onboarding.secrets["appword"] == appword
        assert (await ask(world, "ticketValidate", {"ticket": kept}))["retcode"] == Retcode.OK


async def test_the_people_are_synthetic_with_right_check_digits(world):
    accounts = Citizens(Store(world.place.folder), world.clock, "jis").all()
    today = world.clock.now().date()
    numbers = {
        parse_citizen_id(one.id_number, today=today).number
        for one in accounts
        if one.id_type == "1"
    }
    assert {"370102199003071238", "370202198811120246", "370112196505010119"} < numbers
    codes = [one.corporation.uscc for one in accounts if one.corporation is not None]
    assert len(set(codes)) == len(codes) == 8
    assert all(parse_uscc(code).organisation_check_ok for code in codes)


async def companies(world: World, token: str, **params: str) -> dict[str, Any]:
    sent = {"token": token, "pageindex": "1", "pagenum": "5", **params}
    answer = await ask(world, "findCorporationByToken", sent)
    assert answer["retcode"] == "000000"
    opened = decrypt_data(answer["data"], world.onboarding.secrets["appword"])
    content: dict[str, Any] = json.loads(opened)
    return content


async def test_the_list_is_a_text_in_an_object_five_at_a_time(world):
    held = await token(world, UserType.LEGAL_PERSON, COMPANY)
    first = await companies(world, held)
    assert (first["count"], len(json.loads(first["list"]))) == (7, 5)
    second = await companies(world, held, pageindex="2")
    assert len(json.loads(second["list"])) == 2


@pytest.mark.parametrize("wrong", [{"pageindex": "0"}, {"pagenum": "x"}, {"pageindex": "-1"}])
async def test_a_page_that_cannot_be_is_refused(world, wrong):
    sent = {"token": await token(world), "pageindex": "1", "pagenum": "5", **wrong}
    answer = await ask(world, "findCorporationByToken", sent)
    assert answer["retcode"] == Retcode.PARAMS_WRONG


async def test_a_password_travels_encrypted_only(world):
    sent = json.dumps({"loginname": "zhangmx", "password": "zhangmx-demo"})
    sealed = encrypt_data(sent, world.onboarding.secrets["appword"])
    answer = await ask(world, "userValidate", {}, params=sealed)
    assert json.loads(answer["data"])["ticket"].startswith("ST-")
    plain = await ask(world, "userValidate", {}, params=sent)
    assert plain["retcode"] == Retcode.PARAMS_WRONG


async def test_a_ticket_of_another_application_stays_good_there(world):
    sent = {"token": await token(world), "proxyapp": "neighbour"}
    handed = (await ask(world, "generateTicket", sent))["data"]
    ours = await ask(world, "ticketValidate", {"ticket": handed})
    assert ours["retcode"] == Retcode.TICKET_FOREIGN
    there = await world.browser.post("/sim/redeem", json={"app": "neighbour", "ticket": handed})
    assert there.status_code == 200


async def test_a_deployment_without_a_switch_says_so(world):
    world.reconnect(switch_service=None)
    session = await world.provider.exchange({"ticket": await ticket(world)}, BY_APP)
    with pytest.raises(NotOffered) as caught:
        await world.provider.switch_org(session, "jis-org-000002")
    assert (caught.value.status, caught.value.extras) == (409, {"capability": "org_switch"})


async def test_an_unknown_retcode_is_counted_and_refused(world):
    world.reconnect(retcodes={Retcode.OK: Meaning.OK})
    with pytest.raises(UpstreamRejected) as caught:
        await world.provider.exchange({"ticket": "ST-x"}, BY_APP)
    assert caught.value.upstream_code == Retcode.TICKET_UNKNOWN
    assert ("sd_jis", "code", Retcode.TICKET_UNKNOWN) in world.telemetry.unknown_codes()


async def test_errors_repeat_neither_tickets_nor_the_upstreams_words(world):
    with pytest.raises(TicketExpired) as caught:
        await world.provider.exchange({"ticket": "ST-very-secret"}, BY_APP)
    told = f"{caught.value!r} {caught.value.detail} {caught.value.extras}"
    assert "ST-very-secret" not in told
    assert "失败" not in told


async def test_a_page_instead_of_json_is_a_breach(world):
    await world.faults.set("html", operation="findOutsideUserByToken")
    with pytest.raises(UpstreamProtocolError):
        await world.provider.checks()[0].run()


async def test_an_upstream_that_is_away_is_unavailable(world):
    world.reconnect_to_nowhere()
    with pytest.raises(UpstreamUnavailable):
        await world.provider.exchange({"ticket": "ST-x"}, BY_APP)


def test_the_visitor_is_a_real_client(world):
    assert isinstance(world.browser, httpx.AsyncClient)
