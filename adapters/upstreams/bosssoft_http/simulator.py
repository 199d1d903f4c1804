"""The method gateway's face of the sandbox's finance system; it makes the pay codes itself.

A method is brought into the form of the CFX message that means the same, so that the rules of the
house and its faults are those of the other faces. The signature is computed here a second time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from adapters.dialects.cfx import Head, Message
from adapters.sandbox.finance import AGENCY, House, Wire, provision_agency
from adapters.sandbox.finance.codes import (
    BAD_MAC,
    OK,
    UNKNOWN_CODE,
    UNREADABLE,
    check_digit,
)
from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.server import ABORT, CLOSE
from adapters.sandbox.store import Store
from adapters.upstreams.bosssoft_http import wire
from kernel.clock import beijing
from kernel.ids import RandomIds

APP_ID: Final = "SBX0001"
Fields = dict[str, str]
_NUMBER: Final = re.compile(r'"@([0-9.]+)@"')
_OURS: Final = ("division", "agency_code", "agency_name", "account", "account_name", "channels")
_ALSO: Final = ("account_type", "account_bank", "account_bank_no", "receipt_series", "base_url")


def provision(place: Place) -> Onboarding:
    """Open the agency's account on the first call; the same appkey ever after."""
    options, secrets = provision_agency(place)
    store = Store(place.folder)
    try:
        store.add("setting", "appkey", RandomIds(place.clock).secret("sbx-"))
        appkey: str = store.get("setting", "appkey")
    finally:
        store.close()
    chosen = {name: options[name] for name in (*_OURS, *_ALSO)}
    return Onboarding(
        {**chosen, "app_id": APP_ID}, {"appkey": appkey, "sign_key": secrets["sign_key"]}
    )


def create(place: Place) -> Simulator:
    """Build the simulator from what ``provision`` made."""
    house = House(place, pushes=False)
    counter = _Counter(house)
    return house.simulator(routes=(Route(wire.SERVICE_PATH, counter.serve, methods=["POST"]),))


