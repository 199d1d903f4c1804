"""Signed headers: what is believed, what is refused, and keys that change; no network."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.dialects.cfx import Head, read_xml, write_voucher, write_xml
from adapters.kit.kit import Kit
from adapters.kit.manifest import load
from adapters.upstreams import cnnontax_http
from adapters.upstreams.cnnontax_http import signature, wire
from adapters.upstreams.cnnontax_http.adapter import CnNontaxHttp, create
from adapters.upstreams.cnnontax_http.options import Options
from kernel import httptext
from kernel.clock import FrozenClock
from kernel.ids import SequentialIds
from payments import PaymentFact, PushRefused
from tests.unit.cnnontax_tcp.support import OPTIONS, PUSH_FIELDS, NoNetwork
from tests.unit.payments.fakes import START

KEY = "sandbox-token-370000"
PATH = "/callbacks/nontax/370000"
NONCE = "9f1c2d3e4b5a6978"
CHOSEN = {
    **{name: value for name, value in OPTIONS.items() if not name.startswith("tcp_")},
    "base_url": "http://finance.example/nontax",
}


def adapter(keys: str = f"k1={KEY}", **options: Any) -> CnNontaxHttp:
    kit = Kit(
        manifest=load(Path(cnnontax_http.__file__).parent / "manifest.toml"),
        client=NoNetwork(),
        secrets={"keys": keys, "sign_key": "1" * 64},
        clock=FrozenClock(START),
        ids=SequentialIds(),
        unknown=lambda _name, _code: None,
    )
    return create(Options(**{**CHOSEN, **options}), kit)


def body(**changes: str) -> bytes:
    head = Head("F370000", "K3700000001", "5996", "F2026011500000002", "F2", "20260115")
    return write_xml(head, [write_voucher(list({**PUSH_FIELDS, **changes}.items()))])


def push(
    content: bytes | None = None,
    *,
    key_id: str = "k1",
    key: str = KEY,
    nonce: str = NONCE,
    sent: datetime = START,
    at: datetime = START,
    path: str = PATH,
    method: str = "POST",
    headers: dict[str, str] | None = None,
) -> bytes:
    content = body() if content is None else content
    made = signature.headers_of(signature.Key(key_id, key), "POST", PATH, sent, nonce, content)
    request = httptext.Request(method, path, {**made, **(headers or {})}, content, at)
    return httptext.write_request(request)


def result_of(answer: bytes) -> str:
    response = httptext.read_response(answer)
    signature.require_signed({"k1": KEY}, "200", PATH, response.headers, response.body, START)
    message = read_xml(response.body)
    assert (response.status, message.head.msg_no) == (200, "8001")
    return message.voucher["Result"]


def refusal(raw: bytes, provider: CnNontaxHttp | None = None) -> str:
    with pytest.raises(PushRefused) as refused:
        (provider or adapter()).decode_push(raw)
    assert result_of(refused.value.answer) == refused.value.upstream_code
    return refused.value.upstream_code


def test_the_worked_signature() -> None:
    made = signature.sign(KEY, "POST", PATH, "1768460585", NONCE, b'{"a":1}')
    assert made == "dfdaa53374088ba65a6e85a28de092aa632ba24be8f173769d90f60429ea98bc"


def test_a_signed_push_is_read_and_acknowledged() -> None:
    provider = adapter()
    read = provider.decode_push(push())
    assert isinstance(read.fact, PaymentFact)
    assert (read.fact.pay_code, read.fact.amount_fen) == ("37000026100000000017", 8000)
    assert result_of(provider.acknowledge(read, ok=True)) == "00000"
    assert result_of(provider.acknowledge(read, ok=False)) == "20004"


@pytest.mark.parametrize("seconds", [-300, 300])
def test_20_times_at_the_edge_are_taken(seconds: int) -> None:
    adapter().decode_push(push(sent=START + timedelta(seconds=seconds)))


@pytest.mark.parametrize("seconds", [-86_400, -301, 301])
def test_20_other_times_are_refused_before_all_else(seconds: int) -> None:
    sent = START + timedelta(seconds=seconds)
    assert refusal(push(sent=sent)) == "90005"
    assert refusal(push(b"<nothing/>", sent=sent, key="another")) == "90005"


def test_what_was_fresh_on_arrival_stays_so_when_it_is_worked_off() -> None:
    long_ago = START - timedelta(days=2)
    provider = adapter()
    raw = push(sent=long_ago, at=long_ago)
    assert provider.decode_push(raw).fact == provider.decode_push(raw).fact


def test_20_a_nonce_is_good_for_one_arrival() -> None:
    provider = adapter()
    provider.decode_push(push())
    assert refusal(push(at=START + timedelta(seconds=1)), provider) == "90005"
    provider.decode_push(push(nonce="a" * 16))


def test_a_moment_of_arrival_from_outside_is_overwritten() -> None:
    old = START - timedelta(days=1)
    said = str(round(old.timestamp() * 1000))
    raw = push(sent=old, headers={httptext.RECEIVED: said, "X-OneWindow-Received": said})
    assert refusal(raw) == "90005"


@pytest.mark.parametrize(
    "raw",
    [
        push(key="another key"),
        push(key_id="k9"),
        push(headers={wire.SIGNATURE: "v1=" + "0" * 64}),
        push(headers={wire.SIGNATURE: "v2=" + "0" * 64}),
        push(headers={wire.SIGNATURE: ""}),
        push(headers={wire.NONCE: "short"}),
        push(headers={wire.TIMESTAMP: "now"}),
        push() + b" ",
        push().replace(b"K3700000001", b"K3700000002"),
    ],
    ids=["key", "key id", "zeros", "v2", "none", "nonce", "time", "longer body", "other body"],
)
def test_18_what_is_not_signed_is_refused(raw: bytes) -> None:
    assert refusal(raw) == "90001"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "90002"),
        (push(method="GET"), "90002"),
        (push(path="/callbacks/nontax/370100"), "90002"),
        (push(b"<CFX/>"), "90002"),
        (push(b" " * 70_000), "90003"),
        (push(body(Amt="80.005")), "90002"),
        (push(body().replace(b"F370000", b"F110000")), "90004"),
    ],
    ids=["empty", "method", "path", "document", "too long", "amount", "stranger"],
)
def test_signed_nonsense_is_refused(raw: bytes, code: str) -> None:
    assert refusal(raw) == code


def test_47_an_old_key_is_taken_until_its_end_and_no_longer() -> None:
    keys = f"k2=the new key;k1={KEY}"
    end = START + timedelta(seconds=10)
    provider = adapter(keys, key_until={"k1": end})
    provider.decode_push(push())
    provider.decode_push(push(key_id="k2", key="the new key", nonce="b" * 16))
    late = START + timedelta(seconds=11)
    with pytest.raises(PushRefused) as refused:
        provider.decode_push(push(sent=late, at=late, nonce="c" * 16))
    assert refused.value.upstream_code == "90001"
    answer = httptext.read_response(refused.value.answer)
    assert answer.headers[wire.KEY_ID] == "k2"


@pytest.mark.parametrize(
    "text", ["", "k1", "k1=short", "=no name here", "a=12345678;b=12345678;c=12345678", "a=1"]
)
def test_keys_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="key"):
        signature.parse_keys(text)


def test_keys_are_not_shown() -> None:
    assert KEY not in repr(signature.parse_keys(f"k1={KEY}"))
