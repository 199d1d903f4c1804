"""The simulated platform: what it refuses, what it encrypts, and how long its addresses live."""

import io
import json
import tomllib
import zipfile
from datetime import date, timedelta
from importlib.resources import files
from typing import Any

import pytest
from PIL import Image

from adapters import sandbox
from adapters.kit.conformance import e_license as suite
from adapters.sandbox.licence_files import ofd_file, png_file
from kernel.crypto import sm2
from kernel.gbcodes import CheckVerdict, licence_verdict, parse_citizen_id, parse_uscc

CAUSE = {
    "certificateSystemName": "s",
    "certificateCopyCause": "c",
    "certificateCallCategory": "0",
    "certificateMatterName": "m",
    "certificateEventCode": "e",
}
BY_HOLDER = {
    "holderCode": suite.ZHANG.code,
    "holderTypeCode": "111",
    "certTypeCode": suite.IDENTITY_CARD,
    "useCause": CAUSE,
}


@pytest.fixture
def ask(world):
    async def post(
        data: Any, operation: str = "queryCertInfoByHolderCode", **head: Any
    ) -> dict[str, Any]:
        account = {
            "accessId": world.onboarding.options["access_id"],
            "accessToken": world.onboarding.secrets["access_token"],
        }
        answer = await world.browser.post(
            f"/CertShare/{operation}", json={"head": account | head, "data": data}
        )
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    return post


def opened(world, ciphertext: str) -> Any:
    key = sm2.PrivateKey.from_pem(world.onboarding.secrets["private_key"])
    return json.loads(sm2.decrypt(key, bytes.fromhex(ciphertext), sm2.Order.C1C2C3))


async def test_only_the_cert_data_of_a_query_is_encrypted(world, ask):
    answer = await ask(BY_HOLDER)
    assert answer["head"]["status"] == 0
    assert answer["data"].keys() == {"certData"}
    assert answer["data"]["certData"].startswith("04")
    (face,) = opened(world, answer["data"]["certData"])
    assert face["gmsfhm"] == suite.ZHANG.code
    assert suite.ZHANG.code not in json.dumps(answer)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"holderCode": ""}, 12),
        ({"holderTypeCode": None}, 12),
        ({"certTypeCode": ""}, 12),
        ({"useCause": ""}, 12),
        ({"useCause": CAUSE | {"certificateCopyCause": " "}}, 12),
        ({"useCause": {"certificateCopyCause": "c"}}, 12),
        ({"holderCode": 5}, 102),
        ({"useCause": CAUSE | {"certificateCopyCause": "长" * 201}}, 102),
        ({"useCause": "长" * 201}, 102),
        ({"useCause": CAUSE | {"certificateCallCategory": "2"}}, 102),
        ({"useCause": "{broken"}, 102),
        ({"holderTypeCode": "112"}, 103),
        ({"certTypeCode": "11100000000013338W001"}, 13),
        ({"certTypeCode": suite.NOT_GRANTED}, 100),
        ({"certNo": "another"}, 10),
        ({"holderTypeCode": "414"}, 10),
        ({"useCause": json.dumps(CAUSE)}, 0),
        ({"useCause": "长" * 200}, 0),
        ({"certNo": suite.ZHANG.code}, 0),
    ],
)
async def test_what_it_refuses(ask, changed, status):
    answer = await ask(BY_HOLDER | changed)
    assert answer["head"]["status"] == status
    if status:
        assert answer["data"] == {}


@pytest.mark.parametrize("head", [{"accessToken": "x"}, {"accessId": "x"}, {"accessToken": None}])
async def test_it_wants_credentials(ask, head):
    assert (await ask(BY_HOLDER, **head))["head"]["status"] == 11


async def test_an_operation_that_it_does_not_offer(world):
    assert (await world.browser.post("/CertShare/getEverything", json={})).status_code == 404
    assert (await world.browser.post("/CertShare/queryCertInfo", content=b"[")).json()["head"][
        "status"
    ] == 102


async def test_an_address_lives_600_seconds(world, ask, frozen_clock):
    identifier = "1.2.156.3005.2.11100000MB0143028R001.370100.A1B2C3D4E5F6G7H8J9K0.002.2"
    data = {"certIdentifier": identifier, "useCause": CAUSE}
    answer = await ask(data, "downloadUrl")
    address = opened(world, answer["data"])["content"]
    assert address.startswith("/")
    frozen_clock.advance(timedelta(seconds=599))
    assert (await world.browser.get(address)).status_code == 200
    frozen_clock.advance(timedelta(seconds=1))
    assert (await world.browser.get(address)).status_code == 404
    assert (await world.browser.get(address + "x")).status_code == 404


async def test_the_account_is_opened_once(world):
    module = world.registry.simulator_of("sd_certshare")
    assert module.provision(world.place) == world.onboarding


def test_the_sample_is_made_of_right_numbers():
    sample = tomllib.loads(files(sandbox).joinpath("licences.toml").read_text("utf-8"))
    verdicts = []
    for licence in sample["licences"]:
        if licence["holder_type"] == "111":
            parse_citizen_id(licence["holder"], today=date(2026, 1, 1))
        else:
            parse_uscc(licence["holder"])
        verdicts.append(licence_verdict(licence["identifier"]))
        parse_uscc(licence["type"][:18])
    assert verdicts.count(CheckVerdict.MISMATCH) == 1
    assert verdicts.count(CheckVerdict.OK) == len(verdicts) - 1
    identifiers = [licence["identifier"] for licence in sample["licences"]]
    assert len(set(identifiers)) == len(identifiers)


def test_the_files_are_what_they_say():
    package = zipfile.ZipFile(io.BytesIO(ofd_file("营业<执照", "1.2")))
    assert package.testzip() is None
    assert package.namelist() == [
        "OFD.xml",
        "Doc_0/Document.xml",
        "Doc_0/Pages/Page_0/Content.xml",
    ]
    assert ofd_file("a", "1.2") == ofd_file("a", "1.2") != ofd_file("a", "1.3")
    with Image.open(io.BytesIO(png_file())) as picture:
        picture.load()
        assert picture.size == (32, 32)
