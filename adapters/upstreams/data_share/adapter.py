"""The data-check port on a province's data-sharing platform."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import ValidationError

from adapters.dialects.nested import Malformed, unwrap
from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.licences import UnknownCode
from adapters.upstreams.data_share import mapping
from adapters.upstreams.data_share.options import Meaning, Options
from adapters.upstreams.data_share.signature import answer_sign, request_sign
from adapters.upstreams.data_share.wire import Answer, Checked, Operation
from e_license import AuthBasis, LicenceDenied, LicenceNotSupported, Purpose
from e_license.check_ports import CheckAnswer, CheckStatus, Claim, CreditClaim, DataCheck
from kernel.crypto import sm3
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)

_T = TypeVar("_T")


def create(options: Options, kit: Kit) -> DataShare:
    """Return the provider."""
    return DataShare(options, kit)


class DataShare(DataCheck):
    """DataCheck; a register that does not answer makes an answer, not an exception."""

    def __init__(self, options: Options, kit: Kit) -> None:
        self._options = options
        self._kit = kit

    async def check(self, claim: Claim, purpose: Purpose) -> CheckAnswer:
        try:
            found = await self._ask(claim, purpose)
            status = self._known(lambda: mapping.status(found.result, self._options))
        except (UpstreamError, LicenceDenied) as exc:
            code = str(exc.extras.get("upstream_code", ""))
            return self._answer(CheckStatus.UNAVAILABLE, code, reason=exc.code)
        return self._answer(status, found.result, receipt=found.serialNo)

    def checks(self) -> Sequence[Check]:
        return (Check("account", Layer.AUTHENTICATION, self._probe, Operation.CREDIT),)

    async def _probe(self) -> None:
        purpose = Purpose("", "接口自检", "self-check", "接口可用性自检", AuthBasis.BY_DUTY)
        claim = CreditClaim(self._options.probe_uscc, self._options.probe_name)
        await self._ask(claim, purpose)

    async def _ask(self, claim: Claim, purpose: Purpose) -> Checked:
        operation, fields = mapping.question(claim)
        path = mapping.path_of(operation, self._options)
        if not path:
            raise LicenceNotSupported(f"{operation} is not offered here")
        if not mapping.is_complete(fields):
            raise UpstreamRejected(f"{operation}: a field is empty or has an impossible form")
        answer = await self._exchange(operation, path, fields | mapping.reason_of(purpose))
        meaning = self._known(lambda: mapping.meaning(answer.code, self._options))
        said = f"{operation}: code {answer.code}"
        match meaning:
            case Meaning.OK if answer.data is not None:
                return answer.data
            case Meaning.OK:
                raise UpstreamProtocolError(f"{operation}: the answer has no data")
            case Meaning.AUTH_FAILED:
                raise UpstreamAuthFailed(said, upstream_code=answer.code)
            case Meaning.NOT_APPROVED:
                raise LicenceDenied(said, upstream_code=answer.code)
            case Meaning.OUR_FAULT:
                raise UpstreamRejected(said, upstream_code=answer.code)
            case Meaning.FAILED:
                raise UpstreamUnavailable(said, upstream_code=answer.code)

    async def _exchange(self, operation: str, path: str, data: dict[str, str]) -> Answer:
        secret = self._kit.secrets["app_secret"]
        timestamp = str(round(self._kit.clock.now().timestamp() * 1000))
        request_id = self._kit.ids.new("chk")
        raw = await self._kit.client.request_json(
            operation,
            "POST",
            path,
            json={
                "appId": self._options.app_id,
                "timestamp": timestamp,
                "requestId": request_id,
                "data": data,
                "sign": request_sign(secret, self._options.app_id, timestamp, request_id, data),
            },
        )
        try:
            answer = Answer.model_validate(unwrap(raw))
        except (Malformed, ValidationError):
            # Not chained: its text would repeat the answer.
            raise UpstreamProtocolError(f"{operation}: the answer has another shape") from None
        if answer.requestId != request_id:
            raise UpstreamProtocolError(f"{operation}: the answer is of another question")
        result, serial = (answer.data.result, answer.data.serialNo) if answer.data else ("", "")
        wanted = answer_sign(secret, request_id, answer.code, result, serial)
        if answer.data is not None and not sm3.same(wanted.encode(), answer.sign.encode()):
            raise UpstreamProtocolError(f"{operation}: the answer's signature is wrong")
        return answer

    def _answer(
        self, status: CheckStatus, code: str, *, reason: str = "", receipt: str = ""
    ) -> CheckAnswer:
        return CheckAnswer(status, self._kit.clock.now(), code, reason, receipt)

    def _known(self, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except UnknownCode as exc:
            self._kit.unknown(exc.field, exc.code)
            raise UpstreamProtocolError(str(exc)) from None
