"""The signing service: who may ask, what is refused, and the log of every use of a seal (用章日志).

Authentication is written here a second time, on purpose: a mistake must not sit on both sides.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.seals import SEAL_TYPE, Authority, KeptSeal, State
from adapters.sandbox.seals.authority import bare_value
from adapters.sandbox.seals.desk import Form, NotUsable, RequestDiffers, SealDesk
from adapters.sandbox.store import Store
from adapters.upstreams.sd_seal.wire import (
    DEFAULT_PROPERTY_INFO,
    SERVICE_PATH,
    STALE_SECONDS,
    DataType,
    ErrorCode,
    Header,
    SealStatus,
)
from kernel.clock import Clock
from kernel.crypto import sm3
from kernel.ids import RandomIds

APP_ID: Final = "onewindow"
OUT_USER_ID: Final = "onewindow-sandbox"
PROBE_SEAL: Final = "37010000000104"
_ACCOUNT: Final = "account"
_NONCE: Final = re.compile(r"[\x21-\x7e]{8,64}")
_MILLISECONDS: Final = re.compile(r"[0-9]{13}")
_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,64}")
# The path of Signature.xml, or the name of the signature field of a PDF.
_PROPERTY: Final = re.compile(r"(/[A-Za-z0-9_.\-]+)+|[A-Za-z0-9_.\-]+")
_DIGEST: Final = re.compile(r"[A-Za-z0-9+/]{43}=")
_NOT_USABLE: Final[Mapping[State, ErrorCode]] = {
    State.EXPIRED: ErrorCode.SEAL_EXPIRED,
    State.FROZEN: ErrorCode.SEAL_FROZEN,
    State.CANCELLED: ErrorCode.SEAL_CANCELLED,
    State.REVOKED: ErrorCode.SEAL_REVOKED,
}
_STATUS: Final[Mapping[State, SealStatus]] = {
    State.ACTIVE: SealStatus.ACTIVE,
    State.EXPIRED: SealStatus.EXPIRED,
    State.FROZEN: SealStatus.FROZEN,
    State.CANCELLED: SealStatus.CANCELLED,
    State.REVOKED: SealStatus.REVOKED,
}
_ACCOUNTS: Final[Mapping[str, bool]] = {OUT_USER_ID: True, "another-system": False}
"""Accounts, and whether the seals are granted to them."""
_MESSAGES: Final[Mapping[ErrorCode, str]] = {
    ErrorCode.APP_UNKNOWN: "应用未登记",
    ErrorCode.SIGN_WRONG: "签名验证失败",
    ErrorCode.TIME_STALE: "时间戳已过期",
    ErrorCode.PARAMETER_WRONG: "参数错误",
    ErrorCode.DATA_TYPE_UNKNOWN: "不支持的数据类型",
    ErrorCode.DIGEST_WRONG: "摘要格式错误",
    ErrorCode.SEAL_UNKNOWN: "印章不存在",
    ErrorCode.USER_NOT_ENTITLED: "用户无此印章使用权限",
    ErrorCode.SEAL_FROZEN: "印章已冻结",
    ErrorCode.SEAL_REVOKED: "印章已吊销",
    ErrorCode.SEAL_EXPIRED: "印章已过期",
    ErrorCode.SEAL_CANCELLED: "印章已注销",
    ErrorCode.REQUEST_DIFFERS: "请求编号已用于其他内容",
    ErrorCode.REQUEST_UNKNOWN: "请求编号不存在",
}

Fields = Mapping[str, str]
Entry = Mapping[str, Any]
Entries = Sequence[Entry]


class Refused(Exception):
    """The question is answered with this code and no data."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code.name)
        self.code = code


def provision(place: Place) -> Onboarding:
    """Make the authority and its seals, and open the caller's account; the same ever after."""
    store = Store(place.folder)
    try:
        authority = Authority(store, place.clock)
        authority.establish()
        with store.transaction():
            secret: str | None = store.get(_ACCOUNT, APP_ID)
            if secret is None:
                secret = RandomIds(place.clock).secret()
                store.put(_ACCOUNT, APP_ID, secret)
        root = authority.root_pem
    finally:
        store.close()
    return Onboarding(
        options={
            "base_url": place.url,
            "app_id": APP_ID,
            "out_user_id": OUT_USER_ID,
            "trust_anchors_pem": [root],
            "probe_seal_code": PROBE_SEAL,
        },
        secrets={"app_secret": secret},
    )


def create(place: Place) -> Simulator:
    """Return the service for what ``provision`` made."""
    store = Store(place.folder)
    service = _Service(store, place.clock)
    app = Starlette(
        routes=[
            Route(SERVICE_PATH, service.post, methods=["POST"]),
            *service.routes(),
        ]
    )

    async def close() -> None:
        store.close()

    return Simulator(app=app, close=close)


