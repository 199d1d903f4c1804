"""The client on real sockets: what each thing that a network can do becomes, and how
often the server sees it.
"""

from __future__ import annotations

import asyncio
import gzip
from asyncio import StreamReader, StreamWriter
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from adapters.kit.deadline import deadline
from adapters.kit.telemetry import Outcome, trace_id
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)
from kernel.work import WorkHeldOpen, open_works
from tests.unit.kit.upstream import (
    answering,
    client,
    dropping,
    http,
    silent,
    upstream,
)

OK = http(b'{"a": 1.10}')
PAGE = http(b"<!DOCTYPE html><html></html>", kind="text/html")


async def test_a_good_answer_is_parsed_without_floats() -> None:
    async with upstream(answering(OK)) as up, client(up.port) as c:
        value = await c.client.request_json("ask", "GET", "/x", params={"q": "一"})
    assert value == {"a": Decimal("1.10")}
    assert isinstance(value["a"], Decimal)
    assert up.heads[0].startswith(b"GET /base/x?q=%E4%B8%80 HTTP/1.1")
    (record,) = c.records
    assert record.outcome is Outcome.OK
    assert record.sent is not None
    assert record.first_byte is not None
    assert record.queued <= record.sent <= record.first_byte <= record.done


async def test_an_unsafe_call_that_times_out_is_unknown_and_was_sent_once() -> None:
    async with upstream(silent) as up, client(up.port) as c:
        with pytest.raises(UpstreamOutcomeUnknown):
            await c.client.request("pay", "POST", "/pay", json={"n": 1})
    assert up.seen == 1
    assert [record.outcome for record in c.records] == [Outcome.OUTCOME_UNKNOWN]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_an_unsafe_call_whose_connection_breaks_is_unknown_whatever_its_method(
    method: str,
) -> None:
    async with upstream(dropping) as up, client(up.port) as c:
        with pytest.raises(UpstreamOutcomeUnknown):
            await c.client.request("pay", method, "/pay")
    assert up.seen == 1


async def test_the_http_library_repeats_nothing_by_itself_on_a_kept_connection() -> None:
    async with upstream(answering(OK)) as up, client(up.port) as c:
        await c.client.request("ask", "GET", "/warm")
        up.script = dropping
        with pytest.raises(UpstreamUnavailable):
            await c.client.request("ask", "GET", "/x")
    assert up.seen == 1 + 2


