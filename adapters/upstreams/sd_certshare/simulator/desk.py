"""The counter of the simulated platform: account, envelope, refusals, and encryption for the
caller.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from adapters.sandbox.store import Store
from adapters.upstreams.sd_certshare.wire import BEGUN, MAX_CAUSE, Status
from kernel.crypto import sm2

ACCOUNT: Final = "account"
TOKEN: Final = "token"
ACCESS_ID: Final = "onewindow-sandbox"
_MESSAGES: Final[Mapping[Status, str]] = {
    Status.OK: "成功",
    Status.NOT_OFFERED: "证照来源未提供该接口",
    Status.NO_LICENCE: "没有匹配的证照",
    Status.AUTHENTICATION_FAILED: "调用方身份验证失败",
    Status.REQUIRED_EMPTY: "必填参数为空",
    Status.TYPE_UNKNOWN: "证照类型不存在或未发布",
    Status.ABOLISHED: "证照已废止或已注销",
    Status.EXPIRED: "证照已过期",
    Status.RESTRICTED: "证照受限使用",
    Status.TYPE_NOT_GRANTED: "没有该证照类型的权限",
    Status.BAD_VALUE: "参数值错误",
    Status.HOLDER_TYPE_REFUSED: "持证主体代码类型不支持",
    Status.CERT_NO_MISSING: "certData 中缺少 certNo",
    Status.HOLDER_CODE_MISSING: "certData 中缺少 holderCode",
    Status.HOLDER_MISSING: "certData 中缺少 holder",
}
_CAUSE_FIELDS: Final = (
    "certificateSystemName",
    "certificateCopyCause",
    "certificateCallCategory",
    "certificateMatterName",
    "certificateEventCode",
)
CERT_DATA: Final = "certData"
WHOLE: Final = "whole"
"""Which part of an answer is encrypted: ``certData`` of a query, or everything."""

Answering = Callable[[Mapping[str, Any]], tuple[Any, str] | tuple[Any, str, int]]
"""Returns what is answered, which part of it is encrypted and, unless it is 0, the status."""


class Refused(Exception):
    """The question is answered with this status and no data."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


class Desk:
    """Opens the envelope, asks the operation, and closes the envelope again."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def answer(self, request: Request, operation: Answering | None) -> Response:
        """Answer one operation: HTTP 200 whatever the business says."""
        if operation is None:
            return PlainTextResponse("not found", 404)
        try:
            body = object_of(json.loads(await request.body()))
            account = self._account(object_of(body.get("head")))
            answer, part, *status = operation(object_of(body.get("data")))
        except Refused as exc:
            return _envelope(exc.status, {})
        except ValueError:
            return _envelope(Status.BAD_VALUE, {})
        sealed = _sealed(account["public_key"], answer)
        data = {CERT_DATA: sealed} if part == CERT_DATA else sealed
        return _envelope(status[0] if status else Status.OK, data)

    def _account(self, head: Mapping[str, Any]) -> Mapping[str, str]:
        account: Mapping[str, str] | None = self._store.get(ACCOUNT, str(head.get("accessId")))
        if account is None or head.get("accessToken") != account[TOKEN]:
            raise Refused(Status.AUTHENTICATION_FAILED)
        return account


def object_of(value: Any) -> Mapping[str, Any]:
    """Return a JSON object; refuse anything else."""
    if not isinstance(value, dict):
        raise Refused(Status.BAD_VALUE)
    return value


def required(data: Mapping[str, Any], name: str, missing: Status = Status.REQUIRED_EMPTY) -> str:
    """Return a text that must be there."""
    value = data.get(name)
    if value in (None, ""):
        raise Refused(missing)
    if not isinstance(value, str):
        raise Refused(Status.BAD_VALUE)
    return value


def require_cause(cause: Any) -> None:
    """Check 用证事由 in each of its forms: an object, the JSON text of one, or a plain text."""
    if cause in (None, ""):
        raise Refused(Status.REQUIRED_EMPTY)
    if isinstance(cause, str) and cause.startswith("{"):
        cause = json.loads(cause)
    if isinstance(cause, str):
        text = cause
    else:
        fields = object_of(cause)
        if any(not isinstance(fields.get(name), str) for name in _CAUSE_FIELDS):
            raise Refused(Status.REQUIRED_EMPTY)
        if fields["certificateCallCategory"] not in {"0", "1"}:
            raise Refused(Status.BAD_VALUE)
        text = fields["certificateCopyCause"]
    if not text.strip():
        raise Refused(Status.REQUIRED_EMPTY)
    if len(text) > MAX_CAUSE:
        raise Refused(Status.BAD_VALUE)


def _sealed(public_key: str, answer: Any) -> str:
    plain = json.dumps(answer, ensure_ascii=False).encode()
    return sm2.encrypt(sm2.PublicKey.from_pem(public_key), plain, sm2.Order.C1C2C3).hex()


def _envelope(status: int, data: Any) -> Response:
    message = "成功" if status in BEGUN else _MESSAGES[Status(status)]
    return JSONResponse({"head": {"status": int(status), "message": message}, "data": data})