class _Service:
    """What happens behind the address."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._desk = SealDesk(store, clock)
        self._answers: Mapping[str, Callable[[Fields], Entries]] = {
            DataType.GET_SEAL: self._get_seal,
            DataType.SIGN: self._sign,
            DataType.QUERY_SIGNATURE: self._query,
            DataType.SEAL_STATUS: self._status,
            DataType.LIST_SEALS: self._list,
        }

    def routes(self) -> list[Route]:
        """Return the sandbox's own addresses."""
        return self._desk.routes()

    async def post(self, request: HttpRequest) -> Response:
        """Answer one question: HTTP 200 whatever the business says."""
        try:
            fields = _fields(await request.body())
            self._authenticate(request.headers, fields)
            if fields.get("outUserId", "") not in _ACCOUNTS:
                raise Refused(ErrorCode.USER_NOT_ENTITLED)
            answer = self._answers.get(fields.get("dataType", ""))
            if answer is None:
                raise Refused(ErrorCode.DATA_TYPE_UNKNOWN)
            entries = answer(fields)
        except Refused as exc:
            return _envelope(exc.code, None)
        return _envelope(ErrorCode.OK, entries)

    def _authenticate(self, headers: Mapping[str, str], fields: Fields) -> None:
        app_id = headers.get(Header.APP_ID, "")
        time, nonce = headers.get(Header.TIMESTAMP, ""), headers.get(Header.NONCE, "")
        secret: str | None = self._store.get(_ACCOUNT, app_id)
        if secret is None:
            raise Refused(ErrorCode.APP_UNKNOWN)
        if not _MILLISECONDS.fullmatch(time) or not _NONCE.fullmatch(nonce):
            raise Refused(ErrorCode.SIGN_WRONG)
        body = json.dumps(dict(sorted(fields.items())), ensure_ascii=False, separators=(",", ":"))
        text = f"{app_id}\n{time}\n{nonce}\n{body}"
        wanted = sm3.hmac(secret.encode(), text.encode("utf-8", "surrogatepass")).hex()
        if not sm3.same(wanted.encode(), headers.get(Header.SIGN, "").encode("utf-8")):
            raise Refused(ErrorCode.SIGN_WRONG)
        if abs(self._clock.now().timestamp() - int(time) / 1000) > STALE_SECONDS:
            raise Refused(ErrorCode.TIME_STALE)

    def _get_seal(self, fields: Fields) -> Entries:
        seal = self._granted(fields)
        return [
            {
                "sealData": _text(seal.data),
                "index": 0,
                "sealType": SEAL_TYPE,
                "sealStatus": _STATUS[seal.state],
            }
        ]

    def _status(self, fields: Fields) -> Entries:
        # The state of a seal is public: whoever verifies a document needs it.
        return [{"sealStatus": _STATUS[self._seal(fields).state]}]

    def _query(self, fields: Fields) -> Entries:
        found = self._desk.find(_request_id(fields), fields["outUserId"])
        if found is None:
            raise Refused(ErrorCode.REQUEST_UNKNOWN)
        return [_signed(found)]

    def _list(self, fields: Fields) -> Entries:
        if not _ACCOUNTS[fields["outUserId"]]:
            return []
        return [
            {"sealId": seal.code, "sealName": seal.unit, "sealStatus": _STATUS[seal.state]}
            for seal in self._desk.authority.seals()
            if seal.credit_code == fields.get("unitCode", "")
        ]

    def _sign(self, fields: Fields) -> Entries:
        seal = self._granted(fields)
        try:
            made = self._desk.use(
                seal,
                digest=_digest(fields),
                path=_property_info(fields),
                request_id=_request_id(fields) if "requestId" in fields else "",
                user=fields["outUserId"],
                form=_form(fields),
            )
        except RequestDiffers:
            raise Refused(ErrorCode.REQUEST_DIFFERS) from None
        except NotUsable as exc:
            raise Refused(_NOT_USABLE[exc.state]) from None
        return [_signed(made)]

    def _seal(self, fields: Fields) -> KeptSeal:
        seal = self._desk.authority.seal(fields.get("sealId", ""))
        if seal is None:
            raise Refused(ErrorCode.SEAL_UNKNOWN)
        return seal

    def _granted(self, fields: Fields) -> KeptSeal:
        seal = self._seal(fields)
        if not _ACCOUNTS[fields["outUserId"]]:
            raise Refused(ErrorCode.USER_NOT_ENTITLED)
        return seal


def _fields(body: bytes) -> Fields:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(ErrorCode.PARAMETER_WRONG) from None
    if not isinstance(found, dict) or any(not isinstance(v, str) for v in found.values()):
        raise Refused(ErrorCode.PARAMETER_WRONG)
    return found


def _request_id(fields: Fields) -> str:
    request_id = fields.get("requestId", "")
    if _REQUEST_ID.fullmatch(request_id) is None:
        raise Refused(ErrorCode.PARAMETER_WRONG)
    return request_id


def _property_info(fields: Fields) -> str:
    path = fields.get("propertyInfo", DEFAULT_PROPERTY_INFO)
    if _PROPERTY.fullmatch(path) is None or len(path) > 200:
        raise Refused(ErrorCode.PARAMETER_WRONG)
    return path


def _form(fields: Fields) -> Form:
    try:
        return Form(fields.get("signForm", Form.SES))
    except ValueError:
        raise Refused(ErrorCode.PARAMETER_WRONG) from None


def _digest(fields: Fields) -> bytes:
    text = fields.get("digest", "")
    if _DIGEST.fullmatch(text) is None:
        raise Refused(ErrorCode.DIGEST_WRONG)
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise Refused(ErrorCode.DIGEST_WRONG) from None


def _signed(signature: bytes) -> Entry:
    return {"puchSignValue": _text(signature), "signValue": _text(bare_value(signature))}


def _envelope(code: ErrorCode, entries: Entries | None) -> Response:
    ok = entries is not None
    return JSONResponse(
        {
            "success": ok,
            "message": "操作成功" if ok else _MESSAGES[code],
            "errorCode": code.value,
            "errorMsg": "" if ok else _MESSAGES[code],
            "total": len(entries or ()),
            "data": entries or [],
        }
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
