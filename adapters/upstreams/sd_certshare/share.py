"""One question to the share service: envelope, status, and decryption off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from adapters.dialects.nested import Malformed, unwrap
from adapters.kit.kit import Kit
from adapters.kit.licences import UnknownCode
from adapters.upstreams.sd_certshare import mapping
from adapters.upstreams.sd_certshare.mapping import Verdict
from adapters.upstreams.sd_certshare.options import Options
from adapters.upstreams.sd_certshare.sealed import opened
from adapters.upstreams.sd_certshare.wire import Answer, Caller, CertData, Request, Status
from kernel.crypto import sm2
from kernel.crypto.errors import DecryptionFailed
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)

_T = TypeVar("_T")
Opener = Callable[[str, sm2.PrivateKey, str], Any]
_ONLY_OK: Final[AbstractSet[int]] = frozenset({Status.OK.value})


@dataclass(frozen=True)
class Reply:
    """An answer whose status was read; ``data`` is still encrypted and there for OK only."""

    verdict: Verdict
    status: int
    data: Any


class Share:
    """The share service as our account sees it."""

    def __init__(
        self, options: Options, kit: Kit, key: sm2.PrivateKey, opener: Opener = opened
    ) -> None:
        self._options = options
        self._kit = kit
        self._key = key
        self._opener = opener

    async def ask(
        self,
        operation: str,
        data: BaseModel,
        *,
        path: str = "",
        success: AbstractSet[int] = _ONLY_OK,
    ) -> Reply:
        """Return the answer to one question; ``path`` where it is not the operation's own.

        Raises the five upstream errors; the remaining verdicts are the caller's to read.
        """
        head = Caller(
            accessId=self._options.access_id, accessToken=self._kit.secrets["access_token"]
        )
        raw = await self._kit.client.request_json(
            operation,
            "POST",
            path or f"{self._options.service_path}/{operation}",
            json=Request.model_validate({"head": head, "data": data}).model_dump(),
        )
        try:
            answer = Answer.model_validate(unwrap(raw))
        except (Malformed, ValidationError):
            # Not chained: its text would repeat the answer.
            raise UpstreamProtocolError(f"{operation}: the answer has no proper head") from None
        status = answer.head.status
        if status in success:
            return Reply(Verdict.OK, status, answer.data)
        verdict = self.known(lambda: mapping.verdict(status))
        said = f"{operation}: status {status}"
        match verdict:
            case Verdict.AUTH_FAILED:
                raise UpstreamAuthFailed(said, upstream_code=str(status))
            case Verdict.OUR_FAULT:
                raise UpstreamRejected(said, upstream_code=str(status))
            case Verdict.FAILED:
                raise UpstreamUnavailable(said, upstream_code=str(status))
            case _:
                return Reply(verdict, status, answer.data)

    async def cert_data(self, reply: Reply, shape: TypeAdapter[_T]) -> _T:
        """Return what a query answered: there only ``certData`` is encrypted."""
        try:
            sealed = CertData.model_validate(reply.data).certData
        except ValidationError:
            raise UpstreamProtocolError("the answer has no certData") from None
        return await self.whole(sealed, shape)

    async def whole(self, ciphertext: Any, shape: TypeAdapter[_T]) -> _T:
        """Return what an encrypted text holds; raise UpstreamProtocolError for another key, order
        or shape.
        """
        if not isinstance(ciphertext, str):
            raise UpstreamProtocolError("the encrypted part of the answer is not a text")
        order = self._options.ciphertext_order
        try:
            # A scalar multiplication takes as long as many small requests: in a thread it is
            # libcrypto's, without the interpreter's lock.
            plain = await asyncio.to_thread(self._opener, ciphertext, self._key, order)
            return shape.validate_python(plain)
        except DecryptionFailed as exc:
            raise UpstreamProtocolError(f"cannot decrypt the answer: {exc.detail}") from None
        except (ValueError, RecursionError):
            raise UpstreamProtocolError("the decrypted answer has another shape") from None

    def known(self, read: Callable[[], _T]) -> _T:
        """Return what ``read`` makes of a code; count an unknown one and raise
        UpstreamProtocolError.
        """
        try:
            return read()
        except UnknownCode as exc:
            self._kit.unknown(exc.field, exc.code)
            raise UpstreamProtocolError(str(exc)) from None
