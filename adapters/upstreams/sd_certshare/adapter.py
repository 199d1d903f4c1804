"""The licence port on the Shandong e-licence share service."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.licences import licence_file, require_holder, require_identifier
from adapters.kit.registry import BadConnection
from adapters.upstreams.sd_certshare import mapping, wire
from adapters.upstreams.sd_certshare.mapping import Verdict
from adapters.upstreams.sd_certshare.options import Options
from adapters.upstreams.sd_certshare.reference import Consent
from adapters.upstreams.sd_certshare.sealed import read_key
from adapters.upstreams.sd_certshare.share import Reply, Share
from adapters.upstreams.sd_certshare.wire import Content, Operation, UseCause
from e_license import (
    Agreement,
    AnswerStatus,
    AuthBasis,
    ClaimedFace,
    ConsentStarted,
    ConsentStatus,
    Holder,
    InvalidPurpose,
    LicenceAnswer,
    LicenceDenied,
    LicenceDocument,
    LicenceNotFound,
    LicenceNotSupported,
    LicenceNotUsable,
    LicenceProvider,
    Purpose,
    Verification,
)
from kernel.clock import beijing_day
from kernel.crypto.errors import InvalidKey
from kernel.errors import UpstreamProtocolError, UpstreamRejected
from kernel.gbcodes import make_licence_identifier

DOWNLOAD: Final = "download"
MAX_FILES: Final = 20
"""More licences of one type than any holder has; what is above it is not fetched."""

_Face = dict[str, str | int | None]
_FACE: Final = TypeAdapter(_Face)
_FACES: Final = TypeAdapter(list[_Face])
_TEXTS: Final = TypeAdapter(dict[str, str])
_CONTENT: Final = TypeAdapter(Content)
_CONTENTS: Final = TypeAdapter(list[Content | str])
_FILE: Final = TypeAdapter(Content | str)
_NO_LICENCE: Final = make_licence_identifier("11100000MB0143028R001", "370000", "SELFCHECK", 1)
"""An identifier that no licence has: the answer "no such licence" proves account and protocol."""


def create(options: Options, kit: Kit) -> CertShare:
    """Return the provider; raise BadConnection when the private key is not one."""
    try:
        key = read_key(kit.secrets["private_key"])
    except InvalidKey as exc:
        message = f"secrets of {kit.manifest.name}: private_key is not an SM2 key in PEM or hex"
        raise BadConnection(f"{message} ({exc.detail})") from None
    return CertShare(options, kit, Share(options, kit, key))


class CertShare(LicenceProvider):
    """LicenceProvider; every method but ``begin_consent`` and ``find_by_consent`` is a question
    that may be repeated.
    """

    def __init__(self, options: Options, kit: Kit, share: Share) -> None:
        self._options = options
        self._kit = kit
        self._share = share

    async def find(self, holder: Holder, licence_type: str, purpose: Purpose) -> LicenceAnswer:
        data = self._by_holder(holder, licence_type, purpose)
        reply = await self._share.ask(Operation.BY_HOLDER, data)
        answer = await self._licences(reply, licence_type)
        require_holder(answer.licences, holder)
        return answer

    async def fetch(self, identifier: str, purpose: Purpose) -> LicenceAnswer:
        data = wire.ByIdentifier(certIdentifier=identifier, useCause=self._use_cause(purpose))
        reply = await self._share.ask(Operation.BY_IDENTIFIER, data)
        answer = await self._licence(reply)
        require_identifier(answer.licences, identifier)
        return answer

    async def find_by_code(self, qrcode: str, purpose: Purpose) -> LicenceAnswer:
        data = wire.ByQRCode(qrcode=qrcode, useCause=self._use_cause(purpose))
        return await self._licence(await self._share.ask(Operation.BY_QRCODE, data))

    async def document(self, identifier: str, purpose: Purpose) -> LicenceDocument:
        data = wire.ByIdentifier(certIdentifier=identifier, useCause=self._use_cause(purpose))
        reply = await self._share.ask(Operation.DOWNLOAD_URL, data)
        _require_ok(reply)
        content = await self._share.whole(reply.data, _CONTENT)
        return await self._download(content)

    async def documents(
        self, holder: Holder, licence_type: str, purpose: Purpose
    ) -> Sequence[LicenceDocument]:
        data = self._by_holder(holder, licence_type, purpose)
        reply = await self._share.ask(Operation.DOWNLOAD_URLS, data)
        _require_ok(reply)
        found = await self._share.whole(reply.data, _CONTENTS)
        if len(found) > MAX_FILES:
            raise UpstreamProtocolError(f"more than {MAX_FILES} files of one holder and type")
        return await asyncio.gather(*(self._download(one) for one in found))

    async def copy(self, identifier: str, purpose: Purpose, media_type: str) -> LicenceDocument:
        until = beijing_day(self._kit.clock.now()) + timedelta(days=self._options.copy_days)
        data = wire.FileCopy(
            certificateIdentifier=identifier,
            fileType="png" if media_type == "image/png" else "ofd",
            certificateCopyCause=self._use_cause(purpose),
            certificateCopyExpiringTime=until.isoformat(),
        )
        reply = await self._share.ask(Operation.DOWNLOAD_FILE, data)
        _require_ok(reply)
        found = await self._share.whole(reply.data, _FILE)
        coded = found.content if isinstance(found, Content) else found
        try:
            document = licence_file(base64.b64decode(coded, validate=True))
        except binascii.Error:
            raise UpstreamProtocolError("the licence file is not base64") from None
        if document.media_type != media_type:
            raise UpstreamProtocolError("the licence file has another form than the one asked for")
        return document

    async def begin_consent(
        self, qrcode: str, licence_types: Sequence[str], purpose: Purpose
    ) -> ConsentStarted:
        codes = [mapping.local_type(one, self._options) for one in licence_types]
        reply = await self._share.ask(
            wire.Consent.BEGIN,
            wire.BeginVerify(qrcode=qrcode, certCodes=codes),
            path=f"{self._options.consent_path}/{wire.Consent.BEGIN_PATH}",
            success=wire.BEGUN,
        )
        if reply.verdict is not Verdict.OK:
            raise UpstreamRejected("the code was not accepted", upstream_code=str(reply.status))
        trx = (await self._share.whole(reply.data, TypeAdapter(wire.Begun))).trxId
        now, seconds = self._kit.clock.now(), self._options.consent_seconds
        made = Consent.begun(trx, now, seconds, self._consent_key(), purpose.reference)
        return ConsentStarted(made.reference, made.ends)

    async def consent(self, reference: str) -> ConsentStatus:
        found = Consent.read(reference)
        if found is None:
            raise InvalidPurpose("this is no reference of a consent")
        if self._is_over(found):
            return ConsentStatus.EXPIRED
        reply = await self._share.ask(
            wire.Consent.STATUS,
            wire.Trx(trxId=found.trx),
            path=f"{self._options.consent_path}/{wire.Consent.STATUS_PATH}",
        )
        if reply.verdict is not Verdict.OK:
            return ConsentStatus.DENIED
        said = (await self._share.whole(reply.data, TypeAdapter(wire.Progress))).verifyStatus
        if said == wire.AUTHORISED:
            return ConsentStatus.AUTHORISED
        return ConsentStatus.PENDING if said == wire.AUTHORISING else ConsentStatus.DENIED

    async def find_by_consent(
        self, reference: str, licence_type: str, purpose: Purpose
    ) -> LicenceAnswer:
        found = Consent.read(reference)
        if found is None or not found.is_of(self._consent_key(), purpose.reference):
            raise InvalidPurpose("the consent was given for another case")
        if self._is_over(found):
            return LicenceAnswer(AnswerStatus.DENIED, reason=ConsentStatus.EXPIRED.value)
        data = wire.ByTrx(
            trxId=found.trx,
            certTypeCode=mapping.local_type(licence_type, self._options),
            useCause=self._use_cause(purpose),
        )
        reply = await self._share.ask(Operation.BY_CONSENT, data)
        return await self._licences(reply, licence_type)

    async def verify(self, licence_type: str, face: ClaimedFace, purpose: Purpose) -> Verification:
        data = wire.Claimed(
            certTypeCode=mapping.local_type(licence_type, self._options),
            certData={
                **face.fields,
                "holderCode": face.holder.code,
                "holder": face.holder_name,
                "certNo": face.licence_no,
            },
            useCause=self._use_cause(purpose),
        )
        return await self._verification(await self._share.ask(Operation.VERIFY, data))

    async def verify_file(
        self, licence_type: str, content: bytes, purpose: Purpose
    ) -> Verification:
        data = wire.ClaimedFile(
            certTypeCode=mapping.local_type(licence_type, self._options),
            content=base64.b64encode(content).decode(),
            useCause=self._use_cause(purpose),
        )
        return await self._verification(await self._share.ask(Operation.VERIFY_FILE, data))

    async def dictionary(self, licence_type: str) -> Mapping[str, str]:
        data = wire.TypeAsked(certTypeCode=mapping.local_type(licence_type, self._options))
        reply = await self._share.ask(Operation.REMARKS, data)
        _require_ok(reply)
        return await self._share.whole(reply.data, _TEXTS)

    def checks(self) -> Sequence[Check]:
        account = Check(
            "account",
            Layer.AUTHENTICATION,
            self._ask_for_nothing,
            operation=Operation.BY_IDENTIFIER,
        )
        if not self._options.probe_identifier:
            return (account,)
        read = Check("test licence", Layer.BUSINESS, self._read_test_licence)
        return account, read

    async def _ask_for_nothing(self) -> None:
        await self.fetch(_NO_LICENCE, self._probe_purpose())

    async def _read_test_licence(self) -> None:
        answer = await self.fetch(self._options.probe_identifier, self._probe_purpose())
        if not answer.licences:
            raise UpstreamRejected(
                "the test licence was not handed out", upstream_code=answer.upstream_status
            )

    def _probe_purpose(self) -> Purpose:
        return Purpose("", "接口自检", "self-check", "接口可用性自检", AuthBasis.BY_DUTY)

    def _use_cause(self, purpose: Purpose) -> UseCause | str:
        return mapping.use_cause(
            form=self._options.use_cause,
            system_name=self._options.system_name,
            cause=purpose.cause,
            item_code=purpose.item_code,
            item_name=purpose.item_name,
        )

    def _by_holder(self, holder: Holder, licence_type: str, purpose: Purpose) -> wire.ByHolder:
        return wire.ByHolder(
            holderCode=holder.code,
            holderTypeCode=holder.kind.value,
            certTypeCode=mapping.local_type(licence_type, self._options),
            useCause=self._use_cause(purpose),
        )

    def _consent_key(self) -> str:
        return self._kit.secrets["access_token"]

    def _is_over(self, consent: Consent) -> bool:
        return self._kit.clock.now() >= consent.ends

    async def _download(self, where: Content | str) -> LicenceDocument:
        # Fetched at once: the address dies after 600 seconds and never leaves this class.
        address = where.content if isinstance(where, Content) else where
        if not _is_relative(address):
            raise UpstreamProtocolError("the address of the licence file is not a relative one")
        by_id = urlsplit(address).path.endswith(f"/{wire.FILE_BY_ID}")
        found = await self._kit.client.request(
            wire.FILE_BY_ID_OPERATION if by_id else DOWNLOAD,
            "GET",
            self._options.download_path + address,
        )
        if found.status != 200:
            raise UpstreamProtocolError("the licence file was not handed out at its address")
        return licence_file(found.body)

    async def _licence(self, reply: Reply) -> LicenceAnswer:
        if reply.verdict is not Verdict.OK:
            return _without_licence(reply)
        return self._answer([await self._share.cert_data(reply, _FACE)], "")

    async def _licences(self, reply: Reply, asked_type: str) -> LicenceAnswer:
        if reply.verdict is not Verdict.OK:
            return _without_licence(reply)
        return self._answer(await self._share.cert_data(reply, _FACES), asked_type)

    def _answer(self, faces: list[_Face], asked_type: str) -> LicenceAnswer:
        found = tuple(
            self._share.known(lambda: mapping.licence(_texts(face), asked_type, self._options))  # noqa: B023 - called at once
            for face in faces
        )
        status = AnswerStatus.FOUND if found else AnswerStatus.NOT_FOUND
        return LicenceAnswer(status, found, upstream_status="0")

    async def _verification(self, reply: Reply) -> Verification:
        match reply.verdict:
            case Verdict.OK:
                said = await self._share.whole(reply.data, TypeAdapter(wire.Verified))
                agreement = self._share.known(lambda: mapping.agreement(said.result))
                return Verification(agreement, str(said.result))
            case Verdict.NOT_FOUND:
                return Verification(Agreement.NO_RECORD, str(reply.status))
            case Verdict.STATE:
                return Verification(mapping.AGREEMENT_OF[reply.status], str(reply.status))
            case Verdict.DENIED:
                code = str(reply.status)
                raise LicenceDenied(f"status {code}", upstream_code=code)
            case _:
                return Verification(Agreement.NOT_OFFERED, str(reply.status))


def _texts(face: _Face) -> Mapping[str, str]:
    return {key: "" if value is None else str(value) for key, value in face.items()}


def _is_relative(address: str) -> bool:
    parts = urlsplit(address)
    return (
        address.startswith("/")
        and not (parts.scheme or parts.netloc or "\\" in address)
        and ".." not in parts.path.split("/")
    )


def _without_licence(reply: Reply) -> LicenceAnswer:
    status = str(reply.status)
    match reply.verdict:
        case Verdict.NOT_FOUND:
            return LicenceAnswer(AnswerStatus.NOT_FOUND, upstream_status=status)
        case Verdict.STATE:
            state = mapping.STATE_OF[reply.status]
            return LicenceAnswer(AnswerStatus.FOUND, state=state, upstream_status=status)
        case Verdict.DENIED:
            return LicenceAnswer(AnswerStatus.DENIED, upstream_status=status)
        case _:
            return LicenceAnswer(
                AnswerStatus.UNAVAILABLE,
                reason=LicenceNotSupported.code,
                upstream_status=status,
            )


def _require_ok(reply: Reply) -> None:
    code = str(reply.status)
    said = f"nothing was handed out: status {code}"
    match reply.verdict:
        case Verdict.OK:
            return
        case Verdict.NOT_FOUND:
            raise LicenceNotFound(said, upstream_code=code)
        case Verdict.STATE:
            state = mapping.STATE_OF[reply.status].value
            raise LicenceNotUsable(said, upstream_code=code, state=state)
        case Verdict.DENIED:
            raise LicenceDenied(said, upstream_code=code)
        case _:
            raise LicenceNotSupported(said, upstream_code=code)
