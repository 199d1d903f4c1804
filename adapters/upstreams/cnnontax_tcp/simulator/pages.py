"""The HTTP side: the page where people pay, and the sandbox's own controls."""

from __future__ import annotations

from html import escape
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from adapters.upstreams.cnnontax_tcp.simulator.finance import OK, PAID, UNPAID, Finance
from adapters.upstreams.cnnontax_tcp.simulator.knobs import Action, Knob, Knobs
from adapters.upstreams.cnnontax_tcp.simulator.pushing import Pusher

_PAGE: Final = """<!DOCTYPE html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>非税缴款（仿真）</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font-family:sans-serif;max-width:32rem;margin:2rem auto;padding:0 1rem}}
dt{{color:#555}}dd{{margin:0 0 .8rem}}.amount{{font-size:1.8rem}}button{{font-size:1.1rem;
padding:.6rem 2rem}}.note{{color:#a33}}</style></head>
<body><h1>非税收入缴款</h1><p class="note">仿真环境，不会发生真实支付。</p>{body}</body></html>"""
_BILL: Final = """<dl><dt>缴款识别码</dt><dd>{code}</dd><dt>收款单位</dt><dd>{agency}</dd>
<dt>缴款项目</dt><dd>{items}</dd><dt>应缴金额</dt><dd class="amount">{amount} 元</dd></dl>
{action}"""
_BUTTON: Final = """<form method="post" action="/qr/pay"><input type="hidden" name="billId"
 value="{code}"><button type="submit">确认支付</button></form>"""


class Payment(BaseModel):
    """``POST /sim/pay``."""

    model_config = ConfigDict(extra="forbid")

    payCode: str  # noqa: N815 - the sandbox contract's name
    amountFen: int | None = Field(default=None, gt=0)  # noqa: N815
    payMode: str = Field(default="51", pattern="^[0-9]{1,2}$")  # noqa: N815
    force: bool = False
    """Pay although the bill is paid or voided, as a second till at the same moment would."""


class LateFee(BaseModel):
    """``POST /sim/late-fee``."""

    model_config = ConfigDict(extra="forbid")

    payCode: str  # noqa: N815
    delayFen: int = Field(gt=0)  # noqa: N815


class Pages:
    """Handlers of the HTTP side."""

    def __init__(self, finance: Finance, pusher: Pusher, knobs: Knobs) -> None:
        self._finance = finance
        self._pusher = pusher
        self._knobs = knobs

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/qr", self.show),
                Route("/qr/pay", self.pay, methods=["POST"]),
                Route("/sim/pay", self.sim_pay, methods=["POST"]),
                Route("/sim/late-fee", self.late_fee, methods=["POST"]),
                Route("/sim/push", self.push_now, methods=["POST"]),
                Route("/sim/bills", self.bills),
                Route("/sim/bills/{code}", self.one_bill),
                Route("/sim/knobs", self.knobs, methods=["GET", "POST", "DELETE"]),
            ]
        )

    async def show(self, request: Request) -> Response:
        """Show one bill and, while it can be paid, the button."""
        return self._page(request.query_params.get("billId", ""))

    async def pay(self, request: Request) -> Response:
        """Take the money of the bill that the page showed."""
        code = (await request.form()).get("billId")
        if isinstance(code, str):
            self._take(code, "51", None, force=False)
            return self._page(code)
        return self._page("")

    def _page(self, code: str) -> Response:
        bill = self._finance.bill(code)
        if bill is None:
            body = "<p>没有找到这张缴款单，请核对缴款识别码。</p>"
            return HTMLResponse(_PAGE.format(body=body), 404)
        fields = bill["fields"]
        names = [item.split("|")[1] for item in fields["PayInfo"].split("#")[:-1]]
        action = "<p>该缴款单已作废，不能缴款。</p>"
        if bill["status"] == UNPAID:
            action = _BUTTON.format(code=escape(code))
        elif bill["status"] == PAID:
            action = "<p>缴款成功，可以关闭此页面。</p>"
        body = _BILL.format(
            code=escape(code),
            agency=escape(fields["ChgAgenName"]),
            items=escape("、".join(names)),
            amount=escape(fields["Amt"]),
            action=action,
        )
        return HTMLResponse(_PAGE.format(body=body))

    def _take(
        self, code: str, mode: str, amount_fen: int | None, *, force: bool
    ) -> tuple[str, str]:
        push = self._knobs.take(Action.NO_PUSH) is None
        result = self._finance.pay(code, mode, amount_fen=amount_fen, push=push, force=force)
        self._pusher.wake()
        return result

    async def sim_pay(self, request: Request) -> Response:
        """Pay without the page, as a counter or another till does."""
        try:
            wanted = Payment.model_validate_json(await request.body())
        except ValidationError as exc:
            return _unprocessable(exc)
        code, tra_no = self._take(
            wanted.payCode, wanted.payMode, wanted.amountFen, force=wanted.force
        )
        return JSONResponse({"result": code, "traNo": tra_no}, 200 if code == OK else 409)

    async def late_fee(self, request: Request) -> Response:
        """Let a late fee accrue."""
        try:
            wanted = LateFee.model_validate_json(await request.body())
        except ValidationError as exc:
            return _unprocessable(exc)
        done = self._finance.add_late_fee(wanted.payCode, wanted.delayFen)
        return Response(status_code=204 if done else 409)

    async def push_now(self, request: Request) -> Response:
        """Try every waiting push at once; answer how many still wait."""
        return JSONResponse({"waiting": await self._pusher.deliver(only_due=False)})

    async def bills(self, request: Request) -> Response:
        """Answer how many bills and waiting pushes there are."""
        counts = {"bills": self._finance.count(), "pushes": len(self._finance.pushes())}
        return JSONResponse(counts)

    async def one_bill(self, request: Request) -> Response:
        """Answer the status and the payments of one bill, without the payer."""
        bill = self._finance.bill(request.path_params["code"])
        if bill is None:
            return JSONResponse({"error": "unknown pay code"}, 404)
        shown: dict[str, Any] = {"status": bill["status"], "payments": bill["payments"]}
        return JSONResponse(shown)

    async def knobs(self, request: Request) -> Response:
        """Set, show or clear the payment faults."""
        if request.method == "DELETE":
            self._knobs.rules.clear()
            return Response(status_code=204)
        if request.method == "POST":
            try:
                self._knobs.rules.append(Knob.model_validate_json(await request.body()))
            except ValidationError as exc:
                return _unprocessable(exc)
        return JSONResponse([knob.model_dump(mode="json") for knob in self._knobs.rules])


def _unprocessable(exc: ValidationError) -> Response:
    errors = exc.errors(include_url=False, include_context=False, include_input=False)
    return JSONResponse({"error": errors}, 422)
