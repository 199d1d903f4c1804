"""The identity port on JIS: login page, one-time ticket, and questions behind the scenes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from adapters.dialects.jis_cipher import (
    APPWORD_LENGTH,
    NotOurCipher,
    decrypt_data,
    encrypt_data,
)
from adapters.dialects.nested import Malformed, unwrap
from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.people import UnknownCode
from adapters.kit.refusals import Meaning, refusal
from adapters.kit.registry import BadConnection
from adapters.kit.translate import protocol_breach
from adapters.upstreams.sd_jis import mapping
from adapters.upstreams.sd_jis.options import Options
from adapters.upstreams.sd_jis.wire import (
    Answer,
    CorporationList,
    CorporationUser,
    PersonUser,
    Service,
    TicketData,
    TokenData,
)
from identity.errors import (
    LoginCallbackInvalid,
    LoginRefused,
    NotOffered,
    TicketExpired,
    TicketReplayed,
)
from identity.model import Profile, UpstreamSession, UserType, is_ticket
from identity.ports import IdentityProvider
from identity.upstream import Capability, LoginAttempt, OrgPage
from kernel.errors import (
    UpstreamError,
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
        token = await self._token(Service.TICKET_VALIDATE, {"ticket": ticket})
        return UpstreamSession(attempt.user_type, token)

    async def fetch_principal(self, session: UpstreamSession) -> Profile:
        now = self._kit.clock.now()
        legal = session.user_type is UserType.LEGAL_PERSON
        service = Service.FIND_CORPORATION if legal else Service.FIND_PERSON
        answer = await self._ask(service, {"token": session.token})
        with self._understood(service):
            data = self._opened(answer)
            if legal:
                corporation = self._parse(service, CorporationUser, data)
                return mapping.corporation_profile(corporation, self._options, now)
            user = self._parse(service, PersonUser, data)
            return mapping.person_profile(user, self._options, now)

    async def list_orgs(self, session: UpstreamSession, page: int) -> OrgPage:
        service, size = Service.LIST_CORPORATIONS, self._options.page_size
        params = {"token": session.token, "pageindex": str(page), "pagenum": str(size)}
        answer = await self._ask(service, params)
        with self._understood(service):
            data = self._parse(service, CorporationList, self._opened(answer))
            return mapping.org_page(data, page, size)

    async def switch_org(self, session: UpstreamSession, org_id: str) -> UpstreamSession:
        service = self._options.switch_service
        if service is None:
            raise NotOffered(Capability.ORG_SWITCH)
        params = {"token": session.token, "corporationid": org_id}
        token = await self._token(Service.SWITCH_CORPORATION, params, name=service)
        return UpstreamSession(UserType.LEGAL_PERSON, token)

    async def handoff_ticket(self, session: UpstreamSession, target_app: str) -> str:
        service = Service.GENERATE_TICKET
        params = {"token": session.token, "proxyapp": target_app}
        return self._ticket(service, await self._ask(service, params))

    async def password_ticket(self, login_name: str, password: str) -> str:
        service = Service.USER_VALIDATE
        text = json.dumps({"loginname": login_name, "password": password}, ensure_ascii=False)
        sealed = encrypt_data(text, self._kit.secrets["appword"])
        return self._ticket(service, await self._ask(service, sealed))

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

    async def _ask(
        self, service: str, params: Mapping[str, str] | str, *, name: str | None = None
    ) -> Answer:
        time = mapping.timestamp(self._kit.clock.now())
        appmark = self._options.appmark
        if not isinstance(params, str):
            params = json.dumps(params, ensure_ascii=False, separators=(",", ":"))
        raw = await self._kit.client.request_json(
            service,
            "POST",
            self._options.interface_path,
            form={
                "appmark": appmark,
                "time": time,
                "sign": mapping.sign(appmark, self._kit.secrets["appword"], time),
                "servicename": name or service,
                "params": params,
            },
        )
        answer = self._parse(service, Answer, raw)
        self._require_ok(service, answer.retcode)
        return answer

    async def _token(
        self, service: str, params: Mapping[str, str], *, name: str | None = None
    ) -> str:
        answer = await self._ask(service, params, name=name)
        with self._understood(service):
            return self._parse(service, TokenData, unwrap(answer.data)).token

    def _ticket(self, service: str, answer: Answer) -> str:
        # Both are in public code: the ticket itself, and an object that holds it.
        if isinstance(answer.data, str) and is_ticket(answer.data):
            return answer.data
        with self._understood(service):
            found = self._parse(service, TicketData, unwrap(answer.data)).ticket
        if not is_ticket(found):
            raise self._breach(service, "what came is no ticket")
        return found

    def _opened(self, answer: Answer) -> dict[str, Any]:
        sealed = mapping.ciphertext(answer.data)
        return unwrap(decrypt_data(sealed, self._kit.secrets["appword"]))

    @contextmanager
    def _understood(self, service: str) -> Iterator[None]:
        try:
            yield
        except (Malformed, NotOurCipher) as exc:
            raise self._breach(service, str(exc)) from None
        except UnknownCode as exc:
            self._kit.unknown(exc.field, exc.code)
            raise self._breach(service, str(exc)) from None

    def _require_ok(self, service: str, code: str) -> None:
        if _CODE.fullmatch(code) is None:
            raise self._breach(service, "retcode has another form")
        meaning = self._options.retcodes.get(code)
        if meaning is not Meaning.OK:
            raise refusal(self._kit, service, meaning, code)

    def _parse(self, service: str, model: type[_M], raw: object) -> _M:
        try:
            return model.model_validate(raw)
        except ValidationError:
            # Not chained: its text would repeat the answer.
            raise self._breach(service, f"not a proper {model.__name__}") from None

    def _breach(self, service: str, detail: str) -> UpstreamError:
        return protocol_breach(self._kit.manifest, service, f"{service}: {detail}")
