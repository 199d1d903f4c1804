"""What else a platform can send: other people's licences, other codings, other sizes; and the
consent's sealed reference.
"""

import asyncio
import json
import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from starlette.responses import JSONResponse

from adapters.kit.conformance import e_license as suite
from adapters.sandbox.server import http_server, listening
from adapters.upstreams.sd_certshare.options import Options
from adapters.upstreams.sd_certshare.reference import Consent
from adapters.upstreams.sd_certshare.sealed import opened
from adapters.upstreams.sd_certshare.share import Share
from e_license import (
    Agreement,
    AnswerStatus,
    ClaimedFace,
    ConsentStatus,
    Holder,
    IdDocType,
    InvalidPurpose,
    LicenceNotSupported,
    LicenceState,
)
from kernel.crypto import sm2
from kernel.errors import UpstreamProtocolError, UpstreamRejected
from kernel.gbcodes import CheckVerdict
from tests.unit.sd_certshare.canned import KEY, Canned, kit_of, ok, provider, sealed

PURPOSE = suite.purpose()
CARD = {
    "cert_identifier": "1.2.156.3005.2.11100000000013127D001.370102.20200307000000000001.001.Q",
    "czzt": "张明轩",
    "czztdm": suite.ZHANG.code,
    "zzyxqjzrq": "长期",
}


@pytest.fixture
def manifest(registry):
    return registry.manifest("sd_certshare")


def faces(*found: Any):
    return ok({"certData": sealed(list(found))})


async def test_the_licence_of_another_person_is_refused(manifest):
    share, _ = provider(Canned(faces(CARD | {"czztdm": suite.LI.code})), manifest)
    with pytest.raises(UpstreamProtocolError, match="another holder") as told:
        await share.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
    assert suite.LI.code not in str(told.value)


@pytest.mark.parametrize("joint", ["{0},{1}", "{1}、{0}", "{1};{0}", " {0} "])
async def test_a_joint_holder_is_a_holder(manifest, joint):
    named = joint.format(suite.ZHANG.code, suite.LI.code)
    share, _ = provider(Canned(faces(CARD | {"czztdm": named})), manifest)
    answer = await share.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
    assert answer.licences[0].holder_code == named


async def test_another_licence_than_the_one_asked_for_is_refused(manifest):
    share, _ = provider(Canned(ok({"certData": sealed(CARD)})), manifest)
    with pytest.raises(UpstreamProtocolError, match="another licence"):
        await share.fetch(suite.NO_LICENCE, PURPOSE)


@pytest.mark.parametrize("layers", [1, 2])
async def test_json_in_json_is_read(manifest, layers):
    inner, outer = json.dumps([CARD]), json.dumps(faces(CARD))
    for _ in range(layers - 1):
        inner, outer = json.dumps(inner), json.dumps(outer)
    for body in (ok({"certData": sealed(inner.encode())}), outer):
        share, _ = provider(Canned(body), manifest)
        answer = await share.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
        assert answer.licences[0].valid_to is None


@pytest.mark.parametrize("order", ["C1C2C3", "C1C3C2"])
async def test_both_orders_are_read_when_they_are_set(manifest, order):
    body = ok({"certData": sealed([CARD], sm2.Order(order))})
    share, _ = provider(Canned(body), manifest, ciphertext_order=order)
    assert (await share.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)).licences


async def test_decryption_leaves_the_event_loop_free(manifest):
    threads: set[str] = set()

    def noted(ciphertext: str, key: sm2.PrivateKey, order: str) -> Any:
        threads.add(threading.current_thread().name)
        return opened(ciphertext, key, order)

    options = Options(base_url="http://127.0.0.1", access_id="a", system_name="一窗")
    desk = Share(options, kit_of(Canned(None), manifest), sm2.PrivateKey.from_hex(KEY), noted)
    assert await desk.whole(sealed({"a": "1"}), TypeAdapter(dict[str, str])) == {"a": "1"}
    assert threads
    assert threading.main_thread().name not in threads


@pytest.mark.parametrize("text", ["2026-11-23", "20261123", "2026年11月23日"])
async def test_every_form_of_an_end_is_read(manifest, text):
    share, _ = provider(Canned(faces(CARD | {"zzyxqjzrq": text})), manifest)
    answer = await share.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
    assert answer.licences[0].valid_to == date(2026, 11, 23)


@pytest.mark.parametrize("name", ["王䶮", "㛃", "𠮷田", "阿依夏木·吐尔逊"])
async def test_rare_characters_arrive(manifest, name):
    share, _ = provider(Canned(faces(CARD | {"czzt": name})), manifest)
    answer = await share.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)
    assert answer.licences[0].holder_name == name


async def test_a_wrong_check_character_is_a_warning(manifest):
    wrong = CARD["cert_identifier"][:-1] + "A"
    share, _ = provider(Canned(faces(CARD | {"cert_identifier": wrong})), manifest)
    (licence,) = (await share.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)).licences
    assert licence.identifier_check is CheckVerdict.MISMATCH
    assert licence.state is LicenceState.VALID


async def test_face_data_of_ten_megabytes_are_refused_while_they_are_read(world):
    big = JSONResponse(ok({"certData": "04" * 5_000_000}))
    sock = listening("127.0.0.1", 0, "a platform that sends too much")
    async with http_server(big, sock):
        world.reconnect(base_url=f"http://127.0.0.1:{sock.getsockname()[1]}")
        with pytest.raises(UpstreamProtocolError, match="more than 2097152 bytes"):
            await world.provider.find(suite.ZHANG, suite.IDENTITY_CARD, PURPOSE)


