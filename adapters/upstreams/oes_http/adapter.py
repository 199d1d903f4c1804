"""The e-seal port on the OES component interface over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeVar, assert_never

from pydantic import BaseModel, ValidationError

from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.translate import protocol_breach
from adapters.upstreams.oes_http import mapping, wire
from adapters.upstreams.oes_http.options import Meaning, Options
from adapters.upstreams.oes_http.wire import Function
from e_seal import SealRecord, SealState, SealSummary, SignatureForm, SignRequest
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)

_NO_REQUEST: Final = "self-check"

_M = TypeVar("_M", bound=BaseModel)


class _Said(Exception):
    """The component answered with a code that only its caller can judge."""

    def __init__(self, meaning: Meaning, code: str) -> None:
        super().__init__(meaning)
        self.meaning = meaning
        self.code = code


def create(options: Options, kit: Kit) -> OesSeals:
    """Return the provider."""
    return OesSeals(options, kit)


class OesSeals:
    """SealProvider; it carries bytes and judges none of them, that is the domain's part."""

    def __init__(self, options: Options, kit: Kit) -> None:
        self._options = options
        self._kit = kit

    async def list_seals(self, unit: str, signer: str) -> Sequence[SealSummary]:
        fields = {"unit": unit, "signer": signer}
        found = await self._asked(Function.GET_SEAL_LIST, fields, wire.SealList)
        return [
            SealSummary(one.id, one.name, self._state(Function.GET_SEAL_LIST, one.status))
            for one in found.seals
        ]

    async def get_seal(self, seal_code: str) -> SealRecord:
        fields = {"sealId": seal_code}
        found = await self._asked(Function.GET_SEAL, fields, wire.SealData)
        info = await self._asked(Function.GET_SEAL_INFO, fields, wire.SealInfo)
        data = self._bytes(Function.GET_SEAL, found.seal)
        return SealRecord(seal_code, data, self._state(Function.GET_SEAL_INFO, info.status))

    async def sign_digest(self, request: SignRequest) -> bytes:
        if request.form is not SignatureForm.SES:
            raise UpstreamRejected("the component makes no CMS", upstream_code="unsupported")
        fields = mapping.sign_fields(
            request.request_id,
            request.seal_code,
            request.property_info,
            request.digest,
            request.sign_time,
        )
        found = await self._asked(Function.SIGN, fields, wire.SignValue)
        return self._bytes(Function.SIGN, found.signValue)

    async def find_signature(self, request_id: str) -> bytes | None:
        function = Function.FIND_SIGN_VALUE
        try:
            found = await self._ask(function, {"requestId": request_id}, wire.SignValue)
        except _Said as exc:
            if exc.meaning is Meaning.NO_REQUEST:
                return None
            raise _refused(function, exc.code) from None
        return self._bytes(function, found.signValue)

    async def status(self, seal_code: str) -> SealState:
        function = Function.GET_SEAL_INFO
        try:
            found = await self._ask(function, {"sealId": seal_code}, wire.SealInfo)
        except _Said as exc:
            if exc.meaning is Meaning.NO_SEAL:
                return SealState.UNKNOWN
            raise _refused(function, exc.code) from None
        return self._state(function, found.status)

    async def seal_image(self, seal_code: str) -> bytes:
        """Return the picture of a seal as the component hands it out."""
        found = await self._asked(Function.GET_SEAL_IMAGE, {"sealId": seal_code}, wire.SealImage)
        return self._bytes(Function.GET_SEAL_IMAGE, found.image)

    async def verify(
        self, signature: bytes, *, seal: bytes, digest: bytes, property_info: str, at: datetime
    ) -> bool:
        """Return what the component thinks of a value (e_seal.ports.SealVerifier)."""
        fields = mapping.sign_fields("", "", property_info, digest, at)
        fields |= {
            "seal": mapping.encoded(seal),
            "signValue": mapping.encoded(signature),
            "online": "true",
        }
        try:
            await self._ask(Function.VERIFY, fields, wire.Nothing)
        except _Said as exc:
            if exc.meaning is Meaning.NOT_VALID:
                return False
            raise _refused(Function.VERIFY, exc.code) from None
        return True

    async def error_text(self, code: int) -> str:
        """Return the component's words for a return code; for people, never for decisions."""
        fields = {"errCode": str(code)}
        return (await self._asked(Function.GET_ERR_MESSAGE, fields, wire.ErrMessage)).message

    def checks(self) -> Sequence[Check]:
        return [
            Check(
                "account",
                Layer.AUTHENTICATION,
                self._ask_for_nothing,
                operation=Function.FIND_SIGN_VALUE,
            ),
            Check("error texts", Layer.PROTOCOL, self._ask_for_words),
        ]

    async def _ask_for_nothing(self) -> None:
        if await self.find_signature(_NO_REQUEST) is not None:
            raise UpstreamProtocolError("a signature was found for a request that was never made")

    async def _ask_for_words(self) -> None:
        await self.error_text(0)

    async def _asked(self, function: Function, fields: dict[str, str], shape: type[_M]) -> _M:
        try:
            found = await self._ask(function, fields, shape)
        except _Said as exc:
            raise _refused(function, exc.code) from None
        return found

    async def _ask(self, function: Function, fields: dict[str, str], shape: type[_M]) -> _M:
        raw = await self._kit.client.request_json(
            function,
            "POST",
            f"{self._options.base_path}/{function}",
            headers={"Authorization": f"Bearer {self._kit.secrets['access_key']}"},
            json={"user": self._options.user, **fields},
        )
        answer = self._parse(function, wire.Answer, raw)
        self._require_ok(function, answer.code)
        return self._parse(function, shape, answer.data or {})

    def _require_ok(self, function: Function, code: int) -> None:
        if code == wire.Code.OK:
            return
        text = f"0x{code:02x}"
        said = f"{function}: {text}"
        meaning = self._options.codes.get(code)
        match meaning:
            case Meaning.AUTH_FAILED:
                raise UpstreamAuthFailed(said, upstream_code=text)
            case Meaning.REFUSED:
                raise _refused(function, text)
            case Meaning.NO_SEAL | Meaning.NO_REQUEST | Meaning.NOT_VALID:
                raise _Said(meaning, text)
            case Meaning.UNAVAILABLE:
                raise UpstreamUnavailable(said, upstream_code=text)
            case Meaning.UNCLEAR:
                safe = self._kit.manifest.operation(function).safe
                kind = UpstreamUnavailable if safe else UpstreamOutcomeUnknown
                raise kind(said, upstream_code=text)
            case None:
                self._kit.unknown("code", text)
                raise self._breach(function, "a return code that the table does not list")
            case unreachable:
                assert_never(unreachable)

    def _state(self, function: Function, raw: str) -> SealState:
        try:
            return mapping.state(raw, self._options.states)
        except mapping.UnknownCode as exc:
            self._kit.unknown(exc.field, exc.code)
            raise self._breach(function, str(exc)) from None

    def _bytes(self, function: Function, text: str) -> bytes:
        try:
            return mapping.decoded(text)
        except mapping.Malformed as exc:
            raise self._breach(function, str(exc)) from None

    def _parse(self, function: Function, model: type[_M], raw: object) -> _M:
        try:
            return model.model_validate(raw)
        except ValidationError:
            # Not chained: its text would repeat the answer.
            raise self._breach(function, f"not a proper {model.__name__}") from None

    def _breach(self, function: Function, detail: str) -> UpstreamError:
        return protocol_breach(self._kit.manifest, function, f"{function}: {detail}")


def _refused(function: Function, code: str) -> UpstreamRejected:
    return UpstreamRejected(f"{function}: {code}", upstream_code=code)