async def test_a_connection_that_closed_meanwhile_does_not_make_a_call_unknown() -> None:
    async def once(_head: bytes, _reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(OK)
        writer.close()

    async with upstream(once) as up, client(up.port) as c:
        for _ in range(5):
            await c.client.request("pay", "POST", "/x")
    assert up.seen == 5


async def test_a_refused_connection_is_unavailable_even_for_an_unsafe_call() -> None:
    async with upstream(silent) as up:
        port = up.port
    async with client(port) as c:
        with pytest.raises(UpstreamUnavailable):
            await c.client.request("pay", "POST", "/pay")
    assert c.records[0].sent is None


async def test_a_safe_call_is_repeated_once_and_then_answered() -> None:
    async with upstream(dropping) as up, client(up.port) as c:

        async def once_bitten(head: bytes, reader: StreamReader, writer: StreamWriter) -> None:
            await (dropping if up.seen == 1 else answering(OK))(head, reader, writer)

        up.script = once_bitten
        await c.client.request("ask", "GET", "/x")
    assert up.seen == 2
    assert [record.outcome for record in c.records] == [Outcome.UNAVAILABLE, Outcome.OK]


async def test_repetitions_are_limited_by_the_budget() -> None:
    async with upstream(dropping) as up, client(up.port) as c:
        # Two operations, so that no breaker opens before the budget is spent.
        for _ in range(4):
            for operation in ("ask", "other"):
                with pytest.raises(UpstreamUnavailable):
                    await c.client.request(operation, "GET", "/x")
    assert up.seen == 8 + 3


async def test_a_keyed_call_is_repeated_and_stays_unknown_when_the_repetition_is_refused() -> None:
    async def script(head: bytes, reader: StreamReader, writer: StreamWriter) -> None:
        await (dropping if up.seen == 1 else answering(http(b"", "403 No")))(head, reader, writer)

    async with upstream(script) as up, client(up.port) as c:
        with pytest.raises(UpstreamOutcomeUnknown):
            await c.client.request("keyed", "POST", "/x")
    assert up.seen == 2
    assert [r.outcome for r in c.records] == [Outcome.OUTCOME_UNKNOWN, Outcome.AUTH_FAILED]


@pytest.mark.parametrize(
    ("answer", "safe", "unsafe"),
    [
        (PAGE, UpstreamProtocolError, UpstreamOutcomeUnknown),
        (http(b"<html>"), UpstreamProtocolError, UpstreamOutcomeUnknown),
        (http(b'{"a": '), UpstreamProtocolError, UpstreamOutcomeUnknown),
        (http(b'{"a": NaN}'), UpstreamProtocolError, UpstreamOutcomeUnknown),
        (http(b"[" * 100_000), UpstreamProtocolError, UpstreamOutcomeUnknown),
        (http(b"\xff\xfe"), UpstreamProtocolError, UpstreamOutcomeUnknown),
        (http(b"", "500 No"), UpstreamUnavailable, UpstreamOutcomeUnknown),
        (http(b"", "503 No"), UpstreamUnavailable, UpstreamOutcomeUnknown),
        (http(b"", "503 No", extra="retry-after: 7\r\n"), UpstreamUnavailable, UpstreamUnavailable),
        (http(b"", "429 No"), UpstreamUnavailable, UpstreamUnavailable),
        (http(b"", "401 No"), UpstreamAuthFailed, UpstreamAuthFailed),
        (http(b"", "403 No"), UpstreamAuthFailed, UpstreamAuthFailed),
        (http(b'{"error":"invalid_grant"}', "400 No"), UpstreamRejected, UpstreamRejected),
        (OK[:-3], UpstreamUnavailable, UpstreamOutcomeUnknown),
        (b"rubbish\r\n\r\n", UpstreamProtocolError, UpstreamOutcomeUnknown),
        (
            http(b"no", extra="content-encoding: gzip\r\n"),
            UpstreamUnavailable,
            UpstreamOutcomeUnknown,
        ),
    ],
)
async def test_bad_answers(
    answer: bytes, safe: type[UpstreamError], unsafe: type[UpstreamError]
) -> None:
    async def script(_head: bytes, _reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with upstream(script) as up, client(up.port) as c:
        with pytest.raises(UpstreamError) as caught:
            await c.client.request_json("ask", "GET", "/x")
        assert type(caught.value) is safe
        before = up.seen
        with pytest.raises(UpstreamError) as caught:
            await c.client.request_json("pay", "POST", "/x")
        assert type(caught.value) is unsafe
    assert up.seen == before + 1


async def test_the_upstreams_own_code_and_its_invitation_are_passed_on() -> None:
    refusal = http(b'{"error":"invalid_grant"}', "400 No")
    async with upstream(answering(refusal)) as up, client(up.port) as c:
        with pytest.raises(UpstreamRejected) as caught:
            await c.client.request("pay", "POST", "/x")
        assert caught.value.upstream_code == "invalid_grant"
        up.script = answering(http(b"", "429 No", extra="retry-after: 7\r\n"))
        with pytest.raises(UpstreamUnavailable) as busy:
            await c.client.request("pay", "POST", "/x")
        assert busy.value.retry_after == 7


async def test_a_long_digit_string_is_not_taken_for_a_code() -> None:
    refusal = http(b'{"code":"370102199003071238"}', "400 No")
    async with upstream(answering(refusal)) as up, client(up.port) as c:
        with pytest.raises(UpstreamRejected) as caught:
            await c.client.request("pay", "POST", "/x")
    assert caught.value.upstream_code == "400"
    assert "3701" not in str(caught.value)


async def test_an_upstream_that_invites_us_back_soon_is_waited_for_and_later_is_not() -> None:
    async with upstream(answering(OK)) as up, client(up.port) as c:
        for seconds, requests in ((1, 2), (7, 1)):
            busy = http(b"", "429 No", extra=f"retry-after: {seconds}\r\n")
            up.script, before = answering(busy), up.seen
            with pytest.raises(UpstreamUnavailable):
                await c.client.request("ask", "GET", "/x")
            assert up.seen - before == requests


async def test_an_answer_longer_than_the_limit_is_not_read_to_its_end() -> None:
    bomb = gzip.compress(b" " * 1_000_000)
    for answer in (http(b" " * 10_000), http(bomb, extra="content-encoding: gzip\r\n")):
        async with upstream(answering(answer)) as up, client(up.port) as c:
            with pytest.raises(UpstreamProtocolError, match="more than 2048 bytes"):
                await c.client.request("small", "GET", "/x")


async def test_a_redirect_is_an_answer_and_cookies_do_not_travel() -> None:
    found = http(b"", "302 Found", extra="location: /elsewhere\r\nset-cookie: sid=1; path=/\r\n")
    async with upstream(answering(found)) as up, client(up.port) as c:
        answer = await c.client.request("ask", "GET", "/x")
        await c.client.request("ask", "GET", "/y")
    assert (answer.status, answer.headers["location"]) == (302, "/elsewhere")
    assert all(b"cookie" not in head.lower() for head in up.heads)


async def test_nothing_is_called_inside_a_unit_of_work() -> None:
    async with upstream(answering(OK)) as up, client(up.port) as c:
        token = open_works.set(1)
        try:
            with pytest.raises(WorkHeldOpen):
                await c.client.request("ask", "GET", "/x")
        finally:
            open_works.reset(token)
    assert up.seen == 0


async def test_the_deadline_of_the_request_ends_a_slow_call() -> None:
    loop = asyncio.get_running_loop()
    async with upstream(silent) as up, client(up.port) as c:
        began = loop.time()
        async with deadline(0.15):
            with pytest.raises(UpstreamUnavailable):
                await c.client.request("ask", "GET", "/x")
            assert loop.time() - began < 0.35
            with pytest.raises(UpstreamUnavailable, match="no time left"):
                await c.client.request("pay", "POST", "/x")
    assert up.seen == 1


async def test_an_outer_deadline_is_not_lengthened() -> None:
    async with upstream(silent) as up, client(up.port) as c, deadline(0.1), deadline(10):
        began = asyncio.get_running_loop().time()
        with pytest.raises(UpstreamOutcomeUnknown):
            await c.client.request("pay", "POST", "/x")
        assert asyncio.get_running_loop().time() - began < 0.35


async def test_a_dripping_answer_cannot_outlast_the_operation() -> None:
    async def script(_head: bytes, _reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(100):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with upstream(script) as up, client(up.port) as c:
        began = asyncio.get_running_loop().time()
        with pytest.raises(UpstreamOutcomeUnknown):
            await c.client.request("pay", "POST", "/x")
        assert asyncio.get_running_loop().time() - began < 1.5


async def test_a_slow_upstream_does_not_slow_another() -> None:
    limits = {"concurrency": 2, "per_second": 1000}
    async with (
        upstream(silent) as sick,
        upstream(answering(OK)) as well,
        client(sick.port, limits=limits) as slow,
        client(well.port, limits=limits) as fast,
    ):
        stuck = [asyncio.create_task(slow.client.request("pay", "POST", "/x")) for _ in range(40)]
        await asyncio.sleep(0.02)
        began = asyncio.get_running_loop().time()
        for _ in range(20):
            await fast.client.request("ask", "GET", "/x")
        assert asyncio.get_running_loop().time() - began < 0.5
        ended = await asyncio.gather(*stuck, return_exceptions=True)
    kinds = {type(one) for one in ended}
    assert kinds == {UpstreamOutcomeUnknown, UpstreamUnavailable}
    turned_away = [r for r in slow.records if r.outcome is Outcome.REFUSED]
    assert turned_away
    assert sick.seen == 40 - len(turned_away)


async def test_an_open_breaker_answers_at_once_and_says_when_to_return() -> None:
    async with upstream(answering(http(b"", "500 No"))) as up, client(up.port) as c:
        for _ in range(10):
            with pytest.raises(UpstreamOutcomeUnknown):
                await c.client.request("pay", "POST", "/x")
        with pytest.raises(UpstreamUnavailable, match="breaker open") as caught:
            await c.client.request("pay", "POST", "/x")
        assert caught.value.retry_after == 5
        assert up.seen == 10
        # Another operation of the same upstream has its own breaker.
        up.script = answering(OK)
        await c.client.request("ask", "GET", "/x")
        assert c.client.breakers["pay"] == "open"
        assert c.client.breakers["ask"] == "closed"


async def test_the_log_line_holds_neither_bodies_nor_addresses() -> None:
    token = trace_id.set("trace-1")
    try:
        async with upstream(answering(OK)) as up, client(up.port) as c:
            with capture_logs() as lines:
                await c.client.request("pay", "POST", "/x", form={"certNo": "370102199003071238"})
    finally:
        trace_id.reset(token)
    assert lines == [
        {
            "event": "upstream_call",
            "log_level": "info",
            "upstream": "test_upstream",
            "operation": "pay",
            "outcome": "ok",
            "ms": c.records[0].milliseconds,
            "attempt": 1,
            "status": 200,
            "trace_id": "trace-1",
        }
    ]
    assert b"x-trace-id: trace-1" in up.heads[0].lower()


@pytest.mark.parametrize("url", ["http://elsewhere/x", "//elsewhere/x", "/a/../../x"])
async def test_a_request_stays_below_the_base_address(url: str) -> None:
    async with client(1) as c:
        with pytest.raises(ValueError, match="below the base"):
            await c.client.request("ask", "GET", url)


async def test_an_operation_must_be_declared() -> None:
    async with client(1) as c:
        with pytest.raises(ValueError, match="'nosuch' is not in its manifest"):
            await c.client.request("nosuch", "GET", "/x")


async def test_a_cancelled_call_says_nothing_about_the_upstream() -> None:
    async with upstream(silent) as up, client(up.port) as c:
        for _ in range(12):
            task = asyncio.create_task(c.client.request("pay", "POST", "/x"))
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert c.client.breakers["pay"] == "closed"
    assert {record.outcome for record in c.records} == {Outcome.CANCELLED}
