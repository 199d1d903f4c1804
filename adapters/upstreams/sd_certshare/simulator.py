"""A licence platform that speaks the share service's dialect, with a handful of made-up
licences.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.store import Store
from adapters.upstreams.sd_certshare.simulator_files import ofd_file, png_file
from adapters.upstreams.sd_certshare.wire import (
    IDENTIFIER_KEY,
    MAX_CAUSE,
    URL_SECONDS,
    Operation,
    Status,
)
from kernel.clock import Clock
from kernel.crypto import sm2
from kernel.ids import RandomIds

SERVICE: Final = "/CertShare"
_FILES: Final = f"{SERVICE}/zzgxpt/temp"
_ACCOUNT: Final = "account"
_DOWNLOAD: Final = "download"
_TOKEN: Final = "token"
_ACCESS_ID: Final = "onewindow-sandbox"
_TEST_LICENCE: Final = "11100000MB0143028R001"
"""A type whose licences name no citizen as their holder; the self-check reads one."""

_HOLDER_TYPES: Final = frozenset(
    "001 099 111 114 115 118 119 120 122 411 412 413 414 511 516 551 552 553 999".split()  # noqa: SIM905
)
_VALID: Final = frozenset({5, 11})
_STATUS_OF: Final[Mapping[int, Status]] = {
    -8: Status.ABOLISHED,
    -5: Status.ABOLISHED,
    -3: Status.ABOLISHED,
    -2: Status.ABOLISHED,
    -4: Status.EXPIRED,
    12: Status.RESTRICTED,
    13: Status.RESTRICTED,
}
_MESSAGES: Final[Mapping[Status, str]] = {
    Status.OK: "成功",
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
}
_CAUSE_FIELDS: Final = (
    "certificateSystemName",
    "certificateCopyCause",
    "certificateCallCategory",
    "certificateMatterName",
    "certificateEventCode",
)


class Refused(Exception):
    """The question is answered with this status and no data."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


@dataclass(frozen=True)
class _Licence:
    """One licence of the sample."""

    holder: str
    holder_type: str
    type: str
    identifier: str
    state: int
    file: str
    face: Mapping[str, str]

    @property
    def shown(self) -> dict[str, str]:
        return {IDENTIFIER_KEY: self.identifier, **self.face}

    def require_valid(self) -> None:
        if self.state not in _VALID:
            raise Refused(_STATUS_OF[self.state])


class _Sample:
    """The licence types and licences of ``sample.toml``."""

    def __init__(self) -> None:
        raw = tomllib.loads(Path(__file__).with_name("sample.toml").read_text("utf-8"))
        self.granted = {one["code"]: one.get("granted", True) for one in raw["types"]}
        self.licences = tuple(_Licence(**one) for one in raw["licences"])

    def require_type(self, code: str) -> None:
        if code not in self.granted:
            raise Refused(Status.TYPE_UNKNOWN)
        if not self.granted[code]:
            raise Refused(Status.TYPE_NOT_GRANTED)

    def by_identifier(self, identifier: str) -> _Licence:
        for licence in self.licences:
            if licence.identifier == identifier:
                self.require_type(licence.type)
                licence.require_valid()
                return licence
        raise Refused(Status.NO_LICENCE)


def provision(place: Place) -> Onboarding:
    """Open the caller's account: an access token, and the key pair that answers are encrypted for.

    A real caller makes its key pair itself and hands in the public half; here both are made, once.
    """
    store = Store(place.folder)
    try:
        with store.transaction():
            account = store.get(_ACCOUNT, _ACCESS_ID)
            if account is None:
                key = sm2.generate()
                account = {
                    "token": RandomIds(place.clock).secret(),
                    "private_key": key.to_pem(),
                    "public_key": key.public.to_pem(),
                }
                store.put(_ACCOUNT, _ACCESS_ID, account)
    finally:
        store.close()
    test = next(one for one in _Sample().licences if one.type == _TEST_LICENCE)
    return Onboarding(
        options={
            "base_url": place.url,
            "access_id": _ACCESS_ID,
            "system_name": "一窗受理系统（沙箱）",
            "probe_identifier": test.identifier,
        },
        secrets={"access_token": account["token"], "private_key": account["private_key"]},
    )


def create(place: Place) -> Simulator:
    """Return the platform for the accounts that ``provision`` opened."""
    store = Store(place.folder)
    platform = _Platform(store, place.clock, RandomIds(place.clock))
    app = Starlette(
        routes=[
            Route(f"{SERVICE}/{{operation}}", platform.post, methods=["POST"]),
            Route(f"{_FILES}/{{name}}", platform.file, methods=["GET"]),
        ]
    )

    async def close() -> None:
        store.close()

    return Simulator(app=app, close=close)


