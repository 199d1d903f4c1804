"""The second factor of a live face: a page of the service, and a signed answer to how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, TypeVar, assert_never

from pydantic import BaseModel, ValidationError

from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.registry import BadConnection
from adapters.kit.translate import protocol_breach
from adapters.upstreams.face import mapping
from adapters.upstreams.face.options import Meaning, Options
from adapters.upstreams.face.wire import Answer, ApplyData, Operation, ResultData
from identity.factor_ports import (
    FactorNotStarted,
    FactorResult,
    FactorStarted,
    FactorSubject,
    SecondFactor,
)
from kernel.crypto import sm2
from kernel.crypto.errors import InvalidKey
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamRejected,
    UpstreamUnavailable,
)

NOBODY: Final = "0" * 32
"""A reference that is never started: what the self-check asks for."""

_M = TypeVar("_M", bound=BaseModel)


def create(options: Options, kit: Kit) -> Face:
    """Return the provider; raise BadConnection when the service's key is none."""
    try:
        sm2.PublicKey(bytes.fromhex(options.service_public_key))
    except InvalidKey:
        raise BadConnection(
            f"options of {kit.manifest.name}: service_public_key is not a point of SM2"
        ) from None
    return Face(options, kit)


class Face(SecondFactor):
    """SecondFactor on a live face verification service."""

    factor = "face"

    def __init__(self, options: Options, kit: Kit) -> None:
        self._options = options
        self._kit = kit

    async def start(
        self, subject: FactorSubject, *, return_url: str, reference: str
    ) -> FactorStarted:
        if subject.id_number is None:
            raise UpstreamRejected("a face is compared with the photograph of an id number")
        fields = {
            "bizSeq": reference,
            "name": subject.name,
            "idType": mapping.ID_TYPES[subject.id_type],
            "idNo": subject.id_number,
            "returnUrl": return_url,
        }
        try:
            found = await self._ask(Operation.APPLY, self._options.apply_path, fields, ApplyData)
            expires = mapping.moment("expireTime", found.expireTime)
        except mapping.Malformed as exc:
            raise self._breach(Operation.APPLY, str(exc)) from None
        if found.bizSeq != reference:
            raise self._breach(Operation.APPLY, "bizSeq is of another verification")
        longest = self._kit.clock.now() + timedelta(seconds=self._options.longest_seconds)
        return FactorStarted(url=found.url, expires_at=min(expires, longest))

    async def result(self, reference: str, subject: FactorSubject) -> FactorResult:
        fields = {"bizSeq": reference}
        try:
            found = await self._ask(Operation.RESULT, self._options.result_path, fields, ResultData)
            return mapping.result(found, reference, subject, self._options)
        except mapping.UnknownCode as exc:
            self._kit.unknown(exc.field, exc.code)
            raise self._breach(Operation.RESULT, str(exc)) from None
        except mapping.Malformed as exc:
            raise self._breach(Operation.RESULT, str(exc)) from None

    def checks(self) -> Sequence[Check]:
        return (Check("app_key", Layer.AUTHENTICATION, self._check_credentials, Operation.RESULT),)

    async def _check_credentials(self) -> None:
        # Nobody started this reference: a service that accepts our signature says so.
        try:
            fields = {"bizSeq": NOBODY}
            await self._ask(Operation.RESULT, self._options.result_path, fields, ResultData)
        except FactorNotStarted:
            return
        except mapping.Malformed as exc:
            raise self._breach(Operation.RESULT, str(exc)) from None
        raise self._breach(Operation.RESULT, "a reference that nobody started has a result")

    async def _ask(
        self, operation: str, path: str, fields: Mapping[str, str], shape: type[_M]
    ) -> _M:
        message = {
            **fields,
            "appId": self._options.app_id,
            "timestamp": mapping.timestamp(self._kit.clock.now()),
            "nonce": self._kit.ids.secret(),
        }
        message["sign"] = mapping.sign(message, self._kit.secrets["app_key"])
        raw = await self._kit.client.request_json(operation, "POST", path, json=message)
        answer = self._parse(operation, Answer, raw)
        self._require_ok(operation, answer.code)
        data = mapping.opened(answer, self._options.service_public_key)
        return self._parse(operation, shape, data)

    def _require_ok(self, operation: str, code: str) -> None:
        # The service's own message is left behind: it may repeat what was sent.
        meaning = self._options.codes.get(code)
        said = f"{operation}: code {code[:20]}"
        match meaning:
            case Meaning.OK:
                return
            case Meaning.AUTH_FAILED:
                raise UpstreamAuthFailed(said, upstream_code=code)
            case Meaning.NOT_STARTED:
                raise FactorNotStarted(said)
            case Meaning.OUR_FAULT | Meaning.REFUSED:
                raise UpstreamRejected(said, upstream_code=code)
            case Meaning.UNAVAILABLE:
                raise UpstreamUnavailable(said, upstream_code=code)
            case None:
                self._kit.unknown("code", code[:40])
                raise self._breach(operation, "a code that the table does not list")
            case unreachable:
                assert_never(unreachable)

    def _parse(self, operation: str, model: type[_M], raw: object) -> _M:
        try:
            return model.model_validate(raw)
        except ValidationError:
            # Not chained: its text would repeat the answer.
            raise self._breach(operation, f"not a proper {model.__name__}") from None

    def _breach(self, operation: str, detail: str) -> UpstreamError:
        return protocol_breach(self._kit.manifest, operation, f"{operation}: {detail}")
