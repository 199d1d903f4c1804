"""The seal status port on the national system: a token, the state of one seal, the signed list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar, assert_never

from pydantic import BaseModel, ValidationError

from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.tokens import Token, TokenCache
from adapters.kit.translate import protocol_breach
from adapters.upstreams.national_seal_status import mapping, wire
from adapters.upstreams.national_seal_status.options import Meaning, Options
from adapters.upstreams.national_seal_status.wire import Method
from e_seal import Revocation, SealState
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamRejected,
    UpstreamUnavailable,
)


class Operation:
    """Names of the manifest's operations."""

    TOKEN: Final = "token"
    STATUS: Final = "sealStatus"
    REVOCATIONS: Final = "revocationList"


_PAGES_AT_MOST: Final = 5000

_M = TypeVar("_M", bound=BaseModel)


class _Said(Exception):
    """The system answered with a code that only the caller can judge."""

    def __init__(self, meaning: Meaning, code: str) -> None:
        super().__init__(meaning)
        self.meaning = meaning
        self.code = code


def create(options: Options, kit: Kit) -> NationalStatus:
    """Return the provider."""
    return NationalStatus(options, kit)


class NationalStatus:
    """SealStatusSource; what is not signed with the known key is no list."""

    def __init__(self, options: Options, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._tokens = TokenCache(kit.clock, self._fetch_token)

    async def status(self, code: str, name: str, at: datetime) -> SealState:
        fields = {"sealCode": code, "sealName": name, "queryTime": mapping.time_text(at)}
        catalogue = self._options.status_catalogue
        try:
            found = await self._ask(
                Operation.STATUS, Method.STATUS, catalogue, fields, wire.StatusData
            )
        except _Said as exc:
            if exc.meaning is Meaning.NO_SEAL:
                return SealState.UNKNOWN
            raise _refused(Operation.STATUS, exc.code) from None
        try:
            return mapping.state(found.sealStatus, self._options.states)
        except mapping.UnknownCode as exc:
            self._kit.unknown(exc.field, exc.code)
            raise self._breach(Operation.STATUS, str(exc)) from None

    async def revocations(self, since: datetime) -> Sequence[Revocation]:
        until = self._kit.clock.now()
        lines: list[wire.RevokedSeal] = []
        for number in range(1, _PAGES_AT_MOST + 1):
            page = await self._page(since, until, number)
            lines += page.revocationList
            if len(page.revocationList) < self._options.page_size:
                break
        else:
            raise self._breach(Operation.REVOCATIONS, "the list does not end")
        try:
            return mapping.revocations(lines)
        except mapping.Malformed as exc:
            raise self._breach(Operation.REVOCATIONS, str(exc)) from None

    def checks(self) -> Sequence[Check]:
        return [
            Check("token", Layer.AUTHENTICATION, self._ask_for_token, operation=Operation.TOKEN),
            Check("revocation list", Layer.BUSINESS, self._ask_for_list),
        ]

    async def _ask_for_token(self) -> None:
        await self._fetch_token()

    async def _ask_for_list(self) -> None:
        await self.revocations(self._kit.clock.now() - timedelta(days=1))

    async def _page(self, since: datetime, until: datetime, number: int) -> wire.RevocationData:
        fields = {
            "queryStartTime": mapping.time_text(since),
            "queryEndTime": mapping.time_text(until),
            "pageSize": str(self._options.page_size),
            "pageNow": str(number),
        }
        catalogue = self._options.revocation_catalogue
        try:
            page = await self._ask(
                Operation.REVOCATIONS, Method.REVOCATIONS, catalogue, fields, wire.RevocationData
            )
        except _Said as exc:
            raise _refused(Operation.REVOCATIONS, exc.code) from None
        if self._options.list_signature == "sm2":
            key = self._options.list_public_key
            if key is None or not mapping.list_is_genuine(page, key):
                raise self._breach(Operation.REVOCATIONS, "the list's signature does not hold")
        return page

    async def _fetch_token(self) -> Token:
        secrets = self._kit.secrets
        asked = self._kit.clock.now()
        fields = {
            "method": Method.TOKEN.value,
            "username": self._options.username,
            "password": mapping.password_digest(secrets["password"], self._options.user_salt),
            "client_id": self._options.app_key,
            "client_secret": secrets["client_secret"],
            "version": wire.VERSION,
            "timestamp": mapping.stamp(asked),
        }
        catalogue = self._options.token_catalogue
        try:
            found = await self._send(Operation.TOKEN, catalogue, fields, wire.TokenData)
        except _Said as exc:
            raise UpstreamAuthFailed(f"token: code {exc.code}", upstream_code=exc.code) from None
        return Token(found.access_token, asked + timedelta(seconds=found.expires_in))

    async def _ask(
        self,
        operation: str,
        method: Method,
        catalogue: str,
        fields: dict[str, str],
        shape: type[_M],
    ) -> _M:
        for last in (False, True):
            token = await self._tokens.get()
            message = self._common(method, token, fields) | fields
            try:
                return await self._send(operation, catalogue, message, shape)
            except _Said as exc:
                if exc.meaning is not Meaning.TOKEN_OVER:
                    raise
                # Ended early over there, as after a restart.
                self._tokens.forget(token)
                if last:
                    said = f"{operation}: code {exc.code}"
                    raise UpstreamAuthFailed(said, upstream_code=exc.code) from None
        raise AssertionError("the second turn returns or raises")

    def _common(self, method: Method, token: str, fields: dict[str, str]) -> dict[str, str]:
        signed = self._options.sign_rule == "sm3_fields"
        return {
            "method": method.value,
            "appKey": self._options.app_key,
            "username": self._options.username,
            "token": token,
            "timestamp": mapping.stamp(self._kit.clock.now()),
            "format": "json",
            "version": wire.VERSION,
            "type": "sync",
        } | ({"sign": mapping.signed_fields(fields.items())} if signed else {})

    async def _send(
        self, operation: str, catalogue: str, message: dict[str, str], shape: type[_M]
    ) -> _M:
        path = self._options.path.replace("{catalogue}", catalogue)
        raw = await self._kit.client.request_json(operation, "POST", path, json=message)
        answer = self._parse(operation, wire.Answer, raw)
        self._require_ok(operation, str(answer.code))
        if not answer.data:
            raise self._breach(operation, "the answer has no data")
        return self._parse(operation, shape, answer.data[0])

    def _require_ok(self, operation: str, code: str) -> None:
        if code == wire.OK:
            return
        said = f"{operation}: code"
        meaning = self._options.codes.get(code)
        match meaning:
            case Meaning.TOKEN_OVER | Meaning.NO_SEAL:
                raise _Said(meaning, code)
            case Meaning.AUTH_FAILED:
                raise UpstreamAuthFailed(f"{said} {code}", upstream_code=code)
            case Meaning.REFUSED:
                raise _refused(operation, code)
            case Meaning.UNAVAILABLE:
                raise UpstreamUnavailable(f"{said} {code}", upstream_code=code)
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


def _refused(operation: str, code: str) -> UpstreamRejected:
    return UpstreamRejected(f"{operation}: code {code}", upstream_code=code)
