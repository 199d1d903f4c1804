"""The e-seal port on a remote digest signing service (远程签章)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeVar, assert_never

from pydantic import BaseModel, ValidationError

from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.translate import protocol_breach
from adapters.upstreams.sd_seal import mapping
from adapters.upstreams.sd_seal.options import Meaning, Options
from adapters.upstreams.sd_seal.wire import (
    Answer,
    DataType,
    ErrorCode,
    ListedSeal,
    Request,
    SealData,
    SignData,
    StatusData,
)
from e_seal import SealRecord, SealState, SealSummary, SignatureForm, SignRequest
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamOutcomeUnknown,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)


class Operation:
    """Names of the manifest's operations."""

    LIST: Final = "listSeals"
    GET_SEAL: Final = "getSeal"
    SIGN: Final = "signDigest"
    SIGN_ONCE: Final = "signOnce"
    """Without a request id the kit must not repeat the message."""
    QUERY: Final = "querySignature"
    STATUS: Final = "sealStatus"


_CODE: Final = re.compile(r"[A-Za-z0-9_.\-]{1,40}")
_NO_ERROR: Final = frozenset({"", ErrorCode.OK.value})
_NO_REQUEST: Final = "self-check"

_M = TypeVar("_M", bound=BaseModel)


class _NotThere(Exception):
    """There is no such seal or request; ``code`` is the service's own."""

    def __init__(self, meaning: Meaning, code: str) -> None:
        super().__init__(meaning)
        self.meaning = meaning
        self.code = code


def create(options: Options, kit: Kit) -> RemoteSeal:
    """Return the provider."""
    return RemoteSeal(options, kit)


