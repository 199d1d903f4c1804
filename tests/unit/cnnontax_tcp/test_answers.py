"""Answers of the finance system that are no success, or no answer at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from adapters.kit.kit import ByteReader
from adapters.upstreams.cnnontax_tcp import wire
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)
from payments import UpstreamState
from tests.unit.cnnontax_tcp.support import PAY_CODE, adapter, seal
from tests.unit.cnnontax_tcp.test_adapter import bill

URL = "http://pay.example/qr?billId=1"


@dataclass
class Answering:
    """A client whose peer answers every frame with one voucher."""

    msg_no: str
    fields: dict[str, str]
    src: str = "F370000"
    ref: str = ""
    token: str = "sandbox-token-370000"
    damage: bytes = b""

    async def exchange(
        self, operation: str, frame: bytes, read: Callable[[ByteReader], Awaitable[bytes]]
    ) -> bytes:
        asked = wire.read_xml(wire.split_frame(frame).xml).head
        ref = self.ref or asked.msg_id
        head = wire.Head(self.src, "K3700000001", self.msg_no, "F1", ref, "20260302")
        xml = wire.write_xml(head, [wire.write_voucher(list(self.fields.items()))]) + self.damage
        return await read(_Bytes(wire.join_frame(self.msg_no, xml, seal(xml, self.token))))


@dataclass
class _Bytes:
    left: bytes

    async def exactly(self, count: int) -> bytes:
        found, self.left = self.left[:count], self.left[count:]
        return found


def result(code: str, information: str = "", to: str = "8994") -> dict[str, str]:
    return {"OriMsgNo": to, "Result": code, "Information": information}


async def test_an_accepted_bill() -> None:
    provider = adapter(client=Answering("5001", result("00000", URL)))
    assert (await provider.issue(bill())).pay_url == URL


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answering("5001", result("00000")), UpstreamOutcomeUnknown),
        (Answering("5001", result("00000", "操作成功")), UpstreamOutcomeUnknown),
        (Answering("5001", result("00000", "javascript:alert(1)")), UpstreamOutcomeUnknown),
        (Answering("5001", result("00000", "http://" + "x" * 500)), UpstreamOutcomeUnknown),
        (Answering("5001", result("00000", URL, "8997")), UpstreamOutcomeUnknown),
        (Answering("5997", result("00000", URL)), UpstreamOutcomeUnknown),
        (Answering("5001", result("00000", URL), ref="F9"), UpstreamOutcomeUnknown),
        (Answering("5001", result("00000", URL), src="F110000"), UpstreamOutcomeUnknown),
        (Answering("5001", result("00000", URL), token="x"), UpstreamOutcomeUnknown),
        (Answering("5001", result("00000", URL), damage=b"<x/>"), UpstreamOutcomeUnknown),
        (Answering("5001", result("")), UpstreamOutcomeUnknown),
        (Answering("5001", result("0")), UpstreamOutcomeUnknown),
        (Answering("5001", result("99999")), UpstreamOutcomeUnknown),
        (Answering("5001", result("31234")), UpstreamOutcomeUnknown),
        (Answering("5001", result("90001")), UpstreamAuthFailed),
        (Answering("5001", result("90004")), UpstreamAuthFailed),
        (Answering("5001", result("18012")), UpstreamRejected),
        (Answering("5001", result("20001")), UpstreamRejected),
    ],
)
async def test_48_what_is_not_the_acceptance_of_a_bill(
    answer: Answering, error: type[UpstreamError]
) -> None:
    with pytest.raises(UpstreamError) as raised:
        await adapter(client=answer).issue(bill())
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answering("5001", result("00000", URL, "8997")), UpstreamProtocolError),
        (Answering("5001", result("99999", "", "8997")), UpstreamUnavailable),
        (Answering("5001", result("18012", "", "8997")), UpstreamRejected),
        (Answering("5997", {"PayCode": "3" * 20, "PayStats": "1"}), UpstreamProtocolError),
        (Answering("5997", {"PayCode": PAY_CODE, "PayStats": "1"}), UpstreamProtocolError),
        (Answering("5997", {}, token="x"), UpstreamAuthFailed),
    ],
)
async def test_48_what_is_not_the_state_of_a_bill(
    answer: Answering, error: type[UpstreamError]
) -> None:
    with pytest.raises(UpstreamError) as raised:
        await adapter(client=answer).query(PAY_CODE)
    assert type(raised.value) is error


async def test_an_unknown_code_is_counted() -> None:
    unknown: list[tuple[str, str]] = []
    provider = adapter(unknown, client=Answering("5001", result("31234")))
    with pytest.raises(UpstreamOutcomeUnknown):
        await provider.void(bill())
    assert unknown == [("Result", "31234")]


async def test_a_bill_that_is_not_there() -> None:
    provider = adapter(client=Answering("5001", result("20004", "", "8997")))
    assert (await provider.query(PAY_CODE)).state is UpstreamState.NOT_FOUND
