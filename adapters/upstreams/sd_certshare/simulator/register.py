"""The licences of the simulated platform: queries, files, verification and dictionaries."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from adapters.sandbox.licences import HOLDER_TYPES, VALID, Licences, SampleLicence
from adapters.sandbox.store import Store
from adapters.upstreams.sd_certshare.simulator.desk import (
    CERT_DATA,
    WHOLE,
    Answering,
    Refused,
    object_of,
    require_cause,
    required,
)
from adapters.upstreams.sd_certshare.wire import (
    FILE_BY_ID,
    IDENTIFIER_KEY,
    URL_SECONDS,
    Operation,
    Status,
)
from kernel.clock import Clock
from kernel.ids import IdSource

SERVICE: Final = "/CertShare"
FILES: Final = f"{SERVICE}/zzgxpt/temp"
_DOWNLOAD: Final = "download"
QRCODE: Final = "qrcode"
_STATUS_OF: Final[Mapping[int, Status]] = {
    -8: Status.ABOLISHED,
    -5: Status.ABOLISHED,
    -3: Status.ABOLISHED,
    -2: Status.ABOLISHED,
    -4: Status.EXPIRED,
    12: Status.RESTRICTED,
    13: Status.RESTRICTED,
}
_RESULT_OF: Final[Mapping[int, int]] = {-8: 3, -5: 3, -3: 3, -2: 3, -4: 3, 12: 2, 13: 2}
"""``result`` of a verification of right data, by the licence's state; 0 for a valid one."""
_LABELS: Final = {
    "zzmc": "证照名称",
    "zzbh": "证照编号",
    "czzt": "持证主体",
    "czztdm": "持证主体代码",
    "czztdmlxdm": "持证主体代码类型代码",
    "zzbfjg": "证照颁发机构",
    "zzyxqqsrq": "证照有效期起始日期",
    "zzyxqjzrq": "证照有效期截止日期",
    "xm": "姓名",
    "xb": "性别",
    "mz": "民族",
    "csrq": "出生日期",
    "zz": "住址",
    "gmsfhm": "公民身份号码",
}


