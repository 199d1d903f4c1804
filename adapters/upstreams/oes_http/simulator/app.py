"""The component service: its functions, its bearer key, and what it refuses."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox.place import Onboarding, Place, Simulator
from adapters.sandbox.seals import KeptSeal, State
from adapters.sandbox.seals.authority import accepts, picture_of
from adapters.sandbox.seals.desk import NotUsable, RequestDiffers, SealDesk
from adapters.sandbox.store import Store
from adapters.upstreams.oes_http.wire import BASE_PATH, SIGN_METHOD, Code, Function, Status
from kernel.clock import Clock
from kernel.crypto import sm3
from kernel.ids import RandomIds

USER: Final = "onewindow-sandbox"
_USERS: Final = frozenset({USER})
_KEY: Final = "key"
_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,64}")
_PROPERTY: Final = re.compile(r"(/[A-Za-z0-9_.\-]+){1,20}")
_TIME: Final = re.compile(r"[0-9]{14}Z")
_DIGEST_BYTES: Final = 32
_STATUS: Final[Mapping[State, Status]] = {
    State.ACTIVE: Status.ACTIVE,
    State.EXPIRED: Status.EXPIRED,
    State.FROZEN: Status.FROZEN,
    State.CANCELLED: Status.CANCELLED,
    State.REVOKED: Status.REVOKED,
}
_NOT_USABLE: Final[Mapping[State, Code]] = {
    State.EXPIRED: Code.SEAL_EXPIRED,
    State.FROZEN: Code.SEAL_FROZEN,
    State.CANCELLED: Code.SEAL_CANCELLED,
    State.REVOKED: Code.SEAL_REVOKED,
}

Fields = Mapping[str, str]


class Refused(Exception):
    """The function returns this code and no data."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.name)
        self.code = code


def provision(place: Place) -> Onboarding:
    """Make the authority, its seals and the caller's key; the same ever after."""
    store = Store(place.folder)
    try:
        desk = SealDesk(store, place.clock)
        desk.authority.establish()
        with store.transaction():
            key: str | None = store.get(_KEY, USER)
            if key is None:
                key = RandomIds(place.clock).secret()
                store.put(_KEY, USER, key)
        root = desk.authority.root_pem
    finally:
        store.close()
    return Onboarding(
        options={"base_url": place.url, "user": USER, "trust_anchors_pem": [root]},
        secrets={"access_key": key},
    )


def create(place: Place) -> Simulator:
    """Return the service for what ``provision`` made."""
    store = Store(place.folder)
    service = _Service(store, place.clock)
    app = Starlette(
        routes=[
            Route(f"{BASE_PATH}/{{function}}", service.post, methods=["POST"]),
            *service.desk.routes(),
        ]
    )

    async def close() -> None:
        store.close()

    return Simulator(app=app, close=close)


class _Service:
    """What happens behind the address."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self.desk = SealDesk(store, clock)
        self._functions: Mapping[str, Callable[[Fields], Mapping[str, Any]]] = {
            Function.GET_SEAL_LIST: self._list,
            Function.GET_SEAL: self._get_seal,
            Function.GET_SEAL_INFO: self._info,
            Function.GET_SEAL_IMAGE: self._image,
            Function.SIGN: self._sign,
            Function.FIND_SIGN_VALUE: self._find,
            Function.VERIFY: self._verify,
            Function.GET_ERR_MESSAGE: self._message,
        }

    async def post(self, request: HttpRequest) -> Response:
        """Run one function: HTTP 200 whatever it returns."""
        function = self._functions.get(request.path_params["function"])
        if function is None:
            return JSONResponse({"detail": "no such function"}, status_code=404)
        try:
            fields = _fields(await request.body())
            self._authenticate(request.headers.get("authorization", ""), fields.get("user", ""))
            data = function(fields)
        except Refused as exc:
            return JSONResponse({"code": int(exc.code), "data": None})
        return JSONResponse({"code": int(Code.OK), "data": data})

    def _authenticate(self, header: str, user: str) -> None:
        key: str | None = self._store.get(_KEY, user)
        wanted = f"Bearer {key}"
        if key is None or not sm3.same(wanted.encode(), header.encode("utf-8", "surrogatepass")):
            raise Refused(Code.KEY_WRONG)

    def _list(self, fields: Fields) -> Mapping[str, Any]:
        unit = fields.get("unit", "")
        found = (seal for seal in self.desk.authority.seals() if seal.credit_code == unit)
        return {"seals": [_shown(seal) for seal in found]}

    def _get_seal(self, fields: Fields) -> Mapping[str, Any]:
        return {"seal": _text(self._seal(fields).data)}

    def _info(self, fields: Fields) -> Mapping[str, Any]:
        return _shown(self._seal(fields))

    def _image(self, fields: Fields) -> Mapping[str, Any]:
        picture = picture_of(self._seal(fields).data)
        return {
            "image": _text(picture.data),
            "format": picture.format,
            "width": picture.width,
            "height": picture.height,
        }

    def _sign(self, fields: Fields) -> Mapping[str, Any]:
        seal = self._seal(fields)
        digest = _bytes(fields, "digest")
        path, request_id = fields.get("docProperty", ""), fields.get("requestId", "")
        if (
            len(digest) != _DIGEST_BYTES
            or fields.get("signMethod") != SIGN_METHOD
            or not _TIME.fullmatch(fields.get("signDateTime", ""))
            or not _PROPERTY.fullmatch(path)
            or not _REQUEST_ID.fullmatch(request_id)
        ):
            raise Refused(Code.PARAMETER)
        user = fields["user"]
        try:
            made = self.desk.use(seal, digest=digest, path=path, request_id=request_id, user=user)
        except RequestDiffers:
            raise Refused(Code.REQUEST_DIFFERS) from None
        except NotUsable as exc:
            raise Refused(_NOT_USABLE[exc.state]) from None
        return {"signValue": _text(made)}

    def _find(self, fields: Fields) -> Mapping[str, Any]:
        made = self.desk.find(fields.get("requestId", ""), fields["user"])
        if made is None:
            raise Refused(Code.REQUEST_UNKNOWN)
        return {"signValue": _text(made)}

    def _verify(self, fields: Fields) -> Mapping[str, Any]:
        holds = accepts(
            _bytes(fields, "signValue"),
            seal=_bytes(fields, "seal"),
            digest=_bytes(fields, "digest"),
            path=fields.get("docProperty", ""),
        )
        if not holds:
            raise Refused(Code.NOT_VALID)
        return {}

    def _message(self, fields: Fields) -> Mapping[str, Any]:
        try:
            return {"message": Code(int(fields.get("errCode", ""))).name}
        except ValueError:
            raise Refused(Code.PARAMETER) from None

    def _seal(self, fields: Fields) -> KeptSeal:
        seal = self.desk.authority.seal(fields.get("sealId", ""))
        if seal is None:
            raise Refused(Code.SEAL_UNKNOWN)
        return seal


def _shown(seal: KeptSeal) -> Mapping[str, str]:
    return {"id": seal.code, "name": seal.unit, "status": _STATUS[seal.state]}


def _fields(body: bytes) -> Fields:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(Code.PARAMETER) from None
    if not isinstance(found, dict) or any(not isinstance(v, str) for v in found.values()):
        raise Refused(Code.PARAMETER)
    return found


def _bytes(fields: Fields, name: str) -> bytes:
    try:
        return base64.b64decode(fields.get(name, ""), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(Code.PARAMETER) from None


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
