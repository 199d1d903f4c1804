"""The identity port on JMAS: every question is signed by one endpoint and answered by another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from adapters.dialects.jis_cipher import APPWORD_LENGTH
from adapters.dialects.nested import Malformed, unwrap
from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.people import UnknownCode
from adapters.kit.refusals import Meaning, refusal
from adapters.kit.registry import BadConnection
from adapters.kit.translate import protocol_breach
from adapters.upstreams.sd_jmas import mapping
from adapters.upstreams.sd_jmas.opening import DoesNotOpen, ResponseDecryptor, decryptor
from adapters.upstreams.sd_jmas.options import Interface, Options
from adapters.upstreams.sd_jmas.wire import (
    CHARSET,
    VERSION,
    Answer,
    CorporationList,
    CorporationUser,
    Origin,
    Outer,
    SignAnswer,
    SignData,
    TicketData,
    TokenData,
    User,
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
from kernel.crypto.errors import InvalidKey
from kernel.errors import UpstreamAuthFailed, UpstreamError

SIGN: Final = "sign"
TICKET: Final = "ticket"
PERSON: Final = "person"
CORPORATION: Final = "corporation"
CORPORATIONS: Final = "corporations"
HANDOFF: Final = "handoff"
SWITCH: Final = "switch"
_CODES: Final = {value: code for code, value in mapping.USER_TYPES.items()}
_CODE: Final = re.compile(r"[A-Za-z0-9_.\-]{1,40}")
_NO_TOKEN: Final = "self-check"

_M = TypeVar("_M", bound=BaseModel)


def create(options: Options, kit: Kit) -> Jmas:
    """Return the provider; raise BadConnection when a secret cannot be what it should."""
    appword = kit.secrets["appword"]
    if len(appword) != APPWORD_LENGTH or not appword.isascii():
        raise BadConnection(
            f"secrets of {kit.manifest.name}: appword has {APPWORD_LENGTH} ASCII characters"
        )
    try:
        opener = decryptor(options, kit.secrets["private_key"])
    except InvalidKey as exc:
        raise BadConnection(f"secrets of {kit.manifest.name}: private_key: {exc}") from None
    return Jmas(options, kit, opener)


class Jmas(IdentityProvider):
    """IdentityProvider on 山东省统一身份认证 of the JMAS generation."""

    ticket_parameter: str = "ticket"

    def __init__(self, options: Options, kit: Kit, opener: ResponseDecryptor) -> None:
        self._options = options
        self._kit = kit
        self._opener = opener
        self._browser = (options.browser_url or options.base_url).rstrip("/")

    async def start_login(self, attempt: LoginAttempt) -> str:
        query = {
            "appMark": self._options.appmark,
            "userType": _CODES[attempt.user_type],
            "backUrl": str(attempt.return_url),
        }
        if self._options.gb_trust is not None:
            query["gbTrust"] = "true" if self._options.gb_trust else "false"
        return f"{self._browser}{self._options.login_path}?{urlencode(query)}"

    async def exchange(self, params: Mapping[str, str], attempt: LoginAttempt) -> UpstreamSession:
        ticket = params.get(self.ticket_parameter)
        if not ticket:
            raise LoginCallbackInvalid("no ticket")
        origin = Origin.APP if attempt.from_app else self._options.origin
        interface = self._options.interfaces.ticket
        found = await self._token(TICKET, interface, {"ticket": ticket}, origin)
        with self._understood(TICKET):
            user_type = mapping.user_type_of(found.usertype)
        if user_type is not attempt.user_type:
            raise LoginRefused("the ticket is of another type of user")
        return UpstreamSession(user_type, found.token)

    async def fetch_principal(self, session: UpstreamSession) -> Profile:
        now, params = self._kit.clock.now(), {"token": session.token}
        if session.user_type is UserType.LEGAL_PERSON:
            data = await self._ask(CORPORATION, self._options.interfaces.corporation, params)
            with self._understood(CORPORATION):
                company = self._parse(CORPORATION, CorporationUser, unwrap(data))
                return mapping.corporation_profile(company, self._options, now)
        data = await self._ask(PERSON, self._options.interfaces.person, params)
        with self._understood(PERSON):
            user = self._parse(PERSON, User, unwrap(data))
            return mapping.person_profile(user, self._options, now)

    async def list_orgs(self, session: UpstreamSession, page: int) -> OrgPage:
        size = self._options.page_size
        params = {"token": session.token, "pageindex": str(page), "pagenum": str(size)}
        data = await self._ask(CORPORATIONS, self._options.interfaces.corporations, params)
        with self._understood(CORPORATIONS):
            found = self._parse(CORPORATIONS, CorporationList, unwrap(data))
            return mapping.org_page(found, page, size)

    async def switch_org(self, session: UpstreamSession, org_id: str) -> UpstreamSession:
        interface = self._options.interfaces.switch
        if interface is None:
            raise NotOffered(Capability.ORG_SWITCH)
        params = {"token": session.token, "corporationid": org_id}
        found = await self._token(SWITCH, interface, params, self._options.origin)
        return UpstreamSession(UserType.LEGAL_PERSON, found.token)

    async def handoff_ticket(self, session: UpstreamSession, target_app: str) -> str:
        params = {"token": session.token, "proxyapp": target_app}
        data = await self._ask(HANDOFF, self._options.interfaces.handoff, params)
        # Both are in public code: the ticket itself, and an object that holds it.
        if isinstance(data, str) and is_ticket(data):
            return data
        with self._understood(HANDOFF):
            found = self._parse(HANDOFF, TicketData, unwrap(data)).ticket
        if not is_ticket(found):
            raise self._breach(HANDOFF, "what came is no ticket")
        return found

    def logout_url(self, session: UpstreamSession, return_url: str) -> str | None:
        if self._options.logout_path is None:
            return None
        query = {"appMark": self._options.appmark, "backUrl": return_url, "isBackToApp": "true"}
        return f"{self._browser}{self._options.logout_path}?{urlencode(query)}"

    def checks(self) -> Sequence[Check]:
        return (
            Check("sign", Layer.AUTHENTICATION, self._check_sign, SIGN),
            Check("answer", Layer.AUTHENTICATION, self._check_credentials, PERSON),
        )

    async def _check_sign(self) -> None:
        await self._sign(self._fields(self._options.interfaces.person, {"token": _NO_TOKEN}))

    async def _check_credentials(self) -> None:
        # Nobody holds this token: an upstream that accepts our application says so.
        try:
            await self._ask(PERSON, self._options.interfaces.person, {"token": _NO_TOKEN})
        except TicketExpired:
            return
        except (TicketReplayed, LoginRefused):
            pass
        raise self._breach(PERSON, "a token that nobody holds was not refused as such")

    def _fields(
        self, interface: Interface, params: Mapping[str, str], origin: Origin | None = None
    ) -> dict[str, str]:
        appmark, appword = self._options.appmark, self._kit.secrets["appword"]
        return {
            "app_id": appmark,
            "interface_id": interface.id,
            "version": VERSION,
            "biz_content": mapping.biz_content(interface, appmark, appword, params),
            "charset": CHARSET,
            "timestamp": mapping.timestamp(self._kit.clock.now()),
            "origin": (origin or self._options.origin).value,
        }

    async def _sign(self, fields: Mapping[str, str]) -> str:
        raw = await self._kit.client.request_json(
            SIGN, "POST", self._options.sign_path, form=dict(fields)
        )
        answer = self._parse(SIGN, SignAnswer, raw)
        if not answer.success:
            if answer.code:
                self._require_ok(SIGN, answer.code, self._options.codes)
            raise UpstreamAuthFailed("no signature was given")
        with self._understood(SIGN):
            return self._parse(SIGN, SignData, unwrap(answer.data)).sign

    async def _ask(
        self,
        operation: str,
        interface: Interface,
        params: Mapping[str, str],
        origin: Origin | None = None,
    ) -> Any:
        fields = self._fields(interface, params, origin)
        fields["sign"] = await self._sign(fields)
        raw = await self._kit.client.request_json(
            operation, "POST", self._options.rest_path, form=fields
        )
        outer = self._parse(operation, Outer, raw)
        self._require_ok(operation, outer.code, self._options.codes)
        with self._understood(operation):
            answer = self._parse(operation, Answer, unwrap(self._opener.open(outer.data)))
        self._require_ok(operation, answer.retcode, self._options.retcodes)
        return answer.data

    async def _token(
        self, operation: str, interface: Interface, params: Mapping[str, str], origin: Origin
    ) -> TokenData:
        data = await self._ask(operation, interface, params, origin)
        with self._understood(operation):
            return self._parse(operation, TokenData, unwrap(data))

    def _require_ok(self, operation: str, code: str, table: Mapping[str, Meaning]) -> None:
        if _CODE.fullmatch(code) is None:
            raise self._breach(operation, "a code has another form")
        meaning = table.get(code)
        if meaning is not Meaning.OK:
            raise refusal(self._kit, operation, meaning, code)

    @contextmanager
    def _understood(self, operation: str) -> Iterator[None]:
        try:
            yield
        except (Malformed, DoesNotOpen) as exc:
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
