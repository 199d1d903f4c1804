"""The licence port on the Shandong e-licence share service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.registry import BadConnection
from adapters.upstreams.sd_certshare import mapping
from adapters.upstreams.sd_certshare.mapping import UnknownCode, Verdict
from adapters.upstreams.sd_certshare.options import Options
from adapters.upstreams.sd_certshare.sealed import opened, read_key
from adapters.upstreams.sd_certshare.wire import (
    Answer,
    ByHolder,
    ByIdentifier,
    Caller,
    CertData,
    Content,
    Operation,
    Request,
    UseCause,
)
from e_license import (
    AnswerStatus,
    AuthBasis,
    Holder,
    LicenceAnswer,
    LicenceDenied,
    LicenceDocument,
    LicenceNotFound,
    LicenceNotSupported,
    LicenceNotUsable,
    LicenceProvider,
    Purpose,
)
from kernel.crypto import sm2
from kernel.crypto.errors import DecryptionFailed, InvalidKey
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)
from kernel.gbcodes import make_licence_identifier

DOWNLOAD: Final = "download"

_T = TypeVar("_T")
_Face = dict[str, str | int | None]
_FACE: Final = TypeAdapter(_Face)
_FACES: Final = TypeAdapter(list[_Face])
_NO_LICENCE: Final = make_licence_identifier("11100000MB0143028R001", "370000", "SELFCHECK", 1)
"""An identifier that no licence has: the answer "no such licence" proves account and protocol."""
_MAGIC: Final = (
    (b"PK\x03\x04", "application/ofd"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
)


@dataclass(frozen=True)
class _Reply:
    """An answer whose status was read; ``data`` is still encrypted and there for OK only."""

    verdict: Verdict
    status: int
    data: Any


def create(options: Options, kit: Kit) -> CertShare:
    """Return the provider; raise BadConnection when the private key is not one."""
    try:
        key = read_key(kit.secrets["private_key"])
    except InvalidKey as exc:
        message = f"secrets of {kit.manifest.name}: private_key is not an SM2 key in PEM or hex"
        raise BadConnection(f"{message} ({exc.detail})") from None
    return CertShare(options, kit, key)


class CertShare(LicenceProvider):
    """LicenceProvider; every method is a question and may be repeated."""

    def __init__(self, options: Options, kit: Kit, key: sm2.PrivateKey) -> None:
        self._options = options
        self._kit = kit
        self._key = key

    async def find(self, holder: Holder, licence_type: str, purpose: Purpose) -> LicenceAnswer:
        data = ByHolder(
            holderCode=holder.code,
            holderTypeCode=holder.kind.value,
            certTypeCode=mapping.local_type(licence_type, self._options),
            useCause=self._use_cause(purpose),
        )
        reply = await self._ask(Operation.BY_HOLDER, data)
        if reply.verdict is not Verdict.OK:
            return _without_licence(reply)
        faces = self._open_as(_FACES, self._cert_data(reply))
        return self._answer(faces, licence_type)

    async def fetch(self, identifier: str, purpose: Purpose) -> LicenceAnswer:
        data = ByIdentifier(certIdentifier=identifier, useCause=self._use_cause(purpose))
        reply = await self._ask(Operation.BY_IDENTIFIER, data)
        if reply.verdict is not Verdict.OK:
            return _without_licence(reply)
        return self._answer([self._open_as(_FACE, self._cert_data(reply))], "")

    async def document(self, identifier: str, purpose: Purpose) -> LicenceDocument:
        data = ByIdentifier(certIdentifier=identifier, useCause=self._use_cause(purpose))
        reply = await self._ask(Operation.DOWNLOAD_URL, data)
        _require_ok(reply)
        content = self._open_as(TypeAdapter(Content), reply.data).content
        if not _is_relative(content):
            raise UpstreamProtocolError("the address of the licence file is not a relative one")
        # Fetched at once: the address dies after 600 seconds and never leaves this method.
        found = await self._kit.client.request(
            DOWNLOAD, "GET", self._options.download_path + content
        )
        for magic, media_type in _MAGIC:
            if found.status == 200 and found.body.startswith(magic):
                return LicenceDocument.of(found.body, media_type)
        raise UpstreamProtocolError("the licence file is neither OFD nor PNG")

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

    async def _ask(self, operation: str, data: ByHolder | ByIdentifier) -> _Reply:
        head = Caller(
            accessId=self._options.access_id, accessToken=self._kit.secrets["access_token"]
        )
        raw = await self._kit.client.request_json(
            operation,
            "POST",
            f"{self._options.service_path}/{operation}",
            json=Request(head=head, data=data).model_dump(),
        )
        try:
            answer = Answer.model_validate(raw)
        except ValidationError:
            # Not chained: its text would repeat the answer.
            raise UpstreamProtocolError(f"{operation}: the answer has no proper head") from None
        status = answer.head.status
        try:
            verdict = mapping.verdict(status)
        except UnknownCode as exc:
            raise self._unknown(exc) from None
        said = f"{operation}: status {status}"
        match verdict:
            case Verdict.AUTH_FAILED:
                raise UpstreamAuthFailed(said, upstream_code=str(status))
            case Verdict.OUR_FAULT:
                raise UpstreamRejected(said, upstream_code=str(status))
            case Verdict.FAILED:
                raise UpstreamUnavailable(said, upstream_code=str(status))
            case _:
                return _Reply(verdict, status, answer.data)

    def _cert_data(self, reply: _Reply) -> Any:
        try:
            return CertData.model_validate(reply.data).certData
        except ValidationError:
            raise UpstreamProtocolError("the answer has no certData") from None

    def _open_as(self, shape: TypeAdapter[_T], ciphertext: Any) -> _T:
        if not isinstance(ciphertext, str):
            raise UpstreamProtocolError("the encrypted part of the answer is not a text")
        try:
            plain = opened(ciphertext, self._key, self._options.ciphertext_order)
            return shape.validate_python(plain)
        except DecryptionFailed as exc:
            raise UpstreamProtocolError(f"cannot decrypt the answer: {exc.detail}") from None
        except ValueError:
            raise UpstreamProtocolError("the decrypted answer has another shape") from None

    def _answer(self, faces: list[_Face], asked_type: str) -> LicenceAnswer:
        try:
            found = tuple(
                mapping.licence(_texts(face), asked_type, self._options) for face in faces
            )
        except UnknownCode as exc:
            raise self._unknown(exc) from None
        status = AnswerStatus.FOUND if found else AnswerStatus.NOT_FOUND
        return LicenceAnswer(status, found, upstream_status="0")

    def _unknown(self, exc: UnknownCode) -> UpstreamProtocolError:
        self._kit.unknown(exc.field, exc.code)
        return UpstreamProtocolError(str(exc))


def _texts(face: _Face) -> Mapping[str, str]:
    return {key: "" if value is None else str(value) for key, value in face.items()}


def _is_relative(address: str) -> bool:
    parts = urlsplit(address)
    return (
        address.startswith("/")
        and not (parts.scheme or parts.netloc or "\\" in address)
        and ".." not in parts.path.split("/")
    )


def _without_licence(reply: _Reply) -> LicenceAnswer:
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


def _require_ok(reply: _Reply) -> None:
    code = str(reply.status)
    said = f"the licence file was not handed out: status {code}"
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
