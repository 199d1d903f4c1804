"""The fault knobs of payments (§12.4 of the sandbox contract), at ``/sim/faults`` with a ``match``.

A rule without ``match`` is one of the general knobs of adapters.sandbox.faults, which the drills of
every port use; both kinds live behind one address.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.sandbox.faults import Faults, FaultyApp
from adapters.sandbox.finance.codes import PUSHES


class Act(StrEnum):
    """What goes wrong; ``value`` is what the comment says, 1 unless given."""

    DELAY_MS = "delay_ms"  # value: milliseconds before the answer, or before the push
    DROP_RESPONSE_AFTER_COMMIT = "drop_response_after_commit"
    DROP_BEFORE_COMMIT = "drop_before_commit"
    DUPLICATE = "duplicate"  # value: how often more
    REORDER = "reorder"  # a push waits until a later one was delivered
    WRONG_MAC = "wrong_mac"
    WRONG_AMOUNT = "wrong_amount"  # value: off by so many 分
    STALE_STATUS = "stale_status"
    HTML_200 = "html_200"
    SPLIT_TCP = "split_tcp"  # single bytes
    OVERSIZE = "oversize"  # value: announced bytes, 10 MB unless given
    RST = "rst"
    CLOCK_SKEW = "clock_skew"  # value: seconds
    NO_PUSH = "no_push"
    PUSH_BEFORE_RESPONSE = "push_before_response"
    DOUBLE_PAY = "double_pay"
    LATE_PAY = "late_pay"
    RECON_OMIT = "recon_omit"
    RECON_EXTRA = "recon_extra"
    RECON_AMOUNT = "recon_amount"  # value: off by so many 分
    RECON_TRUNCATE = "recon_truncate"
    REFUND_FAIL = "refund_fail"  # value: 3 rejected, else failed
    RECEIPT_FAIL = "receipt_fail"
    VOID_RACE = "void_race"
    # Beyond the contract's list:
    WRONG_ACCOUNT = "wrong_account"
    STRANGER = "stranger"  # another division's node as the sender
    EMPTY_INFORMATION = "empty_information"  # 00000 with nothing in it
    RECON_REPEAT = "recon_repeat"  # a line stands in the file twice, and is counted twice
    RECON_TRAILER = "recon_trailer"  # value: the trailer counts so many lines more
    RECON_MIDNIGHT = "recon_midnight"  # a payment at 24:00, as bank systems write it


_BILLS: Final = frozenset({"8994"})
_RECEIPTS: Final = frozenset({"8999", "8981", "8982"})
_USUAL: Final[Mapping[Act, frozenset[str]]] = {
    Act.DUPLICATE: PUSHES,
    Act.REORDER: PUSHES,
    Act.WRONG_MAC: PUSHES,
    Act.STRANGER: PUSHES,
    Act.WRONG_ACCOUNT: frozenset({"5996"}),
    Act.WRONG_AMOUNT: frozenset({"5996"}),
    Act.NO_PUSH: frozenset({"5996"}),
    Act.STALE_STATUS: frozenset({"8997"}),
    Act.PUSH_BEFORE_RESPONSE: _BILLS | {"8801"},
    Act.LATE_PAY: _BILLS,
    Act.VOID_RACE: _BILLS,
    Act.RECEIPT_FAIL: _RECEIPTS,
}
"""Messages that a rule without msgNo is for; acts not named here are for every message."""


class Match(BaseModel):
    """Which messages; empty fields match all."""

    model_config = ConfigDict(extra="forbid")

    msgNo: str = Field(default="", pattern="^([0-9]{4})?$")  # noqa: N815 - the contract's name
    payCode: str = Field(default="", max_length=20)  # noqa: N815


class FaultRule(BaseModel):
    """One fault, so many times; 0 for ever."""

    model_config = ConfigDict(extra="forbid")

    match: Match
    action: Act
    times: int = Field(default=1, ge=0)
    value: int | None = None
    used: int = Field(default=0, ge=0)

    def fits(self, act: Act, msg_no: str, pay_code: str) -> bool:
        """Return whether the rule is for this and not used up."""
        if self.action is not act or (self.times and self.used >= self.times):
            return False
        if self.match.payCode and self.match.payCode != pay_code:
            return False
        if self.match.msgNo or not msg_no:
            return self.match.msgNo in {"", msg_no}
        usual = _USUAL.get(act)
        return usual is None or msg_no in usual

    def amount(self, usual: int = 1) -> int:
        """Return the value, or the usual one."""
        return usual if self.value is None else self.value


@dataclass
class PaymentFaults:
    """The rules that are set; they are forgotten by a restart."""

    rules: list[FaultRule] = field(default_factory=list)

    def take(self, act: Act, msg_no: str = "", pay_code: str = "") -> FaultRule | None:
        """Return the first rule that fits, and count its use."""
        for rule in self.rules:
            if rule.fits(act, msg_no, pay_code):
                rule.used += 1
                return rule
        return None


class FinanceApp(FaultyApp):
    """The HTTP side behind both kinds of knobs."""

    def __init__(self, app: ASGIApp, faults: Faults, payment_faults: PaymentFaults) -> None:
        super().__init__(app, faults)
        self._payment_faults = payment_faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["path"] != "/sim/faults":
            await super().__call__(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        if request.method == "POST" and _has_match(body):
            await self._add(body)(scope, receive, send)
            return
        if request.method == "GET":
            general = [rule.model_dump(mode="json") for rule in self.faults.rules]
            ours = [rule.model_dump(mode="json") for rule in self._payment_faults.rules]
            await JSONResponse([*general, *ours])(scope, receive, send)
            return
        if request.method == "DELETE":
            self._payment_faults.rules.clear()
        await super().__call__(scope, _replayed(body), send)

    def _add(self, body: bytes) -> Response:
        try:
            rule = FaultRule.model_validate_json(body)
        except ValidationError as exc:
            errors = exc.errors(include_url=False, include_context=False, include_input=False)
            return JSONResponse({"error": errors}, 422)
        self._payment_faults.rules.append(rule)
        return JSONResponse(rule.model_dump(mode="json"), 201)


def _has_match(body: bytes) -> bool:
    try:
        parsed: Any = json.loads(body)
    except ValueError:
        return False
    return isinstance(parsed, dict) and "match" in parsed


def _replayed(body: bytes) -> Receive:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
