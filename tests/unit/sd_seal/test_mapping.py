"""Base64, states, the header signature and the tables: everything listed, nothing guessed."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.upstreams.sd_seal import mapping
from adapters.upstreams.sd_seal.mapping import Malformed, UnknownCode
from adapters.upstreams.sd_seal.options import ERROR_CODES, SEAL_STATES, Meaning
from adapters.upstreams.sd_seal.wire import DataType, ErrorCode, Request, SealStatus
from e_seal import SealState

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FIELDS = st.dictionaries(WORDS, WORDS, max_size=5)


@given(st.binary(min_size=1, max_size=200))
def test_bytes_come_back(data):
    assert mapping.decoded(mapping.encoded(data)) == data


@given(st.text(alphabet="AQgw+/=-_ \n章", max_size=9))
@example("AAAA=")
@example("AAAA====")
def test_base64_is_read_or_refused(text):
    try:
        data = mapping.decoded(text)
    except Malformed:
        data = b""
    plain = "".join(text.split())
    # The last four characters may hold bits that say nothing.
    assert not data or base64.b64encode(data)[:-4].decode() == plain[:-4]
    assert len(data) * 4 <= len(plain) * 3


@given(FIELDS, FIELDS)
def test_two_bodies_have_two_signing_texts(left, right):
    texts = {mapping.signing_text("a", "1", "n", fields) for fields in (left, right)}
    assert len(texts) == (1 if left == right else 2)


@given(FIELDS)
def test_the_body_can_be_read_back_from_the_signing_text(fields):
    head, body = mapping.signing_text("app", "17", "nonce", fields).split("{", 1)
    assert head == "app\n17\nnonce\n"
    assert json.loads("{" + body) == fields


@given(st.text(min_size=1, max_size=80).filter(str.isascii), WORDS)
def test_the_signature_is_hmac_sm3(secret, text):
    wanted = hmac.new(secret.encode(), text.encode(), "sm3").hexdigest()
    assert mapping.sign(text, secret) == wanted


def test_a_time_is_told_in_milliseconds():
    moment = datetime(1970, 1, 1, 8, 0, 1, 999_999, tzinfo=UTC) - timedelta(hours=8)
    assert mapping.timestamp(moment) == "1999"
    with pytest.raises(ValueError, match="zone"):
        mapping.timestamp(moment.replace(tzinfo=None))


def test_every_error_code_has_a_meaning():
    assert set(ERROR_CODES) == set(ErrorCode) - {ErrorCode.OK}
    assert set(ERROR_CODES.values()) == set(Meaning)


def test_every_status_has_a_state():
    assert set(SEAL_STATES) == set(SealStatus)
    assert set(SEAL_STATES.values()) == set(SealState) - {
        SealState.UNKNOWN,
        SealState.REVOKED_LATER,
    }


@given(st.text(max_size=5).filter(lambda raw: raw not in SEAL_STATES))
def test_an_unlisted_status_is_told(raw):
    with pytest.raises(UnknownCode) as told:
        mapping.state(raw, SEAL_STATES)
    assert (told.value.field, told.value.code) == ("sealStatus", raw)


def test_without_additions_the_four_fields_of_the_dialect_are_sent():
    request = Request(outUserId="u", dataType=DataType.SIGN, sealId="s", digest="d")
    assert request.fields() == {"outUserId": "u", "dataType": "108", "sealId": "s", "digest": "d"}
