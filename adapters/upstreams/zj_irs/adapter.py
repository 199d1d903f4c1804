"""The identity port on Zhejiang's three logins, all behind the signing IRS gateway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar, assert_never
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from adapters.dialects.nested import Malformed, unwrap
from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.people import UnknownCode
from adapters.kit.translate import parse_json, protocol_breach
from adapters.upstreams.zj_irs import mapping, security, wire
from adapters.upstreams.zj_irs.options import Flow, Meaning, Options
from adapters.upstreams.zj_irs.wire import AccessToken, Answer, GatewayRefusal, SimpleAuth
from identity.errors import (
    LoginCallbackInvalid,
    LoginRefused,
    NotOffered,
    TicketExpired,
    TicketReplayed,
)
from identity.model import Profile, UpstreamSession, UserType
from identity.ports import IdentityProvider
from identity.upstream import Capability, LoginAttempt
from kernel.errors import UpstreamAuthFailed, UpstreamError, UpstreamRejected

EXCHANGE: Final = "exchange"
USER_INFO: Final = "user_info"
_UNAUTHORIZED: Final = 401
_NO_TOKEN: Final = "self-check"
_TICKETS: Final = {Flow.UNIFIED: "ticketId", Flow.PERSON: "ticket", Flow.LEGAL: "ssotoken"}

_M = TypeVar("_M", bound=BaseModel)


def create(options: Options, kit: Kit) -> Irs:
    """Return the provider."""
    return Irs(options, kit)


class Irs(IdentityProvider):
    """IdentityProvider on 浙江省统一身份认证; the option ``flow`` says which login."""

    def __init__(self, options: Options, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._legal = options.flow is Flow.LEGAL
        self.ticket_parameter: str = _TICKETS[options.flow]

    async def start_login(self, attempt: LoginAttempt) -> str:
        self._require_served(attempt.user_type)
        options, back = self._options, str(attempt.return_url)
        match options.flow:
            case Flow.UNIFIED:
                path = wire.UNIFIED_LOGIN
                query = {"appId": options.app_id, "sp": options.sp, options.back_parameter: back}
            case Flow.PERSON:
                path = wire.PERSON_LOGIN
                query = {"action": "oauth", "scope": "1", "servicecode": options.app_id}
                query |= {"goto": back, "redirectUrl": back}
            case Flow.LEGAL:
                path, query = wire.LEGAL_LOGIN, {"spappurl": back}
            case unreachable:
                assert_never(unreachable)
        return f"{options.browser_url.rstrip('/')}{path}?{urlencode(query)}"

    async def exchange(self, params: Mapping[str, str], attempt: LoginAttempt) -> UpstreamSession:
        self._require_served(attempt.user_type)
        ticket = params.get(self.ticket_parameter)
        if not ticket:
            raise LoginCallbackInvalid("no ticket")
        match self._options.flow:
            case Flow.UNIFIED:
                body = {"ticketId": ticket, "appId": self._options.app_id}
                data = await self._json(EXCHANGE, wire.UNIFIED_TOKEN, body)
                token = self._parse(EXCHANGE, AccessToken, data).accessToken
            case Flow.PERSON:
                answer = await self._simple(
                    EXCHANGE, wire.PERSON_TICKET, "ticketValidation", ticket
                )
                token = answer.token or ""
                if not token:
                    raise self._breach(EXCHANGE, "no token in the answer")
            case Flow.LEGAL:
                # The token itself came with the browser; whether it is one, user info tells.
                token = ticket
            case unreachable:
                assert_never(unreachable)
        return UpstreamSession(attempt.user_type, token)

    async def fetch_principal(self, session: UpstreamSession) -> Profile:
        user = await self._user(session.token)
        with self._understood():
            return mapping.profile(user, self._legal, self._options, self._kit.clock.now())

    def checks(self) -> Sequence[Check]:
        return (Check("keys", Layer.AUTHENTICATION, self._check_credentials, USER_INFO),)

    async def _check_credentials(self) -> None:
        # Nobody holds this token: an upstream that accepts our signature says so.
        try:
            await self._user(_NO_TOKEN)
        except TicketExpired:
            return
        except (TicketReplayed, LoginRefused):
            pass
        raise self._breach(USER_INFO, "a token that nobody holds was not refused as such")

    async def _user(self, token: str) -> Mapping[str, Any]:
        match self._options.flow:
            case Flow.UNIFIED:
                return await self._json(USER_INFO, wire.UNIFIED_USER, {"token": token})
            case Flow.LEGAL:
                return await self._json(USER_INFO, wire.LEGAL_USER, {"token": token})
            case Flow.PERSON:
                answer = await self._simple(USER_INFO, wire.PERSON_USER, "getUserInfo", token)
                return answer.model_extra or {}
            case unreachable:
                assert_never(unreachable)

    async def _json(self, operation: str, path: str, body: Mapping[str, str]) -> dict[str, Any]:
        raw = await self._send(operation, path, json=dict(body))
        answer = self._parse(operation, Answer, raw)
        if not answer.success:
            raise self._refusal(operation, answer.errorMsg or answer.msg or "")
        with self._understood(operation):
            return unwrap(answer.data)

    async def _simple(self, operation: str, path: str, method: str, secret: str) -> SimpleAuth:
        time = mapping.timestamp(self._kit.clock.now())
        code, password = self._options.app_id, self._kit.secrets["service_password"]
        form = {
            "method": method,
            "servicecode": code,
            "time": time,
            "sign": security.service_sign(code, password, time),
            "st" if operation == EXCHANGE else "token": secret,
            "datatype": "json",
        }
        answer = self._parse(operation, SimpleAuth, await self._send(operation, path, form=form))
        if answer.result != "0":
            raise self._refusal(operation, answer.errmsg or "")
        return answer

    async def _send(self, operation: str, path: str, **body: Any) -> Any:
        headers = security.gateway_headers(
            self._kit.secrets["secret_key"],
            self._kit.secrets["access_key"],
            "POST",
            path,
            self._kit.clock.now(),
        )
        answer = await self._kit.client.request(operation, "POST", path, headers=headers, **body)
        parsed = parse_json(answer, self._kit.manifest.operation(operation))
        if answer.status == _UNAUTHORIZED:
            raise self._gateway_refusal(operation, parsed)
        return parsed

    def _gateway_refusal(self, operation: str, parsed: object) -> UpstreamError:
        try:
            message = GatewayRefusal.model_validate(parsed).message
        except ValidationError:
            message = ""
        if message not in mapping.GATEWAY_REFUSALS:
            self._kit.unknown("message", "unlisted")
            return UpstreamAuthFailed(f"{operation}: HTTP 401 for an unlisted reason")
        code, advice = mapping.GATEWAY_REFUSALS[message]
        return UpstreamAuthFailed(f"{operation}: {advice}", upstream_code=code)

    def _refusal(self, operation: str, message: str) -> Exception:
        # The upstream's own words are left behind: they may repeat what was sent.
        match self._options.messages.get(message):
            case Meaning.AUTH_FAILED:
                return UpstreamAuthFailed(f"{operation}: the application is not accepted")
            case Meaning.TICKET_EXPIRED:
                return TicketExpired(f"{operation}: not valid any more")
            case Meaning.TICKET_USED:
                return TicketReplayed(f"{operation}: used before")
            case Meaning.REFUSED:
                return LoginRefused(f"{operation}: refused")
            case Meaning.OUR_FAULT:
                return UpstreamRejected(f"{operation}: the call is wrong")
            case None:
                self._kit.unknown("errorMsg", "unlisted")
                return UpstreamRejected(f"{operation}: refused for an unlisted reason")
            case unreachable:
                assert_never(unreachable)

    def _require_served(self, user_type: UserType) -> None:
        if (user_type is UserType.LEGAL_PERSON) != self._legal:
            raise NotOffered(Capability.LEGAL_PERSON if not self._legal else "natural_person")

    @contextmanager
    def _understood(self, operation: str = USER_INFO) -> Iterator[None]:
        try:
            yield
        except Malformed as exc:
            raise self._breach(operation, str(exc)) from None
        except UnknownCode as exc:
            self._kit.unknown(exc.field, exc.code)
            raise self._breach(operation, str(exc)) from None

    def _parse(self, operation: str, model: type[_M], raw: object) -> _M:
        try:
            return model.model_validate(raw)
        except ValidationError:
            # Not chained: its text would repeat the answer.
            raise self._breach(operation, f"not a proper {model.__name__}") from None

    def _breach(self, operation: str, detail: str) -> UpstreamError:
        return protocol_breach(self._kit.manifest, operation, f"{operation}: {detail}")
