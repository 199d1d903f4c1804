"""The licence port on the national index: look a licence up, then ask the source that issued it."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from adapters.dialects.nested import Malformed, unwrap
from adapters.kit.checks.layers import Check, Layer
from adapters.kit.deadline import deadline
from adapters.kit.kit import Kit
from adapters.kit.licences import UnknownCode, licence_file, require_holder, require_identifier
from adapters.upstreams.national_licence import mapping
from adapters.upstreams.national_licence.options import Meaning, Options
from adapters.upstreams.national_licence.wire import (
    TOKEN_HEADER,
    Answer,
    Fetched,
    File,
    Operation,
    Row,
)
from e_license import (
    AnswerStatus,
    AuthBasis,
    Holder,
    IdDocType,
    Licence,
    LicenceAnswer,
    LicenceDenied,
    LicenceDocument,
    LicenceNotFound,
    LicenceNotSupported,
    LicenceNotUsable,
    LicenceProvider,
    LicenceState,
    Purpose,
)
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)

MAX_ROWS: Final = 50
PARTIAL: Final = "licence_source_unavailable"
"""Reason of an answer that lacks what one of the issuing sources would have said."""
_T = TypeVar("_T")
_M = TypeVar("_M", bound=BaseModel)


class _Rows(BaseModel):
    rows: list[Row]


def create(options: Options, kit: Kit) -> NationalLicences:
    """Return the provider."""
    return NationalLicences(options, kit)


class _Refused(Exception):
    """The service answers about the licence, not about us."""

    def __init__(self, meaning: Meaning, code: str) -> None:
        super().__init__(code)
        self.meaning = meaning
        self.code = code


class NationalLicences(LicenceProvider):
    """LicenceProvider; an issuing source that is down costs its own licences, not the others'."""

    def __init__(self, options: Options, kit: Kit) -> None:
        self._options = options
        self._kit = kit

    async def find(self, holder: Holder, licence_type: str, purpose: Purpose) -> LicenceAnswer:
        try:
            rows = await self._index(
                {
                    "certificate_holder_code": holder.code,
                    "certificate_holder_type": holder.kind.value,
                    "certificate_type_code": licence_type,
                },
                purpose,
            )
            found = [one for one in rows if one.certificate_type_code == licence_type]
            answer = await self._answer(found, purpose)
        except _Refused as exc:
            return _without_licence(exc)
        require_holder(answer.licences, holder)
        return answer

    async def fetch(self, identifier: str, purpose: Purpose) -> LicenceAnswer:
        try:
            rows = await self._index({"certificate_source_id": identifier}, purpose)
            answer = await self._answer(rows, purpose)
        except _Refused as exc:
            return _without_licence(exc)
        require_identifier(answer.licences, identifier)
        return answer

    async def document(self, identifier: str, purpose: Purpose) -> LicenceDocument:
        try:
            rows = await self._index({"certificate_source_id": identifier}, purpose)
            answer = await self._answer(rows, purpose)
            require_identifier(answer.licences, identifier)
            for one in answer.licences:
                if one.state is not LicenceState.VALID:
                    raise LicenceNotUsable(f"state {one.raw_state}", state=one.state.value)
            data = await self._ask(
                Operation.FILE,
                self._options.file_path,
                {"certificate_source_id": identifier},
                purpose,
                seconds=mapping.seconds_for(rows[0].certificate_area_code, self._options)
                if rows
                else self._options.source_seconds,
            )
        except _Refused as exc:
            raise _refused(exc) from None
        try:
            return licence_file(base64.b64decode(self._read(File, data).content, validate=True))
        except binascii.Error:
            raise UpstreamProtocolError("the licence file is not base64") from None

    def checks(self) -> Sequence[Check]:
        return (Check("account", Layer.AUTHENTICATION, self._probe, Operation.INDEX),)

    async def _probe(self) -> None:
        purpose = Purpose("", "接口自检", "self-check", "接口可用性自检", AuthBasis.BY_DUTY)
        holder = Holder(IdDocType.UNIFIED_SOCIAL_CREDIT_CODE, self._options.probe_uscc)
        await self.find(holder, self._options.probe_type, purpose)

    async def _index(self, wanted: dict[str, str], purpose: Purpose) -> list[Row]:
        path = self._options.index_path
        data = await self._ask(Operation.INDEX, path, wanted, purpose)
        rows = [one for one in self._read(_Rows, {"rows": data}).rows if mapping.is_current(one)]
        if len(rows) > MAX_ROWS:
            raise UpstreamProtocolError(f"more than {MAX_ROWS} rows of one question")
        return rows

    async def _answer(self, rows: Sequence[Row], purpose: Purpose) -> LicenceAnswer:
        if not rows:
            return LicenceAnswer(AnswerStatus.NOT_FOUND)
        asked = await asyncio.gather(*(self._of_source(one, purpose) for one in rows))
        licences = tuple(one for one in asked if isinstance(one, Licence))
        failed = [one for one in asked if isinstance(one, UpstreamUnavailable)]
        if not licences:
            raise failed[0]
        reason = PARTIAL if failed else ""
        return LicenceAnswer(AnswerStatus.FOUND, licences, reason=reason, upstream_status="0")

    async def _of_source(self, row: Row, purpose: Purpose) -> Licence | UpstreamUnavailable:
        wanted = {
            "certificate_source_id": row.certificate_source_id,
            "certificate_area_code": row.certificate_area_code,
        }
        seconds = mapping.seconds_for(row.certificate_area_code, self._options)
        try:
            data = await self._ask(
                Operation.FETCH, self._options.fetch_path, wanted, purpose, seconds=seconds
            )
        except UpstreamUnavailable as exc:
            return exc
        fetched = self._read(Fetched, data)
        if fetched.certificate_source_id != row.certificate_source_id:
            raise UpstreamProtocolError("the source answered about another licence")
        return self._known(lambda: mapping.licence(row, fetched, self._options))

    async def _ask(
        self,
        operation: str,
        path: str,
        wanted: dict[str, str],
        purpose: Purpose,
        *,
        seconds: float | None = None,
    ) -> Any:
        body = {
            "system_code": self._options.system_code,
            "item_code": purpose.item_code,
            "item_name": purpose.item_name,
            "biz_num": purpose.reference,
            "use_cause": purpose.cause,
            **wanted,
        }
        headers = {TOKEN_HEADER: self._kit.secrets["access_token"]}
        async with deadline(seconds or self._kit.manifest.limits.deadline_ms / 1000):
            raw = await self._kit.client.request_json(
                operation, "POST", path, json=body, headers=headers
            )
        try:
            answer = Answer.model_validate(unwrap(raw))
        except (Malformed, ValidationError):
            # Not chained: its text would repeat the answer.
            raise UpstreamProtocolError(f"{operation}: the answer has no envelope") from None
        meaning = self._known(lambda: mapping.meaning(answer.code, self._options))
        if meaning is Meaning.OK:
            return answer.data
        raise _error(operation, meaning, answer.code)

    def _read(self, shape: type[_M], data: Any) -> _M:
        try:
            return shape.model_validate(data)
        except ValidationError:
            raise UpstreamProtocolError("the answer's data have another shape") from None

    def _known(self, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except UnknownCode as exc:
            self._kit.unknown(exc.field, exc.code)
            raise UpstreamProtocolError(str(exc)) from None


def _error(operation: str, meaning: Meaning, code: str) -> UpstreamError | _Refused:
    said = f"{operation}: code {code}"
    match meaning:
        case Meaning.AUTH_FAILED:
            return UpstreamAuthFailed(said, upstream_code=code)
        case Meaning.OUR_FAULT:
            return UpstreamRejected(said, upstream_code=code)
        case Meaning.FAILED:
            return UpstreamUnavailable(said, upstream_code=code)
        case _:
            return _Refused(meaning, code)


def _without_licence(refused: _Refused) -> LicenceAnswer:
    status = {
        Meaning.NOT_FOUND: AnswerStatus.NOT_FOUND,
        Meaning.DENIED: AnswerStatus.DENIED,
    }.get(refused.meaning, AnswerStatus.UNAVAILABLE)
    reason = LicenceNotSupported.code if status is AnswerStatus.UNAVAILABLE else ""
    return LicenceAnswer(status, reason=reason, upstream_status=refused.code)


def _refused(refused: _Refused) -> LicenceNotFound | LicenceDenied | LicenceNotSupported:
    match refused.meaning:
        case Meaning.NOT_FOUND:
            return LicenceNotFound(refused.code, upstream_code=refused.code)
        case Meaning.DENIED:
            return LicenceDenied(refused.code, upstream_code=refused.code)
        case _:
            return LicenceNotSupported(refused.code, upstream_code=refused.code)
