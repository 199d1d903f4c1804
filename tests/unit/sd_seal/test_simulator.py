"""The simulated seal system: its certificates and seals, what it refuses, and what it remembers."""

import base64
import io
import json
import re
import tomllib
from datetime import timedelta
from importlib import resources
from typing import Any

import pytest
from PIL import Image

from adapters.kit.conformance import e_seal as suite
from adapters.kit.conformance import running
from adapters.sandbox import seals
from adapters.sandbox.seals.picture import seal_picture
from adapters.upstreams.sd_seal import mapping
from e_seal import SealState
from e_seal.asn1.chain import is_signed_by
from e_seal.asn1.x509 import read_certificate
from e_seal.checks import check_seal
from e_seal.ses.read import read_seal, read_signature
from kernel.errors import UpstreamRejected
from kernel.gbcodes import parse_uscc

ALIVE = {
    "37000000000101": ("山东省交通运输厅", "11370000MB9000015A"),
    "37000000000103": ("山东省教育厅", "11370000MB90000310"),
    "37010000000104": ("济南市行政审批服务局", "11370100MB900004XW"),
    "37010000000105": ("济南市自然资源和规划局", "11370100MB9000058W"),
    "37010200000106": ("济南市历下区行政审批服务局", "11370102MB9000066L"),
    "37010200000107": ("济南市历下区卫生健康局", "11370102MB9000074F"),
    "37020200000108": ("青岛市市南区行政审批服务局", "11370202MB9000082F"),
    "37020000000109": ("青岛市人力资源和社会保障局", "11370200MB9000090D"),
    "37019000000110": ("济南高新技术产业开发区管理委员会", "11370190MB90001039"),
}
DIGEST = base64.b64encode(suite.digest_of("request-1")).decode()
SIGN = {
    "outUserId": "onewindow-sandbox",
    "dataType": "108",
    "sealId": suite.SEAL,
    "digest": DIGEST,
    "requestId": "request-1",
    "propertyInfo": suite.PATH,
}


@pytest.fixture
def ask(world, frozen_clock):
    """Return a way to post a body with right headers, some of them changed."""

    async def post(body: Any, *, late: float = 0, **changed: str | None) -> dict[str, Any]:
        time = mapping.timestamp(frozen_clock.now() - timedelta(seconds=late))
        secret = world.onboarding.secrets["app_secret"]
        headers: dict[str, str | None] = {
            **mapping.headers("onewindow", secret, time, "nonce_0001", body)
        }
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        answer = await world.browser.post(
            "/seal/api",
            content=json.dumps(body).encode(),
            headers={name: value for name, value in headers.items() if value is not None},
        )
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    return post