class RemoteSeal:
    """SealProvider; it carries bytes and judges none of them, that is the domain's part."""

    def __init__(self, options: Options, kit: Kit) -> None:
        self._options = options
        self._kit = kit

    async def list_seals(self, unit: str, signer: str) -> Sequence[SealSummary]:
        if not self._options.own_fields:
            raise UpstreamRejected("this service lists no seals", upstream_code="unsupported")
        fields = Request(
            outUserId=self._options.out_user_id,
            dataType=DataType.LIST_SEALS,
            unitCode=unit,
            signerId=signer,
        )
        try:
            answer = await self._answer(Operation.LIST, fields)
        except _NotThere as exc:
            raise _refused(Operation.LIST, exc.code) from None
        found = [self._parse(Operation.LIST, ListedSeal, entry) for entry in answer.data or ()]
        return [SealSummary(one.sealId, one.sealName, self._state(one.sealStatus)) for one in found]

    async def get_seal(self, seal_code: str) -> SealRecord:
        request = self._request(DataType.GET_SEAL, seal_code)
        try:
            found = await self._ask(Operation.GET_SEAL, request, SealData)
        except _NotThere as exc:
            raise _refused(Operation.GET_SEAL, exc.code) from None
        data = self._bytes(Operation.GET_SEAL, found.sealData)
        if not self._options.own_fields:
            # The bare dialect says nothing of states: what is handed out counts as usable.
            return SealRecord(seal_code, data, SealState.ACTIVE)
        if found.sealStatus is None:
            raise self._breach(Operation.GET_SEAL, "the seal comes without sealStatus")
        return SealRecord(seal_code, data, self._state(found.sealStatus))

    async def sign_digest(self, request: SignRequest) -> bytes:
        own = self._options.own_fields
        lock = request.form is SignatureForm.CMS
        if lock and not own:
            raise UpstreamRejected("this service makes no CMS", upstream_code="unsupported")
        message = self._request(
            DataType.SIGN,
            request.seal_code,
            digest=mapping.encoded(request.digest),
            request_id=request.request_id if own else None,
            property_info=request.property_info if own else None,
            sign_form=SignatureForm.CMS.value if lock else None,
        )
        operation = Operation.SIGN if own else Operation.SIGN_ONCE
        try:
            found = await self._ask(operation, message, SignData)
        except _NotThere as exc:
            raise _refused(operation, exc.code) from None
        return self._bytes(operation, found.puchSignValue)

    async def find_signature(self, request_id: str) -> bytes | None:
        if not self._options.own_fields:
            # "None" would let the caller sign a second time.
            raise UpstreamOutcomeUnknown("this service cannot be asked about a request")
        message = self._request(DataType.QUERY_SIGNATURE, request_id=request_id)
        try:
            found = await self._ask(Operation.QUERY, message, SignData)
        except _NotThere as exc:
            if exc.meaning is Meaning.NO_REQUEST:
                return None
            raise _refused(Operation.QUERY, exc.code) from None
        return self._bytes(Operation.QUERY, found.puchSignValue)

    async def status(self, seal_code: str) -> SealState:
        if not self._options.own_fields:
            return SealState.UNKNOWN
        message = self._request(DataType.SEAL_STATUS, seal_code)
        try:
            found = await self._ask(Operation.STATUS, message, StatusData)
        except _NotThere as exc:
            if exc.meaning is Meaning.NO_SEAL:
                return SealState.UNKNOWN
            raise _refused(Operation.STATUS, exc.code) from None
        return self._state(found.sealStatus)

    def checks(self) -> Sequence[Check]:
        found: list[Check] = []
        if self._options.own_fields:
            account = Check(
                "account", Layer.AUTHENTICATION, self._ask_for_nothing, operation=Operation.QUERY
            )
            found.append(account)
        if self._options.probe_seal_code is not None:
            found.append(Check("test seal", Layer.BUSINESS, self._read_test_seal))
        return found

    async def _ask_for_nothing(self) -> None:
        if await self.find_signature(_NO_REQUEST) is not None:
            raise UpstreamProtocolError("a signature was found for a request that was never made")

    async def _read_test_seal(self) -> None:
        if self._options.probe_seal_code is not None:
            await self.get_seal(self._options.probe_seal_code)

    def _request(
        self,
        data_type: DataType,
        seal_code: str = "",
        *,
        digest: str = "",
        request_id: str | None = None,
        property_info: str | None = None,
        sign_form: str | None = None,
    ) -> Request:
        return Request(
            outUserId=self._options.out_user_id,
            dataType=data_type,
            sealId=seal_code,
            digest=digest,
            requestId=request_id,
            propertyInfo=property_info,
            signForm=sign_form,
        )

    async def _ask(self, operation: str, message: Request, shape: type[_M]) -> _M:
        answer = await self._answer(operation, message)
        if not answer.data:
            raise self._breach(operation, "the answer has no data")
        return self._parse(operation, shape, answer.data[0])

    async def _answer(self, operation: str, message: Request) -> Answer:
        fields = message.fields()
        raw = await self._kit.client.request_json(
            operation,
            "POST",
            self._options.service_path,
            headers=self._headers(fields),
            json=fields,
        )
        answer = self._parse(operation, Answer, raw)
        self._require_success(operation, answer)
        return answer

    def _headers(self, fields: dict[str, str]) -> dict[str, str]:
        if self._options.authentication == "none":
            return {}
        return mapping.headers(
            self._options.app_id,
            self._kit.secrets["app_secret"],
            mapping.timestamp(self._kit.clock.now()),
            self._kit.ids.new("nonce"),
            fields,
        )

    def _require_success(self, operation: str, answer: Answer) -> None:
        code = "" if answer.errorCode is None else str(answer.errorCode)
        if answer.success is not (code in _NO_ERROR):
            raise self._breach(operation, "success and errorCode contradict each other")
        if answer.success:
            return
        if _CODE.fullmatch(code) is None:
            raise self._breach(operation, "errorCode has another form")
        # The service's own message is left behind: it may repeat what was sent.
        said = f"{operation}: errorCode {code}"
        meaning = self._options.error_codes.get(code)
        match meaning:
            case Meaning.AUTH_FAILED:
                raise UpstreamAuthFailed(said, upstream_code=code)
            case Meaning.REFUSED:
                raise _refused(operation, code)
            case Meaning.NO_SEAL | Meaning.NO_REQUEST:
                raise _NotThere(meaning, code)
            case Meaning.UNAVAILABLE:
                raise UpstreamUnavailable(said, upstream_code=code)
            case Meaning.UNCLEAR:
                safe = self._kit.manifest.operation(operation).safe
                kind = UpstreamUnavailable if safe else UpstreamOutcomeUnknown
                raise kind(said, upstream_code=code)
            case None:
                self._kit.unknown("errorCode", code)
                raise UpstreamProtocolError(said, upstream_code=code)
            case unreachable:
                assert_never(unreachable)

    def _state(self, raw: str) -> SealState:
        try:
            return mapping.state(raw, self._options.seal_states)
        except mapping.UnknownCode as exc:
            self._kit.unknown(exc.field, exc.code)
            raise UpstreamProtocolError(str(exc)) from None

    def _bytes(self, operation: str, text: str) -> bytes:
        try:
            return mapping.decoded(text)
        except mapping.Malformed as exc:
            raise self._breach(operation, str(exc)) from None

    def _parse(self, operation: str, model: type[_M], raw: object) -> _M:
        try:
            return model.model_validate(raw)
        except ValidationError:
            # Not chained: its text would repeat the answer.
            raise self._breach(operation, f"not a proper {model.__name__}") from None

    def _breach(self, operation: str, detail: str) -> UpstreamError:
        return protocol_breach(self._kit.manifest, operation, f"{operation}: {detail}")


def _refused(operation: str, code: str) -> UpstreamRejected:
    return UpstreamRejected(f"{operation}: errorCode {code}", upstream_code=code)
