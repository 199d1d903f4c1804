"""JMAS over real sockets: signatures, both styles of calls, every cipher, and what is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding as KeyEncoding,
)
from cryptography.hazmat.primitives.serialization import (
    NoEncryption,
    PrivateFormat,
)

from adapters.dialects.nested import Malformed
from adapters.kit.conformance import World, running
from adapters.kit.conformance.identity_hands import (
    COMPANY,
    REAL_PERSON,
    attempt_of,
    exchange,
    knob,
    profile_of,
    session_of,
    sign_in,
)
from adapters.kit.people import UnknownCode
from adapters.kit.registry import BadConnection
from adapters.upstreams.sd_jmas import mapping
from adapters.upstreams.sd_jmas.opening import DoesNotOpen, decryptor
from adapters.upstreams.sd_jmas.options import CODES, RETCODES, Cipher, Encoding, Options
from adapters.upstreams.sd_jmas.wire import (
    REST_PATH,
    SIGN_PATH,
    CorporationUser,
    OuterCode,
    Retcode,
    User,
)
from identity.errors import LoginRefused, NotOffered, ProfileIncomplete
from identity.model import Ial, IdType, UserType
from identity.upstream import LoginAttempt
from kernel.crypto import sm2
from kernel.crypto.errors import InvalidKey
from kernel.errors import UpstreamAuthFailed, UpstreamOutcomeUnknown, UpstreamRejected

AT = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
PERSON, LEGAL = UserType.NATURAL_PERSON, UserType.LEGAL_PERSON
OPTIONS = Options(base_url="https://jmas.example.gov.cn", appmark="demoapp")
USER = {
    "uuid": "u-1",
    "loginName": "13800000001",
    "name": "王䶮",
    "mobile": "13800000001",
    "certNo": "370102199003071238",
    "authLevel": "2",
}
STANDARD = json.loads(
    (Path(__file__).parents[2] / "vectors" / "sm2" / "gbt32918.json").read_text("utf-8")
)


@pytest.fixture
async def world(tmp_path, frozen_clock) -> AsyncIterator[World]:
    async with running("sd_jmas", tmp_path, clock=frozen_clock) as world:
        yield world


async def connected_with(world: World, cipher: str) -> None:
    """Let the province encrypt in another way, and connect with the new key."""
    answer = await knob(world, "cipher", {"cipher": cipher})
    secrets = {**world.onboarding.secrets, "private_key": answer.json()["private_key"]}
    world.onboarding = replace(world.onboarding, secrets=secrets)
    world.reconnect(cipher=cipher)


@pytest.mark.parametrize("cipher", ["rsa", "sm2_c1c2c3", "sm2_c1c3c2"])
async def test_answers_open_in_every_cipher(world, cipher):
    await connected_with(world, cipher)
    profile = await profile_of(world, PERSON, "阿依夏木·吐尔逊")
    assert profile.person.name == "阿依夏木·吐尔逊"


async def test_the_wrong_order_of_parts_opens_nothing_and_tells_nothing(world):
    params = await sign_in(world, PERSON, REAL_PERSON)
    world.reconnect(cipher="sm2_c1c2c3")
    with pytest.raises(UpstreamOutcomeUnknown) as caught:
        await exchange(world, params)
    assert "does not open" in caught.value.detail


async def test_the_misspelt_interface_is_a_setting(world):
    older = {
        "person": {
            "id": "findoutsideuserbytoken",
            "style": "service",
            "service": "findOutsideUserByToken",
        },
        "corporation": {
            "id": "findcoruserytoken",
            "style": "service",
            "service": "findCorUserByToken",
        },
    }
    world.reconnect(interfaces=older)
    org = (await profile_of(world, LEGAL, COMPANY)).org
    assert org is not None
    assert org.name == COMPANY
    assert (await profile_of(world, PERSON, REAL_PERSON)).person.name == REAL_PERSON


async def test_an_interface_that_is_not_there_is_our_fault(world):
    world.reconnect(interfaces={"person": {"id": "findNobody"}})
    session = await session_of(world, PERSON, REAL_PERSON)
    with pytest.raises(UpstreamRejected) as caught:
        await world.provider.fetch_principal(session)
    assert caught.value.upstream_code == OuterCode.INTERFACE_UNKNOWN


async def test_a_deployment_without_a_switch_says_so(world):
    world.reconnect(interfaces={"switch": None})
    session = await session_of(world, LEGAL, COMPANY)
    with pytest.raises(NotOffered):
        await world.provider.switch_org(session, "jmas-org-000002")


async def test_a_persons_ticket_is_not_a_companys(world):
    params = await sign_in(world, PERSON, REAL_PERSON)
    with pytest.raises(LoginRefused):
        await exchange(world, params, LEGAL)


async def sent(world: World, ticket: str, **changes: str) -> dict[str, Any]:
    """A call as another integration would write it: signed first, then asked."""
    fields = {
        "app_id": "onewindow",
        "interface_id": "ticketValidate",
        "version": "1.0",
        "biz_content": json.dumps(
            {"appMark": "onewindow", "params": json.dumps({"ticket": ticket})}
        ),
        "charset": "UTF-8",
        "timestamp": str(int(world.clock.now().timestamp() * 1000)),
        "origin": "0",
    }
    signed = (await world.browser.post(SIGN_PATH, data=fields)).json()
    fields["sign"] = json.loads(signed["data"])["sign"]
    answer = await world.browser.post(REST_PATH, data={**fields, **changes})
    content: dict[str, Any] = answer.json()
    return content


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "200"),
        ({"sign": "0" * 64}, OuterCode.SIGN_WRONG),
        ({"sign": ""}, OuterCode.SIGN_WRONG),
        ({"biz_content": "{}"}, OuterCode.SIGN_WRONG),
        ({"interface_id": "generateticket"}, OuterCode.SIGN_WRONG),
        ({"timestamp": "1"}, OuterCode.SIGN_WRONG),
        ({"origin": "9"}, OuterCode.PARAMS_WRONG),
        ({"version": "2.0"}, OuterCode.PARAMS_WRONG),
        ({"app_id": "nobody"}, OuterCode.APP_UNKNOWN),
        ({"app_id": "neighbour"}, OuterCode.APP_UNKNOWN),
    ],
)
async def test_the_platform_refuses_what_was_not_signed(world, changes, code):
    assert (await sent(world, "ST-x", **changes))["code"] == code


async def test_a_signature_grows_old(world, frozen_clock):
    old = str(int((frozen_clock.now() - timedelta(minutes=6)).timestamp() * 1000))
    fields = {"app_id": "onewindow", "version": "1.0", "origin": "0", "timestamp": old}
    signed = (await world.browser.post(SIGN_PATH, data=fields)).json()
    answer = await world.browser.post(
        REST_PATH, data={**fields, "sign": json.loads(signed["data"])["sign"]}
    )
    assert answer.json()["code"] == OuterCode.TIME_STALE


async def test_a_stranger_gets_no_signature(world):
    world.reconnect(appmark="nobody")
    for check in world.provider.checks():
        with pytest.raises(UpstreamAuthFailed):
            await check.run()


async def test_the_login_page_for_phones_and_the_national_login_are_settings(world):
    world.reconnect(login_path="/jis-web/login_m", gb_trust=False)
    url = await world.provider.start_login(attempt_of(world, LEGAL))
    query = dict(parse_qsl(urlsplit(url).query))
    assert urlsplit(url).path == "/jis-web/login_m"
    assert (query["gbTrust"], query["userType"], query["appMark"]) == ("false", "2", "onewindow")
    org = (await profile_of(world, LEGAL, COMPANY)).org
    assert org is not None
    assert org.name == COMPANY


async def test_nothing_of_a_ticket_is_in_an_error(world):
    with pytest.raises(Exception, match="code 200001") as caught:
        await world.provider.exchange({"ticket": "ST-very-secret"}, LoginAttempt(user_type=PERSON))
    assert "ST-very-secret" not in repr(caught.value)


@pytest.mark.parametrize("prefix", ["", "04"])
@pytest.mark.parametrize(("cipher", "parts"), [("sm2_c1c3c2", "132"), ("sm2_c1c2c3", "123")])
def test_the_example_of_the_standard_opens_with_and_without_its_first_byte(cipher, parts, prefix):
    example = STANDARD["encrypt"]
    text = "".join(example[f"c{number}"] for number in parts).removeprefix("04")
    opener = decryptor(
        OPTIONS.model_copy(update={"cipher": Cipher(cipher), "cipher_encoding": Encoding.HEX}),
        STANDARD["sign"]["d"],
    )
    assert opener.open(prefix + text) == example["m"]


@pytest.mark.parametrize("sealed", [None, 7, "", "zz", "00", "04" * 100, "ä", "x" * 1_000_001])
@pytest.mark.parametrize("cipher", [Cipher.SM2_C1C3C2, Cipher.SM2_ASN1, Cipher.RSA])
def test_rubbish_opens_nothing(sealed, cipher, rsa_key):
    pem = rsa_key[1] if cipher is Cipher.RSA else sm2.generate().to_pem()
    opener = decryptor(OPTIONS.model_copy(update={"cipher": cipher}), pem)
    with pytest.raises(DoesNotOpen) as caught:
        opener.open(sealed)
    assert caught.value.__cause__ is None


@pytest.fixture(scope="module")
def rsa_key() -> tuple[rsa.RSAPrivateKey, str]:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(KeyEncoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return key, pem


def test_an_rsa_key_may_be_one_line_of_base64_and_a_text_many_blocks(rsa_key):
    key, pem = rsa_key
    line = "".join(pem.splitlines()[1:-1])
    text = "一窗" * 200
    pieces = [text.encode()[start : start + 245] for start in range(0, len(text.encode()), 245)]
    sealed = b"".join(key.public_key().encrypt(one, padding.PKCS1v15()) for one in pieces)
    opener = decryptor(OPTIONS.model_copy(update={"cipher": Cipher.RSA}), line)
    assert opener.open(base64.b64encode(sealed).decode()) == text
    with pytest.raises(DoesNotOpen):
        opener.open(base64.b64encode(sealed[:-1]).decode())


@pytest.mark.parametrize("key", ["", "no key", "00" * 32, "-----BEGIN PRIVATE KEY-----"])
@pytest.mark.parametrize("cipher", [Cipher.SM2_C1C3C2, Cipher.RSA])
def test_a_key_that_can_be_none_is_refused(key, cipher):
    with pytest.raises(InvalidKey):
        decryptor(OPTIONS.model_copy(update={"cipher": cipher}), key)


async def test_secrets_that_can_be_none_are_told_without_their_values(world):
    good = world.onboarding.secrets
    for wrong in ({"appword": "too short"}, {"private_key": "no key"}):
        world.onboarding = replace(world.onboarding, secrets={**good, **wrong})
        with pytest.raises(BadConnection) as caught:
            world.reconnect()
        assert not [value for value in wrong.values() if value in str(caught.value)]


def person(**changes: object) -> Any:
    user = User.model_validate({**USER, **changes})
    return mapping.person_profile(user, OPTIONS, AT)


@pytest.mark.parametrize("field", ["uuid", "name", "certNo", "authLevel"])
@pytest.mark.parametrize("gap", [None, "", " "])
def test_what_a_person_lacks_is_named(field, gap):
    with pytest.raises(ProfileIncomplete) as caught:
        person(**{field: gap})
    assert field in str(caught.value.extras["fields"])


def test_the_kind_of_papers_is_told_or_certain_and_never_guessed():
    assert person().person.id_type is IdType.RESIDENT_ID
    assert person(certType="3", certNo="H12345678").person.id_type is IdType.HK_MACAO_PERMIT
    for open_number in ("H12345678", "370102199003071239", "810000199003071230"):
        with pytest.raises(ProfileIncomplete) as caught:
            person(certNo=open_number)
        assert caught.value.extras["fields"] == ["certType"]
    with pytest.raises(UnknownCode):
        person(certType="2")
    with pytest.raises(Malformed):
        person(certType="1", certNo="370102199003071239")


def test_a_company_has_the_operators_level_or_none():
    entry = {
        **{name: value for name, value in USER.items() if name != "authLevel"},
        "corUserRole": "1",
        "corporationName": COMPANY,
        "creditCode": "91370100MA3ABCDE1G",
    }
    untold = mapping.corporation_profile(CorporationUser.model_validate(entry), OPTIONS, AT)
    assert untold.ial is Ial.SELF_ASSERTED
    told = CorporationUser.model_validate({**entry, "authLevel": "3"})
    assert mapping.corporation_profile(told, OPTIONS, AT).ial is Ial.REAL_PERSON
    for field, code in (("authLevel", "9"), ("corUserRole", "7")):
        with pytest.raises(UnknownCode):
            mapping.corporation_profile(
                CorporationUser.model_validate({**entry, field: code}), OPTIONS, AT
            )


@pytest.mark.parametrize(
    ("usertype", "error"), [(None, ProfileIncomplete), ("", ProfileIncomplete), ("3", UnknownCode)]
)
def test_a_type_of_user_is_never_defaulted(usertype, error):
    with pytest.raises(error):
        mapping.user_type_of(usertype)


def test_every_code_has_a_meaning():
    codes = {value for name, value in vars(Retcode).items() if name.isupper()}
    assert set(RETCODES) == codes
    outer = {value for name, value in vars(OuterCode).items() if name.isupper()}
    assert set(CODES) == outer | {"200"}