async def test_the_answers_are_in_the_dialect_s_envelope(ask):
    answer = await ask(SIGN)
    assert answer.keys() == {"success", "message", "errorCode", "errorMsg", "total", "data"}
    assert (answer["success"], answer["errorCode"], answer["total"]) == (True, "0", 1)
    (entry,) = answer["data"]
    signature = read_signature(base64.b64decode(entry["puchSignValue"]))
    assert base64.b64decode(entry["signValue"]) == signature.signature
    seal = await ask(SIGN | {"dataType": "101"})
    assert seal["data"][0].keys() == {"sealData", "index", "sealType", "sealStatus"}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"dataType": "109"}, "E2002"),
        ({"signForm": "pdf"}, "E2001"),
        ({"dataType": ""}, "E2002"),
        ({"outUserId": ""}, "E3002"),
        ({"outUserId": "nobody"}, "E3002"),
        ({"outUserId": "another-system"}, "E3002"),
        ({"sealId": ""}, "E3001"),
        ({"sealId": suite.NO_SEAL}, "E3001"),
        ({"sealId": suite.FROZEN_SEAL}, "E3003"),
        ({"sealId": suite.REVOKED_SEAL}, "E3004"),
        ({"digest": ""}, "E2003"),
        ({"digest": "00" * 32}, "E2003"),
        ({"digest": DIGEST[:-1]}, "E2003"),
        ({"digest": base64.b64encode(b"\x00" * 33).decode()}, "E2003"),
        ({"requestId": ""}, "E2001"),
        ({"requestId": "x" * 65}, "E2001"),
        ({"requestId": "请求"}, "E2001"),
        ({"propertyInfo": ""}, "E2001"),
        ({"propertyInfo": "Doc_0/Signature.xml"}, "E2001"),
        ({"propertyInfo": "/章"}, "E2001"),
        ({"dataType": "901", "requestId": "request-2"}, "E4002"),
        ({"dataType": "902", "sealId": suite.NO_SEAL}, "E3001"),
    ],
)
async def test_what_it_refuses(world, ask, changed, code):
    answer = await ask(SIGN | changed)
    assert (answer["success"], answer["errorCode"]) == (False, code)
    assert answer["data"] == []
    assert answer["errorMsg"]
    assert await suite.acts(world) == []


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"X_App_Id": None}, "E1001"),
        ({"X_App_Id": "somebody"}, "E1001"),
        ({"X_Sign": None}, "E1002"),
        ({"X_Sign": "00" * 32}, "E1002"),
        ({"X_Nonce": "nonce_0002"}, "E1002"),
        ({"X_Nonce": None}, "E1002"),
        ({"X_Timestamp": "now"}, "E1002"),
        ({"X_Timestamp": "1772424000001"}, "E1002"),
    ],
)
async def test_it_wants_to_know_who_asks(world, ask, headers, code):
    assert (await ask(SIGN, **headers))["errorCode"] == code
    assert await suite.acts(world) == []


async def test_a_changed_body_is_told_from_the_signed_one(world, ask, frozen_clock):
    secret = world.onboarding.secrets["app_secret"]
    signed = mapping.headers(
        "onewindow", secret, mapping.timestamp(frozen_clock.now()), "nonce_0001", SIGN
    )
    other = SIGN | {"digest": base64.b64encode(suite.digest_of("other")).decode()}
    answer = await world.browser.post("/seal/api", json=other, headers=signed)
    assert answer.json()["errorCode"] == "E1002"


@pytest.mark.parametrize(("late", "code"), [(300, "0"), (301, "E1003"), (-301, "E1003")])
async def test_a_message_is_good_for_five_minutes(ask, late, code):
    assert (await ask(SIGN, late=late))["errorCode"] == code


@pytest.mark.parametrize("body", [b"", b"[]", b'{"dataType": 108}', b"{broken", b"\xff"])
async def test_another_body_is_no_question(world, body):
    answer = await world.browser.post("/seal/api", content=body)
    assert answer.json()["errorCode"] == "E2001"


async def test_text_that_is_no_unicode_is_refused(world):
    answer = await world.browser.post(
        "/seal/api",
        content=b'{"outUserId": "\\ud800"}',
        headers={"X-App-Id": "onewindow", "X-Timestamp": "1" * 13, "X-Nonce": "n" * 8},
    )
    assert answer.json()["errorCode"] == "E1002"


async def test_every_seal_is_there_and_genuine(world, frozen_clock):
    now = frozen_clock.now()
    trust = suite.trust_of(world)
    (root,) = trust.anchors
    assert "SANDBOX" in (root.subject.get("CN") or "")
    serials = {root.serial}
    for code, (unit, credit_code) in ALIVE.items():
        record = await world.provider.get_seal(code)
        assert record.state is SealState.ACTIVE
        seal = read_seal(record.data)
        assert list(check_seal(seal, trust, moment=now, skew=timedelta(0))) == []
        assert (seal.code, seal.name, seal.version) == (code, unit, 4)
        assert seal.picture.data == seal_picture(unit)
        assert (seal.picture.width, seal.picture.height) == (42, 42)
        assert seal.signers[0].certificate is not None
        signer = read_certificate(seal.signers[0].certificate)
        assert signer.subject.attributes == (("C", "CN"), ("O", credit_code + unit), ("CN", code))
        assert is_signed_by(signer, root)
        assert signer.not_before <= now
        assert timedelta(days=0) <= signer.not_after - now - timedelta(days=5 * 365) < timedelta(3)
        serials.add(signer.serial)
    assert len(serials) == len(ALIVE) + 1


