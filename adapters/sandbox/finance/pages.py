"""The HTTP side: the page where people pay, published files, and the sandbox's own controls."""

from __future__ import annotations

import asyncio
import io
from html import escape
from pathlib import Path
from typing import Any, Final, TypeVar

import segno
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox.finance import controls
from adapters.sandbox.finance.books import Money
from adapters.sandbox.finance.codes import CHANNELS, OK, PAID, UNPAID
from adapters.sandbox.finance.office import Office
from adapters.sandbox.finance.settings import Changes

TICK_SECONDS: Final = 0.5
_PAGE: Final = (Path(__file__).parent / "page.html").read_text("utf-8")
_BILL: Final = """<dl><dt>缴款识别码</dt><dd>{code}</dd><dt>收款单位</dt><dd>{agency}</dd>
<dt>缴款项目</dt><dd>{items}</dd><dt>应缴金额</dt><dd class="amount">{amount} 元</dd></dl>
{action}"""
_BUTTON: Final = """<form method="post" action="/qr/pay"><input type="hidden" name="billId"
 value="{code}"><button type="submit">确认支付</button></form>
<figure>{picture}<figcaption>用手机扫描，在手机上打开本页</figcaption></figure>"""
M = TypeVar("M", bound=BaseModel)


class Pages:
    """Handlers of the HTTP side."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def app(self, more: tuple[Route, ...]) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/qr", self.show),
                Route("/qr/pay", self.pay, methods=["POST"]),
                Route("/recon/{name}", self.recon_file),
                Route("/receipts/{key}", self.receipt_file),
                Route("/sim/pay", self.sim_pay, methods=["POST"]),
                Route("/sim/late-fee", self.late_fee, methods=["POST"]),
                Route("/sim/funds", self.funds, methods=["POST"]),
                Route("/sim/refunds", self.refunds, methods=["POST"]),
                Route("/sim/recon", self.recon, methods=["POST"]),
                Route("/sim/push", self.push_now, methods=["POST"]),
                Route("/sim/clock", self.clock, methods=["GET", "POST", "DELETE"]),
                Route("/sim/settings", self.settings, methods=["GET", "POST"]),
                Route("/sim/bills", self.bills),
                Route("/sim/bills/{code}", self.one_bill),
                *more,
            ],
            exception_handlers={ValidationError: _unprocessable},
        )

    async def tick_for_ever(self) -> None:
        """Let refunds and funds move on by themselves."""
        while True:
            self._office.tick()
            await asyncio.sleep(TICK_SECONDS)

    async def show(self, request: Request) -> Response:
        """Show one bill and, while it can be paid, the button and the QR picture."""
        return self._page(request.query_params.get("billId", ""))

    async def pay(self, request: Request) -> Response:
        """Take the money of the bill that the page showed."""
        code = (await request.form()).get("billId")
        if not isinstance(code, str):
            return self._page("")
        self._office.pay(code, Money())
        return self._page(code)

    def _page(self, code: str) -> Response:
        bill = self._office.books.bill(code)
        if bill is None:
            body = "<p>没有找到这张缴款单，请核对缴款识别码。</p>"
            return HTMLResponse(_PAGE.replace("{body}", body), 404)
        fields = bill["fields"]
        names = [item.split("|")[1] for item in fields["PayInfo"].split("#")[:-1]]
        action = "<p>该缴款单已作废，不能缴款。</p>"
        if bill["status"] == UNPAID:
            picture = _qr(self._office.books.page_of(code))
            action = _BUTTON.format(code=escape(code), picture=picture)
        elif bill["status"] == PAID:
            action = "<p>缴款成功，可以关闭此页面。</p>"
        body = _BILL.format(
            code=escape(code),
            agency=escape(fields["ChgAgenName"]),
            items=escape("、".join(names)),
            amount=escape(fields["Amt"]),
            action=action,
        )
        return HTMLResponse(_PAGE.replace("{body}", body))

    async def recon_file(self, request: Request) -> Response:
        """Hand out a published reconciliation file."""
        content = self._office.recon.file(request.path_params["name"])
        if content is None:
            return Response(status_code=404)
        return Response(content, media_type="text/plain; charset=GB18030")

    async def receipt_file(self, request: Request) -> Response:
        """Hand out a receipt, as the address in 8981's answer says."""
        code, _, content = self._office.receipts.file(request.path_params["key"])
        if code != OK:
            return Response(status_code=404)
        return Response(content, media_type="application/pdf")

    async def sim_pay(self, request: Request) -> Response:
        """Pay without the page, as a counter or another till does."""
        wanted = await _body(request, controls.Payment)
        modes = {name: mode for mode, name in CHANNELS.items()}
        mode = wanted.payMode or modes.get(wanted.channel, "51")
        money = Money(mode, wanted.amountFen, wanted.force, wanted.acctDate)
        code, tra_no = self._office.pay(wanted.payCode, money)
        return JSONResponse({"result": code, "traNo": tra_no}, 200 if code == OK else 409)

    async def late_fee(self, request: Request) -> Response:
        """Let a late fee accrue."""
        wanted = await _body(request, controls.LateFee)
        return _done(self._office.books.add_late_fee(wanted.payCode, wanted.delayFen))

    async def funds(self, request: Request) -> Response:
        """Let money arrive (R) or reach the treasury (T)."""
        wanted = await _body(request, controls.Funds)
        return _done(self._office.receive_funds(wanted.payCode, wanted.traNo, wanted.stage))

    async def refunds(self, request: Request) -> Response:
        """Approve, pay, reject or fail a refund by hand."""
        wanted = await _body(request, controls.RefundMove)
        return _done(self._office.refunds.move(wanted.refundNo, wanted.stats))

    async def recon(self, request: Request) -> Response:
        """Publish a further revision of a day's file."""
        wanted = await _body(request, controls.Republish)
        made = self._office.recon.publish(self._office.account.division, wanted.fileDate)
        return JSONResponse({"name": made.name, "rev": made.revision, "count": made.count})

    async def push_now(self, _request: Request) -> Response:
        """Try every waiting push at once; answer how many still wait."""
        return JSONResponse({"waiting": await self._office.deliver()})

    async def clock(self, request: Request) -> Response:
        """Show, move or reset the clock."""
        clock = self._office.clock
        if request.method == "DELETE":
            clock.reset()
        elif request.method == "POST":
            wanted = await _body(request, controls.ClockMove)
            if wanted.at is not None:
                clock.set(wanted.at)
            clock.advance(wanted.advanceSeconds)
            self._office.tick()
        return JSONResponse({"now": clock.now().isoformat()})

    async def settings(self, request: Request) -> Response:
        """Show or change what a tester chooses."""
        if request.method == "POST":
            self._office.settings.change(await _body(request, Changes))
        return JSONResponse(self._office.settings.shown())

    async def bills(self, _request: Request) -> Response:
        """Answer how many bills, refunds and waiting pushes there are."""
        counts = {
            "bills": len(self._office.books.all()),
            "refunds": len(self._office.refunds.all()),
            "pushes": self._office.pusher.waiting(),
        }
        return JSONResponse(counts)

    async def one_bill(self, request: Request) -> Response:
        """Answer everything about one bill but the payer, by pay code or the agency's number."""
        code = request.path_params["code"]
        code = self._office.store.get("order", code) or code
        bill = self._office.books.bill(code)
        if bill is None:
            return JSONResponse({"error": "unknown pay code"}, 404)
        refunds = [
            {"refundNo": number, "stats": refund["stats"], "amountFen": refund["amount_fen"]}
            for number, refund in self._office.refunds.all()
            if refund["pay_code"] == code
        ]
        shown: dict[str, Any] = {
            "status": bill["status"],
            "payments": bill["payments"],
            "receipts": self._office.receipts.of_bill(code),
            "refunds": refunds,
        }
        return JSONResponse(shown)


def _qr(url: str) -> str:
    """Return the QR picture (二维码) of an address as SVG."""
    out = io.BytesIO()
    segno.make_qr(url, error="m").save(out, kind="svg", scale=4, xmldecl=False, svgclass="qr")
    return out.getvalue().decode("ascii")


async def _body(request: Request, model: type[M]) -> M:
    return model.model_validate_json(await request.body())


def _done(done: bool) -> Response:  # noqa: FBT001 - what became of it
    return Response(status_code=204 if done else 409)


async def _unprocessable(_request: Request, exc: Exception) -> Response:
    if not isinstance(exc, ValidationError):
        raise exc
    errors = exc.errors(include_url=False, include_context=False, include_input=False)
    return JSONResponse({"error": errors}, 422)