class _Platform:
    """What happens behind the addresses."""

    def __init__(self, store: Store, clock: Clock, ids: RandomIds) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._sample = _Sample()
        self._operations: Mapping[str, Callable[[Mapping[str, Any]], tuple[Any, bool]]] = {
            Operation.BY_HOLDER: self._by_holder,
            Operation.BY_IDENTIFIER: self._by_identifier,
            Operation.DOWNLOAD_URL: self._download_url,
        }

    async def post(self, request: Request) -> Response:
        """Answer one operation: HTTP 200 whatever the business says."""
        operation = self._operations.get(request.path_params["operation"])
        if operation is None:
            return PlainTextResponse("not found", 404)
        try:
            body = _object(json.loads(await request.body()))
            account = self._account(_object(body.get("head")))
            data = _object(body.get("data"))
            _require_cause(data.get("useCause"))
            answer, only_cert_data = operation(data)
        except Refused as exc:
            return _envelope(exc.status, {})
        except ValueError:
            return _envelope(Status.BAD_VALUE, {})
        sealed = _sealed(account["public_key"], answer)
        return _envelope(Status.OK, {"certData": sealed} if only_cert_data else sealed)

    async def file(self, request: Request) -> Response:
        """Hand out a licence file while its address lives."""
        entry = self._store.get(_DOWNLOAD, request.path_params["name"])
        if entry is None or datetime.fromisoformat(entry["until"]) <= self._clock.now():
            return PlainTextResponse("not found", 404)
        licence = self._sample.by_identifier(entry["identifier"])
        if licence.file == "png":
            return Response(png_file(), media_type="image/png")
        return Response(
            ofd_file(licence.face["zzmc"], licence.identifier),
            media_type="application/octet-stream",
        )

    def _account(self, head: Mapping[str, Any]) -> Mapping[str, str]:
        account: Mapping[str, str] | None = self._store.get(_ACCOUNT, str(head.get("accessId")))
        if account is None or head.get("accessToken") != account[_TOKEN]:
            raise Refused(Status.AUTHENTICATION_FAILED)
        return account

    def _by_holder(self, data: Mapping[str, Any]) -> tuple[Any, bool]:
        holder = _required(data, "holderCode")
        holder_type = _required(data, "holderTypeCode")
        code = _required(data, "certTypeCode")
        if holder_type not in _HOLDER_TYPES:
            raise Refused(Status.HOLDER_TYPE_REFUSED)
        self._sample.require_type(code)
        number = data.get("certNo") or ""
        found = [
            one
            for one in self._sample.licences
            if (one.holder, one.holder_type, one.type) == (holder, holder_type, code)
            and number in {"", one.face["zzbh"]}
        ]
        if not found:
            raise Refused(Status.NO_LICENCE)
        valid = [one.shown for one in found if one.state in _VALID]
        if not valid:
            found[0].require_valid()
        return valid, True

    def _by_identifier(self, data: Mapping[str, Any]) -> tuple[Any, bool]:
        return self._sample.by_identifier(_required(data, "certIdentifier")).shown, True

    def _download_url(self, data: Mapping[str, Any]) -> tuple[Any, bool]:
        licence = self._sample.by_identifier(_required(data, "certIdentifier"))
        name = f"{self._ids.secret()}.{licence.file}"
        until = self._clock.now() + timedelta(seconds=URL_SECONDS)
        with self._store.transaction():
            self._sweep()
            self._store.put(
                _DOWNLOAD, name, {"identifier": licence.identifier, "until": until.isoformat()}
            )
        return {"content": f"{_FILES}/{name}"}, False

    def _sweep(self) -> None:
        now = self._clock.now()
        for name, entry in self._store.items(_DOWNLOAD):
            if datetime.fromisoformat(entry["until"]) <= now:
                self._store.delete(_DOWNLOAD, name)


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Refused(Status.BAD_VALUE)
    return value


def _required(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if value in {None, ""}:
        raise Refused(Status.REQUIRED_EMPTY)
    if not isinstance(value, str):
        raise Refused(Status.BAD_VALUE)
    return value


def _require_cause(cause: Any) -> None:
    """Check 用证事由 in each of its forms: an object, the JSON text of one, or a plain text."""
    if cause in (None, ""):
        raise Refused(Status.REQUIRED_EMPTY)
    if isinstance(cause, str) and cause.startswith("{"):
        cause = json.loads(cause)
    if isinstance(cause, str):
        text = cause
    else:
        fields = _object(cause)
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


def _envelope(status: Status, data: Any) -> Response:
    head = {"status": status.value, "message": _MESSAGES[status]}
    return JSONResponse({"head": head, "data": data})