class Register:
    """The operations of ``/CertShare`` that need no consent."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self.licences = Licences()
        self.operations: Mapping[str, Answering] = {
            Operation.BY_HOLDER: self._by_holder,
            Operation.BY_IDENTIFIER: self._by_identifier,
            Operation.BY_QRCODE: self._by_qrcode,
            Operation.DOWNLOAD_URL: self._download_url,
            Operation.DOWNLOAD_URLS: self._download_urls,
            Operation.DOWNLOAD_FILE: self._download_file,
            Operation.VERIFY: self._verify,
            Operation.VERIFY_FILE: self._verify_file,
            Operation.REMARKS: self._remarks,
        }

    def require_type(self, code: str) -> None:
        """Refuse a type that is unknown or that the account may not read."""
        found = self.licences.types.get(code)
        if found is None:
            raise Refused(Status.TYPE_UNKNOWN)
        if not found.granted:
            raise Refused(Status.TYPE_NOT_GRANTED)

    def valid(self, found: tuple[SampleLicence, ...]) -> list[SampleLicence]:
        """Return the licences that may be handed out; refuse when there is none."""
        if not found:
            raise Refused(Status.NO_LICENCE)
        valid = [one for one in found if one.state in VALID]
        if not valid:
            raise Refused(_STATUS_OF[found[0].state])
        return valid

    async def file(self, request: Request) -> Response:
        """Hand out a licence file while its address lives, by name or by ``?id=``."""
        name = request.path_params.get("name") or request.query_params.get("id", "")
        entry = self._store.get(_DOWNLOAD, name)
        if entry is None or datetime.fromisoformat(entry["until"]) <= self._clock.now():
            return PlainTextResponse("not found", 404)
        licence = self._by(entry["identifier"])
        # What the wire says of a picture and of a file is not the same; the bytes decide.
        media_type = "image/png" if licence.file == "png" else "application/octet-stream"
        return Response(licence.content, media_type=media_type)

    def _by(self, identifier: str) -> SampleLicence:
        found = self.licences.by_identifier(identifier)
        if found is None:
            raise Refused(Status.NO_LICENCE)
        self.require_type(found.type)
        return self.valid((found,))[0]

    def _of_holder(self, data: Mapping[str, Any]) -> list[SampleLicence]:
        require_cause(data.get("useCause"))
        holder = required(data, "holderCode")
        holder_type = required(data, "holderTypeCode")
        code = required(data, "certTypeCode")
        if holder_type not in HOLDER_TYPES:
            raise Refused(Status.HOLDER_TYPE_REFUSED)
        self.require_type(code)
        number = data.get("certNo") or ""
        found = self.licences.of(holder_type, holder, code)
        return self.valid(tuple(one for one in found if number in {"", one.face["zzbh"]}))

    def _by_holder(self, data: Mapping[str, Any]) -> tuple[Any, str]:
        return [face_of(one) for one in self._of_holder(data)], CERT_DATA

    def _by_identifier(self, data: Mapping[str, Any]) -> tuple[Any, str]:
        require_cause(data.get("useCause"))
        return face_of(self._by(required(data, "certIdentifier"))), CERT_DATA

    def _by_qrcode(self, data: Mapping[str, Any]) -> tuple[Any, str]:
        require_cause(data.get("useCause"))
        entry = self._store.get(QRCODE, required(data, "qrcode"))
        if entry is None or "identifier" not in entry:
            raise Refused(Status.NO_LICENCE)
        if datetime.fromisoformat(entry["until"]) <= self._clock.now():
            raise Refused(Status.BAD_VALUE)
        return face_of(self._by(entry["identifier"])), CERT_DATA

    def _download_url(self, data: Mapping[str, Any]) -> tuple[Any, str]:
        require_cause(data.get("useCause"))
        licence = self._by(required(data, "certIdentifier"))
        return {"content": f"{FILES}/{self._offer(licence)}"}, WHOLE

    def _download_urls(self, data: Mapping[str, Any]) -> tuple[Any, str]:
        found = self._of_holder(data)
        return [f"{SERVICE}/{FILE_BY_ID}?id={self._offer(one)}" for one in found], WHOLE

    def _download_file(self, data: Mapping[str, Any]) -> tuple[Any, str]:
        require_cause(data.get("certificateCopyCause"))
        form = required(data, "fileType")
        if form not in {"ofd", "png"}:
            raise Refused(Status.BAD_VALUE)
        if until := data.get("certificateCopyExpiringTime"):
            date.fromisoformat(until)
        licence = self._by(required(data, "certificateIdentifier"))
        return base64.b64encode(licence.content_as(form)).decode(), WHOLE

    def _verify(self, data: Mapping[str, Any]) -> tuple[Any, str]:
        require_cause(data.get("useCause"))
        code = required(data, "certTypeCode")
        self.require_type(code)
        claimed = object_of(data.get("certData"))
        if not claimed:
            return _result(6), WHOLE
        holder = required(claimed, "holderCode", Status.HOLDER_CODE_MISSING)
        number = required(claimed, "certNo", Status.CERT_NO_MISSING)
        required(claimed, "holder", Status.HOLDER_MISSING)
        for one in self.licences.all:
            if (one.type, one.holder, one.face["zzbh"]) == (code, holder, number):
                return _result(_compared(claimed, one)), WHOLE
        return _result(5), WHOLE

    def _verify_file(self, data: Mapping[str, Any]) -> tuple[Any, str]:
        require_cause(data.get("useCause"))
        code = required(data, "certTypeCode")
        self.require_type(code)
        if required(data, "contentType") != "base64":
            raise Refused(Status.BAD_VALUE)
        try:
            content = base64.b64decode(required(data, "content"), validate=True)
        except binascii.Error:
            raise Refused(Status.BAD_VALUE) from None
        found = self.licences.by_content(content, code)
        return _result(5 if found is None else _RESULT_OF.get(found.state, 0)), WHOLE

    def _remarks(self, data: Mapping[str, Any]) -> tuple[Any, str]:
        code = required(data, "certTypeCode")
        self.require_type(code)
        keys = {key for one in self.licences.all if one.type == code for key in one.shown}
        return {key: _LABELS.get(key, key) for key in sorted(keys)}, WHOLE

    def _offer(self, licence: SampleLicence) -> str:
        name = f"{self._ids.secret()}.{licence.file}"
        until = self._clock.now() + timedelta(seconds=URL_SECONDS)
        with self._store.transaction():
            self._sweep()
            entry = {"identifier": licence.identifier, "until": until.isoformat()}
            self._store.put(_DOWNLOAD, name, entry)
        return name

    def _sweep(self) -> None:
        now = self._clock.now()
        for name, entry in self._store.items(_DOWNLOAD):
            if datetime.fromisoformat(entry["until"]) <= now:
                self._store.delete(_DOWNLOAD, name)


def face_of(licence: SampleLicence) -> dict[str, str]:
    """Return the face map of an answer."""
    return {IDENTIFIER_KEY: licence.identifier, **licence.shown}


def _compared(claimed: Mapping[str, Any], licence: SampleLicence) -> int:
    known = {"holder": licence.face["czzt"], **licence.face}
    further = {key: value for key, value in claimed.items() if key not in {"holderCode", "certNo"}}
    if any(known.get(key) != value for key, value in further.items()):
        return 7
    return _RESULT_OF.get(licence.state, 0)


def _result(number: int) -> dict[str, Any]:
    return {"result": number, "message": ""}
