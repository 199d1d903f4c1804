"""Requests and answers as bytes: what is written is read, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel import httptext

AT = datetime(2026, 1, 15, 7, 3, 5, 123000, tzinfo=UTC)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True).filter(
    lambda name: name != httptext.RECEIVED
)
VALUES = st.from_regex(r"[\x20-\x7e]{0,50}", fullmatch=True)


@given(st.dictionaries(NAMES, VALUES, max_size=6), st.binary(max_size=200))
def test_a_request_survives(headers: dict[str, str], body: bytes) -> None:
    request = httptext.Request("POST", "/callbacks/nontax/370000?x=1", headers, body, AT)
    assert httptext.read_request(httptext.write_request(request)) == request


@given(st.integers(100, 599), st.dictionaries(NAMES, VALUES, max_size=6), st.binary(max_size=200))
def test_an_answer_survives(status: int, headers: dict[str, str], body: bytes) -> None:
    response = httptext.Response(status, headers, body)
    assert httptext.read_response(httptext.write_response(response)) == response


def test_only_the_receiver_says_when_it_came() -> None:
    said = str(round((AT - timedelta(days=1)).timestamp() * 1000))
    request = httptext.Request("POST", "/x", {"X-OneWindow-Received": said}, b"", AT)
    assert httptext.read_request(httptext.write_request(request)).received_at == AT


def test_headers_that_cannot_be_told_are_left_out() -> None:
    headers = {"good": "1", "bad name": "2", "bad-value": "3\r\nforged: 4", "词": "5"}
    request = httptext.Request("POST", "/x", headers, b"", AT)
    assert httptext.read_request(httptext.write_request(request)).headers == {"good": "1"}


@given(st.binary(max_size=120))
def test_no_bytes_crash_the_readers(raw: bytes) -> None:
    for read in (httptext.read_request, httptext.read_response):
        with pytest.raises(httptext.NotHttpText):
            read(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /x HTTP/1.1\r\n\r\n",
        b"POST x HTTP/1.1\r\nx-onewindow-received: 1\r\n\r\n",
        b"POST /x HTTP/1.1\r\nx-onewindow-received: 1\r\nx-onewindow-received: 2\r\n\r\n",
        b"POST /x HTTP/1.1\r\nx-onewindow-received: now\r\n\r\n",
        b"POST /x HTTP/1.1\r\nx-onewindow-received\r\n\r\n",
        "POST /x HTTP/1.1\r\na: 词\r\n\r\n".encode(),
        b"HTTP/1.1 200",
    ],
)
def test_malformed_requests(raw: bytes) -> None:
    with pytest.raises(httptext.NotHttpText):
        httptext.read_request(raw)
