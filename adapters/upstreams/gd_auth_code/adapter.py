"""The licence port on a system that gives a 用证码 for each licence, item and case."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections import OrderedDict
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from pydantic import BaseModel

from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.licences import licence_file, require_holder, require_identifier
from adapters.upstreams.gd_auth_code import mapping, wire
from adapters.upstreams.gd_auth_code.desk import Desk, Refusal
from adapters.upstreams.gd_auth_code.options import Meaning, Options
from adapters.upstreams.gd_auth_code.wire import Archive, Found, Opened, Operation, Viewing
from e_license import (
    AnswerStatus,
    Holder,
    Licence,
    LicenceAnswer,
    LicenceDenied,
    LicenceDocument,
    LicenceNotFound,
    LicenceNotSupported,
    LicenceProvider,
    Purpose,
    ViewingPass,
)
from kernel.errors import UpstreamProtocolError

MAX_LICENCES: Final = 20


class _Holdings(BaseModel):
    licences: list[Found]


def create(options: Options, kit: Kit) -> AuthCodes:
    """Return the provider."""
    return AuthCodes(options, kit, Desk(options, kit))


class _Codes:
    """The 用证码 of licences that were found a moment ago, by case; bounded in number and age."""

    def __init__(self, options: Options, kit: Kit) -> None:
        self._options = options
        self._clock = kit.clock
        self._kept: OrderedDict[tuple[str, str], tuple[str, float]] = OrderedDict()

    def keep(self, reference: str, identifier: str, code: str) -> None:
        until = self._clock.monotonic() + self._options.code_seconds
        self._kept[reference, identifier] = (code, until)
        self._kept.move_to_end((reference, identifier))
        if len(self._kept) > self._options.code_entries:
            self._kept.popitem(last=False)

    def get(self, reference: str, identifier: str) -> str | None:
        code, until = self._kept.get((reference, identifier), (None, 0.0))
        return code if until > self._clock.monotonic() else None

    def drop(self, reference: str, identifier: str) -> None:
        self._kept.pop((reference, identifier), None)


class AuthCodes(LicenceProvider):
    """LicenceProvider; ``fetch``, ``document`` and ``viewing_pass`` work for licences that this
    process found for the same case, because only a 用证码 opens them.
    """

    def __init__(self, options: Options, kit: Kit, desk: Desk) -> None:
        self._options = options
        self._kit = kit
        self._desk = desk
        self._codes = _Codes(options, kit)

    async def find(self, holder: Holder, licence_type: str, purpose: Purpose) -> LicenceAnswer:
        wanted = mapping.local_type(licence_type, self._options)
        body = {
            "service_item_code": purpose.item_code,
            "service_item_name": purpose.item_name,
            "biz_num": purpose.reference,
            "cas_no": self._options.cas_no,
            "identity_type": holder.kind.value,
            "identity_number": holder.code,
            "license_item_code": wanted,
            "use_reason": purpose.cause,
        }
        data = await self._desk.ask(Operation.HOLDER, wire.HOLDER_PATH, json=body)
        if isinstance(data, Refusal):
            return _without_licence(data)
        held = self._desk.read(_Holdings, {"licences": data}).licences
        held = [one for one in held if one.license_item_code == wanted]
        if len(held) > MAX_LICENCES:
            raise UpstreamProtocolError(f"more than {MAX_LICENCES} licences of one type")
        licences = await asyncio.gather(*(self._opened(one, purpose) for one in held))
        require_holder(licences, holder)
        status = AnswerStatus.FOUND if licences else AnswerStatus.NOT_FOUND
        return LicenceAnswer(status, tuple(licences), upstream_status=wire.SUCCESS)

    async def fetch(self, identifier: str, purpose: Purpose) -> LicenceAnswer:
        code = self._codes.get(purpose.reference, identifier)
        if code is None:
            return LicenceAnswer(AnswerStatus.UNAVAILABLE, reason=LicenceNotSupported.code)
        data = await self._desk.ask(Operation.GET, wire.GET_PATH, params={"auth_code": code})
        if isinstance(data, Refusal):
            self._codes.drop(purpose.reference, identifier)
            return _without_licence(data)
        licence = self._licence(self._desk.read(Opened, data))
        require_identifier([licence], identifier)
        return LicenceAnswer(AnswerStatus.FOUND, (licence,), upstream_status=wire.SUCCESS)

    async def document(self, identifier: str, purpose: Purpose) -> LicenceDocument:
        params = {"auth_code": self._require_code(identifier, purpose)}
        data = await self._desk.ask(Operation.ARCHIVE, wire.ARCHIVE_PATH, params=params)
        if isinstance(data, Refusal):
            raise _refused(data)
        coded = self._desk.read(Archive, data).file_data
        try:
            return licence_file(base64.b64decode(coded, validate=True))
        except binascii.Error:
            raise UpstreamProtocolError("the licence file is not base64") from None

    async def viewing_pass(self, identifier: str, purpose: Purpose) -> ViewingPass:
        params = {"auth_code": self._require_code(identifier, purpose)}
        data = await self._desk.ask(Operation.TOKEN, wire.TOKEN_PATH, params=params)
        if isinstance(data, Refusal):
            raise _refused(data)
        found = self._desk.read(Viewing, data)
        life = timedelta(seconds=found.expires_in or self._options.token_seconds)
        return ViewingPass(found.license_access_token, self._kit.clock.now() + life)

    def checks(self) -> Sequence[Check]:
        return (Check("login", Layer.AUTHENTICATION, self._desk.sign_in, Operation.LOGIN),)

    async def _opened(self, found: Found, purpose: Purpose) -> Licence:
        if found.auth_code is None:
            return self._desk.known(lambda: mapping.licence(found, {}, self._options))
        params = {"auth_code": found.auth_code}
        data = await self._desk.ask(Operation.GET, wire.GET_PATH, params=params)
        if isinstance(data, Refusal):
            raise UpstreamProtocolError("a code of use that was just given does not open")
        licence = self._licence(self._desk.read(Opened, data))
        require_identifier([licence], found.license_code)
        self._codes.keep(purpose.reference, licence.identifier, found.auth_code)
        return licence

    def _licence(self, opened: Opened) -> Licence:
        return self._desk.known(lambda: mapping.licence(opened, opened.data_fields, self._options))

    def _require_code(self, identifier: str, purpose: Purpose) -> str:
        code = self._codes.get(purpose.reference, identifier)
        if code is None:
            raise LicenceNotFound("no code of use is kept for this licence and case; find it anew")
        return code


def _without_licence(refusal: Refusal) -> LicenceAnswer:
    match refusal.meaning:
        case Meaning.NOT_FOUND:
            return LicenceAnswer(AnswerStatus.NOT_FOUND, upstream_status=refusal.code)
        case Meaning.DENIED:
            return LicenceAnswer(AnswerStatus.DENIED, upstream_status=refusal.code)
        case _:
            return LicenceAnswer(
                AnswerStatus.UNAVAILABLE,
                reason=LicenceNotSupported.code,
                upstream_status=refusal.code,
            )


def _refused(refusal: Refusal) -> LicenceNotFound | LicenceDenied | LicenceNotSupported:
    match refusal.meaning:
        case Meaning.NOT_FOUND | Meaning.CODE_OVER:
            return LicenceNotFound(refusal.code, upstream_code=refusal.code)
        case Meaning.DENIED:
            return LicenceDenied(refusal.code, upstream_code=refusal.code)
        case _:
            return LicenceNotSupported(refusal.code, upstream_code=refusal.code)