async def test_the_wrong_holder_type_is_rejected_by_the_platform(world):
    passport = Holder(IdDocType.PASSPORT, suite.ZHANG.code)
    answer = await world.provider.find(passport, suite.IDENTITY_CARD, PURPOSE)
    assert answer.status is AnswerStatus.NOT_FOUND


@pytest.mark.parametrize("status", [2, 13])
async def test_what_is_not_offered_is_told(manifest, status):
    share, _ = provider(Canned({"head": {"status": status}, "data": {}}), manifest)
    found = await share.verify_file(suite.DEED, b"x", PURPOSE)
    assert (found.agreement, found.upstream_status) == (Agreement.NOT_OFFERED, str(status))
    for asked in (
        share.dictionary(suite.DEED),
        share.copy("x", PURPOSE, "image/png"),
        share.documents(suite.ZHANG, suite.DEED, PURPOSE),
    ):
        with pytest.raises(LicenceNotSupported):
            await asked


async def test_an_unknown_result_of_a_verification_is_counted(manifest):
    share, unknown = provider(Canned(ok(sealed({"result": 8}))), manifest)
    with pytest.raises(UpstreamProtocolError):
        await share.verify(suite.DEED, ClaimedFace(suite.ZHANG, "张明轩", "1"), PURPOSE)
    assert unknown == [("result", "8")]


@pytest.mark.parametrize("content", ["not base64!", "aGVsbG8=", {"content": "UEsDBA=="}])
async def test_a_copy_that_is_no_picture_is_refused(manifest, content):
    share, _ = provider(Canned(ok(sealed(content))), manifest)
    with pytest.raises(UpstreamProtocolError):
        await share.copy("x", PURPOSE, "image/png")


@pytest.mark.parametrize("status", [0, 60001])
async def test_both_statuses_begin_a_consent(manifest, status):
    body = {"head": {"status": status}, "data": sealed({"trxId": "t-1"})}
    share, _ = provider(Canned(body), manifest)
    begun = await share.begin_consent("code", [suite.DEED], PURPOSE)
    assert begun.reference.startswith("t-1.")
    assert "t-1" not in repr(begun)


@pytest.mark.parametrize("trx", ["", "a/b", "x" * 65, "张"])
async def test_a_trx_of_another_form_is_refused(manifest, trx):
    share, _ = provider(Canned(ok(sealed({"trxId": trx}))), manifest)
    with pytest.raises(UpstreamProtocolError):
        await share.begin_consent("code", [suite.DEED], PURPOSE)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("1", ConsentStatus.PENDING),
        (1, ConsentStatus.PENDING),
        ("2", ConsentStatus.AUTHORISED),
        ("3", ConsentStatus.DENIED),
        ("", ConsentStatus.DENIED),
    ],
)
async def test_whatever_is_not_yet_or_yes_is_no(manifest, said, status):
    begun, _ = provider(Canned(ok(sealed({"trxId": "t-1"}))), manifest)
    reference = (await begun.begin_consent("code", [suite.DEED], PURPOSE)).reference
    share, _ = provider(Canned(ok(sealed({"verifyStatus": said}))), manifest)
    assert await share.consent(reference) is status


async def test_a_consent_ends_after_120_seconds_without_asking(world, frozen_clock):
    code = await world.browser.post(
        "/sim/qrcode", json={"holder": suite.ZHANG.code, "holder_type": "111"}
    )
    begun = await world.provider.begin_consent(
        code.json()["qrcode"], [suite.IDENTITY_CARD], PURPOSE
    )
    frozen_clock.advance(timedelta(seconds=121))
    calls = len(world.calls)
    assert await world.provider.consent(begun.reference) is ConsentStatus.EXPIRED
    answer = await world.provider.find_by_consent(begun.reference, suite.IDENTITY_CARD, PURPOSE)
    assert (answer.status, answer.reason) == (AnswerStatus.DENIED, "EXPIRED")
    assert len(world.calls) == calls
    with pytest.raises(UpstreamRejected):
        await world.provider.begin_consent("old", [suite.IDENTITY_CARD], PURPOSE)


@pytest.mark.parametrize("reference", ["", "t-1", "t-1.1.00", "t-1.1700000000." + "g" * 32])
async def test_a_reference_that_nobody_made_opens_nothing(manifest, reference):
    share, _ = provider(Canned(None), manifest)
    with pytest.raises(InvalidPurpose):
        await share.consent(reference)
    with pytest.raises(InvalidPurpose):
        await share.find_by_consent(reference, suite.DEED, PURPOSE)


@given(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True), st.text(max_size=64))
def test_a_reference_belongs_to_one_case_and_one_end(trx, case):
    now = datetime(2026, 11, 23, 1, 2, 3, 4, UTC)
    made = Consent.begun(trx, now, 120, "key", case)
    read = Consent.read(made.reference)
    assert read == made
    assert read.is_of("key", case)
    assert not read.is_of("key", case + "x")
    assert not read.is_of("kex", case)
    later = Consent(made.trx, made.ends + timedelta(seconds=1), made.seal)
    assert not later.is_of("key", case)
    assert len(made.reference) <= 128


async def test_files_are_fetched_together(world):
    files = await asyncio.gather(
        *(world.provider.documents(suite.WANG, suite.DEED, PURPOSE) for _ in range(3))
    )
    assert all(found == files[0] for found in files)
