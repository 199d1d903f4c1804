"""The identity port on JIS: login page, one-time ticket, and questions behind the scenes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar, assert_never
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.registry import BadConnection
from adapters.kit.translate import protocol_breach
from adapters.upstreams.sd_jis import mapping
from adapters.upstreams.sd_jis.options import Meaning, Options
from adapters.upstreams.sd_jis.wire import (
    APPWORD_LENGTH,
    Answer,
    CorporationUser,
    NotOurCipher,
    PersonUser,
    Service,
    TokenData,
    decrypt_data,
)
from identity.errors import LoginCallbackInvalid, LoginRefused, TicketExpired, TicketReplayed
from identity.model import Profile, UpstreamSession, UserType
from identity.ports import IdentityProvider
from identity.upstream import LoginAttempt
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamRejected,
    UpstreamUnavailable,
)

_CODE: Final = re.compile(r"[A-Za-z0-9_.\-]{1,40}")
_NO_TOKEN: Final = "self-check"

_M = TypeVar("_M", bound=BaseModel)


def create(options: Options, kit: Kit) -> Jis:
    """Return the provider; raise BadConnection when the appword cannot be the key that it is."""
    appword = kit.secrets["appword"]
    if len(appword) != APPWORD_LENGTH or not appword.isascii():
        raise BadConnection(
            f"secrets of {kit.manifest.name}: appword has {APPWORD_LENGTH} ASCII characters"
        )
    return Jis(options, kit)


class Jis(IdentityProvider):
    """IdentityProvider on 山东省统一身份认证 of the JIS generation."""

    def __init__(self, options: Options, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._browser = (options.browser_url or options.base_url).rstrip("/")
        self.ticket_parameter: str = options.ticket_parameter

    async def start_login(self, attempt: LoginAttempt) -> str:
        query = {
            self._options.app_parameter: self._options.appmark,
            self._options.user_type_parameter: mapping.USER_TYPES[attempt.user_type],
            self._options.back_parameter: str(attempt.return_url),
        }
        return f"{self._browser}{self._options.login_path}?{urlencode(query)}"

    async def exchange(self, params: Mapping[str, str], attempt: LoginAttempt) -> UpstreamSession:
        ticket = params.get(self.ticket_parameter)
        if not ticket:
            raise LoginCallbackInvalid("no ticket")
        answer = await self._ask(Service.TICKET_VALIDATE, {"ticket": ticket})
        try:
            data = mapping.unwrap(answer.data)
        except mapping.Malformed as exc:
            raise self._breach(Service.TICKET_VALIDATE, str(exc)) from None
        found = self._parse(Service.TICKET_VALIDATE, TokenData, data)
        return UpstreamSession(attempt.user_type, found.token)

    async def fetch_principal(self, session: UpstreamSession) -> Profile:
        now = self._kit.clock.now()
        legal = session.user_type is UserType.LEGAL_PERSON
        service = Service.FIND_CORPORATION if legal else Service.FIND_PERSON
        answer = await self._ask(service, {"token": session.token})
        try:
            plain = decrypt_data(mapping.ciphertext(answer.data), self._kit.secrets["appword"])
            data = mapping.unwrap(plain)
            if legal:
                corporation = self._parse(service, CorporationUser, data)
                return mapping.corporation_profile(corporation, self._options, now)
            person = self._parse(service, PersonUser, data)
            return mapping.person_profile(person, self._options, now)
        except (mapping.Malformed, NotOurCipher) as exc:
            raise self._breach(service, str(exc)) from None
        except mapping.UnknownCode as exc:
            self._kit.unknown(exc.field, exc.code)
            raise self._breach(service, str(exc)) from None

    def logout_url(self, session: UpstreamSession, return_url: str) -> str | None:
        if self._options.logout_path is None:
            return None
        query = {
            self._options.app_parameter: self._options.appmark,
            self._options.back_parameter: return_url,
        }
        return f"{self._browser}{self._options.logout_path}?{urlencode(query)}"

    def checks(self) -> Sequence[Check]:
        return (
            Check("appword", Layer.AUTHENTICATION, self._check_credentials, Service.FIND_PERSON),
        )

    async def _check_credentials(self) -> None:
        # Nobody holds this token: an upstream that accepts our signature says so, and no citizen's
        # data move.
        try:
            await self._ask(Service.FIND_PERSON, {"token": _NO_TOKEN})
        except TicketExpired:
            return
        except (TicketReplayed, LoginRefused):
            pass
        raise self._breach(Service.FIND_PERSON, "a token that nobody holds was not refused as such")

    async def _ask(self, service: str, params: Mapping[str, str]) -> Answer:
        time = mapping.timestamp(self._kit.clock.now())
        appmark = self._options.appmark
        raw = await self._kit.client.request_json(
            service,
            "POST",
            self._options.interface_path,
            form={
                "appmark": appmark,
                "time": time,
                "sign": mapping.sign(appmark, self._kit.secrets["appword"], time),
                "servicename": service,
                "params": json.dumps(params, ensure_ascii=False, separators=(",", ":")),
            },
        )
        answer = self._parse(service, Answer, raw)
        self._require_ok(service, answer.retcode)
        return answer

    def _require_ok(self, service: str, code: str) -> None:
        if _CODE.fullmatch(code) is None:
            raise self._breach(service, "retcode has another form")
        # The upstream's own message is left behind: it may repeat what was sent.
        said = f"{service}: retcode {code}"
        match self._options.retcodes.get(code):
            case Meaning.OK:
                return
            case Meaning.AUTH_FAILED:
                raise UpstreamAuthFailed(said, upstream_code=code)
            case Meaning.TICKET_EXPIRED | Meaning.TOKEN_EXPIRED:
                raise TicketExpired(said, upstream_code=code)
            case Meaning.TICKET_USED:
                raise TicketReplayed(said, upstream_code=code)
            case Meaning.REFUSED:
                raise LoginRefused(said, upstream_code=code)
            case Meaning.UNAVAILABLE:
                raise UpstreamUnavailable(said, upstream_code=code)
            case Meaning.OUR_FAULT:
                raise UpstreamRejected(said, upstream_code=code)
            case None:
                self._kit.unknown("retcode", code)
                raise UpstreamRejected(said, upstream_code=code)
            case unreachable:
                assert_never(unreachable)

    def _parse(self, service: str, model: type[_M], raw: object) -> _M:
        try:
            return model.model_validate(raw)
        except ValidationError:
            # Not chained: its text would repeat the answer.
            raise self._breach(service, f"not a proper {model.__name__}") from None

    def _breach(self, service: str, detail: str) -> UpstreamError:
        return protocol_breach(self._kit.manifest, service, f"{service}: {detail}")