class _Refused(Exception):
    """An error message for the agency."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class _Counter:
    """Takes forms and answers them."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._appkey: str = house.store.get("setting", "appkey")

    async def serve(self, request: Request) -> Response:
        """Answer one form as the fault knobs allow."""
        form = await request.form()
        texts = {name: value for name, value in form.items() if isinstance(value, str)}
        try:
            self._require_signed(texts)
            content = self._content(texts)
            method = texts["method"]
            msg_no, fields = self._as_cfx(method, content)
            head = Head(AGENCY.node, AGENCY.finance_node, msg_no, "M1", "M1", "20260101")
            made = await self._house.desk.treat(Message(head, (fields,)))
            return self._answered(method, fields, content, made)
        except _Refused as refusal:
            return _error(refusal.code, str(refusal))

    def _require_signed(self, form: Fields) -> None:
        parts = [self._appkey, *(form.get(name, "") for name in wire.SIGNED), self._appkey]
        wanted = hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()
        known = (form.get("app_id"), form.get("agency_code")) == (APP_ID, AGENCY.agency)
        if not known or (
            wanted != form.get("security", "").lower() and self._house.settings.strict
        ):
            raise _Refused(BAD_MAC, "security 校验失败")

    @staticmethod
    def _content(form: Fields) -> Mapping[str, Any]:
        try:
            content = wire.read_message(form.get("message", "")).get("message")
        except wire.BadMessage:
            content = None
        if not isinstance(content, dict) or form.get("format") != wire.FORMAT:
            raise _Refused(UNREADABLE, "message 有误")
        return content

    def _as_cfx(self, method: str, content: Mapping[str, Any]) -> tuple[str, Fields]:
        number = {
            "BillVerCode": str(content.get("bill_batch_code", "")),
            "BillNo": str(content.get("bill_no", "")),
        }
        match method:
            case wire.ISSUE:
                return "8994", self._bill(content)
            case wire.CONFIRM:
                return "8997", {"PayCode": self._code(content)}
            case wire.INVALIDATE:
                return "8994", {"PayCode": self._code(content), "PayStats": "2"}
            case wire.NUMBER:
                return "8999", {**number, "Hold2": self._code(content)}
            case wire.RECEIPT:
                signed = {
                    "Invoice_Data": str(content.get("invoice_data", "")),
                    "Sign_Info/Value": str(content.get("sign_value", "")),
                }
                return "8981", {**number, **signed, "PayCode": self._code(content)}
            case wire.FIND:
                wanted = "R" + "".join(f"|{part}" for part in number.values() if part)
                return "8997", {"PayCode": self._code(content), "Hold2": wanted}
            case wire.FILE:
                return "8982", {**number, "Hold1": str(content.get("check_code", ""))}
        raise _Refused(UNREADABLE, "不支持的 method")

    def _code(self, content: Mapping[str, Any]) -> str:
        order = str(content.get("busi_no", ""))
        code = self._house.store.get("order", order) if order else content.get("pay_code")
        if not code:
            raise _Refused(UNKNOWN_CODE, "缴款码不存在")
        return str(code)

    def _bill(self, content: Mapping[str, Any]) -> Fields:
        """Return the 8994 of a bill; its pay code is made once per order number."""
        order = str(content.get("busi_no", ""))
        if re.fullmatch(r"[0-9]{1,20}", order) is None:
            raise _Refused(UNREADABLE, "busi_no 有误")
        self._house.store.add("order", order, self._mint())
        return self._fields(self._house.store.get("order", order), content)

    def _mint(self) -> str:
        year = beijing(self._house.clock.now()).year % 100
        number = self._house.store.next_number("platform_code")
        body = f"{AGENCY.division}{year:02d}2{number:010d}"
        return body + check_digit(body)

    @staticmethod
    def _fields(code: str, content: Mapping[str, Any]) -> Fields:
        items = content.get("item_details")
        parts = [
            (
                i["item_code"],
                i["item_name"],
                i["amt"],
                i["unit"],
                i["number"],
                "不限制",
                "0.00-0.00",
            )
            for i in (items if isinstance(items, list) else [])
            if isinstance(i, dict) and {"item_code", "item_name", "amt", "unit", "number"} <= set(i)
        ]
        # This dialect may name items with the signs that PayInfo needs for itself.
        rows = ["|".join(re.sub(r"[|#]", "／", str(part)) for part in row) + "#" for row in parts]
        named = {
            "PayerName": "pay_name",
            "Amt": "total_amt",
            "OriAmt": "ori_amt",
            "DelayAmt": "delay_amt",
            "RecAcct": "rec_no",
            "RecName": "rec_name",
            "MobilePhone": "mobile",
        }
        fields = {name: str(content.get(theirs, "")) for name, theirs in named.items()}
        return {
            **fields,
            "PayCode": code,
            "PayStats": "0",
            "AdmDivCode": AGENCY.division,
            "BillDate": str(content.get("date", "")),
            "ChgAgenCode": AGENCY.agency,
            "ChgAgenName": "山东省一窗示例执收单位",
            "PayInfo": "".join(rows),
            "Hold1": "Y",
        }

    def _answered(
        self, method: str, fields: Fields, content: Mapping[str, Any], made: Wire
    ) -> Response:
        if made.html:
            return HTMLResponse("<!DOCTYPE html><html><body>系统维护</body></html>")
        if made.reply is None or made.damage.reset:
            return _HungUp(ABORT if made.damage.reset else CLOSE)
        said = dict(made.reply.fields)
        code = said.get("Result", OK)
        if code != OK:
            return _error(code, said.get("Information", said.get("Msg", "")))
        if made.damage.oversize:
            return PlainTextResponse("A" * made.damage.oversize)
        return _encoded(self._told(method, fields, content, said))

    def _told(
        self, method: str, fields: Fields, content: Mapping[str, Any], said: Fields
    ) -> Mapping[str, Any]:
        match method:
            case wire.ISSUE:
                return {"pay_code": fields["PayCode"], "pay_url": said["Information"]}
            case wire.CONFIRM:
                return self._confirmed(fields["PayCode"], said)
            case wire.NUMBER:
                return {"bill_no": said["Information"]}
            case wire.RECEIPT:
                return {"issue_time": _spaced(said["Issue_Date"]), "url": said["Invoice_Url"]}
            case wire.FIND if said["Hold2"]:
                code, number, check_code, at, amount = said["Hold2"].split("|")
                found = {
                    "bill_batch_code": code,
                    "bill_no": number,
                    "check_code": check_code,
                    "issue_time": _spaced(at),
                    "total_amt": f"@{amount}@",
                }
                return {"invoice": found}
            case wire.FILE:
                return {"file": said["Invoicefiledata"]}
        return {}

    def _confirmed(self, pay_code: str, said: Fields) -> Mapping[str, Any]:
        amounts = {"total_amt": "Amt", "ori_amt": "OriAmt", "delay_amt": "DelayAmt"}
        shown: dict[str, Any] = {name: f"@{said[cfx]}@" for name, cfx in amounts.items()}
        shown |= {"pay_code": pay_code, "pay_status": said["PayStats"]}
        payment = self._house.books.payment(pay_code, "")
        if said["PayStats"] != "1" or payment is None:
            return shown
        day, clock = payment["date"], payment["time"]
        date_text, _, time_text = _spaced(day + clock).partition(" ")
        return {
            **shown,
            "confirm_date": date_text,
            "confirm_time": time_text,
            "confirm_code": payment["tra_no"],
            "payment_channel_code": payment["mode"],
            "rec_acct": said["RecAcct"],
            "receive": "1" if payment["fund"] else "0",
            "app_src": "sandbox",
        }


def _spaced(at: str) -> str:
    """Return ``yyyy-MM-dd HH:mm:ss`` of fourteen digits."""
    return f"{at[:4]}-{at[4:6]}-{at[6:8]} {at[8:10]}:{at[10:12]}:{at[12:14]}"


def _encoded(content: Mapping[str, Any], name: str = "message") -> Response:
    """Return Base64 JSON; amounts between @ become numbers, as live systems send them."""
    text = json.dumps({name: content}, ensure_ascii=False)
    parsed = _NUMBER.sub(lambda found: found.group(1), text)
    return PlainTextResponse(base64.b64encode(parsed.encode()).decode("ascii"))


def _error(code: str, text: str) -> Response:
    return _encoded({"error_code": code, "error_msg": text}, "error_message")


class _HungUp(Response):
    """No answer at all."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self._how = how

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Close or reset the connection."""
        scope["extensions"][self._how]["call"]()
        while (await receive())["type"] != "http.disconnect":
            pass
