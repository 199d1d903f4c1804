"""One question to the licence system: access token, envelope, signature and error codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from adapters.dialects.nested import Malformed, unwrap
from adapters.kit.kit import Kit
from adapters.kit.licences import UnknownCode
from adapters.kit.tokens import Token, TokenCache
from adapters.upstreams.gd_auth_code import mapping
from adapters.upstreams.gd_auth_code.options import Meaning, Options
from adapters.upstreams.gd_auth_code.signature import answer_sign
from adapters.upstreams.gd_auth_code.wire import LOGIN_PATH, SUCCESS, Answer, LoginData, Operation
from kernel.crypto import sm3
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)

_T = TypeVar("_T")
_M = TypeVar("_M", bound=BaseModel)
_TIMES: Final = 2
"""A token that died early is renewed once."""


@dataclass(frozen=True)
class Refusal:
    """A FAILURE that is an answer about the licence, not about us."""

    meaning: Meaning
    code: str


class Desk:
    """The licence system as our account sees it."""

    def __init__(self, options: Options, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._tokens = TokenCache(kit.clock, self._login)

    async def sign_in(self) -> None:
        """Log in anew, for the self-check."""
        await self._login()

    async def ask(
        self,
        operation: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        json: dict[str, Any] | None = None,
    ) -> Any:
        """Return ``data`` of a SUCCESS, or a Refusal; raises the five upstream errors."""
        for attempt in range(_TIMES):
            token = await self._tokens.get()
            answer = await self._send(
                operation, path, params={**(params or {}), "access_token": token}, json=json
            )
            if answer.ack_code == SUCCESS:
                return answer.data
            refusal = self._refusal(answer)
            if refusal.meaning is Meaning.TOKEN_OVER and attempt + 1 < _TIMES:
                self._tokens.forget(token)
                continue
            return self._told(operation, refusal)
        raise UpstreamAuthFailed(f"{operation}: no access token is accepted")

    def read(self, shape: type[_M], data: Any) -> _M:
        """Return data of their shape; raises UpstreamProtocolError without their content."""
        try:
            return shape.model_validate(data)
        except ValidationError:
            raise UpstreamProtocolError("the answer's data have another shape") from None

    def known(self, read: Callable[[], _T]) -> _T:
        """Return what ``read`` makes of a code; count an unknown one and raise
        UpstreamProtocolError.
        """
        try:
            return read()
        except UnknownCode as exc:
            self._kit.unknown(exc.field, exc.code)
            raise UpstreamProtocolError(str(exc)) from None

    async def _login(self) -> Token:
        body = {
            "app_key": self._options.app_key,
            "app_secret": self._kit.secrets["app_secret"],
            "account": self._options.account,
            "password": self._kit.secrets["password"],
        }
        answer = await self._send(Operation.LOGIN, LOGIN_PATH, json=body)
        if answer.ack_code != SUCCESS:
            refusal = self._told(Operation.LOGIN, self._refusal(answer))
            raise UpstreamAuthFailed("the login was refused", upstream_code=refusal.code)
        data = self.read(LoginData, answer.data)
        life = timedelta(seconds=data.expires_in or self._options.token_seconds)
        return Token(data.access_token, self._kit.clock.now() + life)

    async def _send(
        self,
        operation: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        json: dict[str, Any] | None = None,
    ) -> Answer:
        raw = await self._kit.client.request_json(
            operation,
            "GET" if json is None else "POST",
            self._options.prefix + path,
            params=params,
            json=json,
        )
        try:
            answer = Answer.model_validate(unwrap(raw))
        except (Malformed, ValidationError):
            # Not chained: its text would repeat the answer.
            raise UpstreamProtocolError(f"{operation}: the answer has no envelope") from None
        if answer.ack_code == SUCCESS and self._options.sign_method != "none":
            self._require_signed(operation, answer)
        return answer

    def _require_signed(self, operation: str, answer: Answer) -> None:
        secret = self._kit.secrets["app_secret"]
        try:
            wanted = answer_sign(
                secret,
                answer.ack_code,
                answer.correlation_id,
                answer.response_id,
                answer.timestamp,
                answer.data,
            )
        except TypeError:
            raise UpstreamProtocolError(f"{operation}: data that no signature covers") from None
        if not sm3.same(wanted.encode(), answer.sign.encode()):
            raise UpstreamProtocolError(f"{operation}: the answer's signature is wrong")

    def _refusal(self, answer: Answer) -> Refusal:
        if not answer.errors:
            raise UpstreamProtocolError("a failure names no error")
        code = answer.errors[0].code
        return Refusal(self.known(lambda: mapping.meaning(code, self._options)), code)

    def _told(self, operation: str, refusal: Refusal) -> Refusal:
        said = f"{operation}: {refusal.code}"
        match refusal.meaning:
            case Meaning.AUTH_FAILED | Meaning.TOKEN_OVER:
                raise UpstreamAuthFailed(said, upstream_code=refusal.code)
            case Meaning.OUR_FAULT:
                raise UpstreamRejected(said, upstream_code=refusal.code)
            case Meaning.FAILED:
                raise UpstreamUnavailable(said, upstream_code=refusal.code)
            case _:
                return refusal