def test_codes_of_units_are_right():
    raw = tomllib.loads(resources.files(seals).joinpath("seals.toml").read_text("utf-8"))
    made = {one["code"]: (one["unit"], one["credit_code"]) for one in raw["seals"]}
    assert {code: made[code] for code in ALIVE} == ALIVE
    assert set(made) - set(ALIVE) == {suite.FROZEN_SEAL, suite.REVOKED_SEAL}
    for code, (_unit, credit_code) in made.items():
        assert re.fullmatch(r"37\d{12}", code)
        assert parse_uscc(credit_code).organisation_check_ok


async def test_a_restart_forgets_nothing(tmp_path, registry, frozen_clock):
    async def visit() -> tuple[Any, ...]:
        async with running("sd_seal", tmp_path, registry=registry, clock=frozen_clock) as world:
            return (
                [(await world.provider.get_seal(code)).data for code in ALIVE],
                await world.provider.sign_digest(suite.request(world)),
                world.onboarding.options["trust_anchors_pem"],
                world.onboarding.secrets,
                await suite.acts(world),
            )

    first = await visit()
    frozen_clock.advance(timedelta(days=30))
    assert await visit() == first


async def test_the_log_tells_every_use(world, frozen_clock):
    await world.provider.sign_digest(suite.request(world, "request-1"))
    frozen_clock.advance(timedelta(minutes=1))
    await world.provider.sign_digest(suite.request(world, "request-1"))
    await world.provider.sign_digest(suite.request(world, "request-2", seal_code=suite.OTHER_SEAL))
    shown = (await world.browser.get("/sim/acts")).json()
    assert shown["total"] == 2
    assert shown["counts"] == {"request-1": 1, "request-2": 1}
    assert [act["number"] for act in shown["acts"]] == [1, 2]
    first, second = shown["acts"]
    assert (first["sealId"], first["digest"]) == (suite.SEAL, suite.digest_of("request-1").hex())
    assert first["time"] == "2026-03-02T04:00:00+00:00"
    assert (second["sealId"], second["propertyInfo"]) == (suite.OTHER_SEAL, suite.PATH)


async def test_a_seal_past_its_term_signs_nothing(world, frozen_clock):
    frozen_clock.advance(timedelta(days=5 * 366))
    assert await world.provider.status(suite.SEAL) is SealState.EXPIRED
    with pytest.raises(UpstreamRejected) as told:
        await world.provider.sign_digest(suite.request(world))
    assert told.value.upstream_code == "E3005"
    # Frozen stays frozen, whatever the term.
    assert await world.provider.status(suite.FROZEN_SEAL) is SealState.FROZEN


async def test_the_time_signed_is_the_time_of_the_place(world, frozen_clock):
    frozen_clock.advance(timedelta(hours=5, milliseconds=700))
    signature = read_signature(await world.provider.sign_digest(suite.request(world)))
    assert signature.signed_at == frozen_clock.now().replace(microsecond=0)


@pytest.mark.parametrize("unit", [*(unit for unit, _ in ALIVE.values()), "省"])
def test_the_picture_is_a_round_red_seal(unit):
    picture = Image.open(io.BytesIO(seal_picture(unit)))
    assert (picture.format, picture.mode) == ("PNG", "RGBA")
    assert picture.width == picture.height
    assert len(seal_picture(unit)) < 64 * 1024
    alpha = picture.getchannel("A")
    middle = picture.width // 2
    # Empty corners, a star in the middle, a rim at the four ends.
    assert [alpha.getpixel(at) for at in ((3, 3), (3, picture.height - 4))] == [0, 0]
    assert alpha.getpixel((middle, middle)) == 255
    assert alpha.getpixel((middle, 8)) == 255
    assert alpha.getpixel((8, middle)) == 255
    colour = picture.getpixel((middle, middle))
    assert isinstance(colour, tuple)
    assert colour[0] > 200
    assert max(colour[1:3]) < 40


def test_each_unit_has_a_picture_of_its_own():
    assert len({seal_picture(unit) for unit, _ in ALIVE.values()}) == len(ALIVE)
