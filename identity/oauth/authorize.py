"""From a pushed request to a code: what a client wants is checked before a browser comes near."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from identity import codec, model
from identity.clients.model import Client
from identity.errors import LoginStateInvalid
from identity.jose import JwtRefused, is_text
from identity.oauth.errors import AuthorizeRefused, OAuthRefused
from identity.oauth.issuing import Authenticated, narrowed
from identity.oauth.model import PushedRequest, SessionView, level_of, scopes_of
from identity.oauth.ports import OAuthRows
from identity.oauth.sessions import Sessions
from identity.service import IdentityService
from kernel.clock import Clock
from kernel.errors import Failure, UpstreamUnavailable
from kernel.ids import IdSource
from kernel.work import WorkSource

URN: Final = "urn:ietf:params:oauth:request_uri:"
REQUEST_LIFE: Final = timedelta(seconds=60)
PROMPTS: Final = frozenset({"", "none", "login", "consent", "select_account"})
_LONGEST_AGE: Final = 86_400
_SLACK: Final = 30.0
"""Seconds that the clock of the province may differ from ours."""


@dataclass(frozen=True)
class Weak:
    """A login that came back weaker than its request asks for; a second factor may mend it."""

    request: PushedRequest
    session: SessionView


@dataclass(frozen=True)
class Away:
    """Where to send the browser, and the login cookie to set, if any."""

    redirect_url: str
    cookie_value: str | None = None
    weak: Weak | None = None
    """There where the browser must not be sent on yet."""


class Authorization:
    """The authorization endpoint with pushed requests only (RFC 9126; FAPI 2.0, 5.3.1.2)."""

    def __init__(
        self,
        rows: OAuthRows,
        works: WorkSource,
        clock: Clock,
        ids: IdSource,
        identity: IdentityService,
        sessions: Sessions,
        *,
        issuer: str,
        providers: Collection[str],
    ) -> None:
        self._rows = rows
        self._works = works
        self._clock = clock
        self._ids = ids
        self._identity = identity
        self.sessions = sessions
        self._issuer = issuer
        self._providers = tuple(providers)

    async def push(self, who: Authenticated, form: Mapping[str, str]) -> dict[str, Any]:
        """Check and store a request; return its ``request_uri``. Raises OAuthRefused."""
        secret = self._ids.secret()
        request = self._checked(who, form, codec.hashed(secret))
        async with self._works.begin() as work:
            await self._rows.add_request(work, request)
        return {
            "request_uri": URN + secret,
            "expires_in": int(REQUEST_LIFE.total_seconds()),
        }

    async def begin(self, client: Client, request_uri: str) -> Away:
        """Use a pushed request up and send the browser to the province. Raises AuthorizeRefused."""
        secret = request_uri.removeprefix(URN)
        if secret == request_uri or not model.is_secret(secret):
            raise AuthorizeRefused("request_uri is not one of ours")
        now = self._clock.now()
        async with self._works.begin() as work:
            request = await self._rows.take_request(
                work, codec.hashed(secret), client.client_id, now
            )
        if request is None:
            raise AuthorizeRefused("the request is unknown, used or too old")
        # What was registered may have been withdrawn since it was pushed.
        if request.redirect_uri not in client.redirect_uris:
            raise AuthorizeRefused("the redirect_uri is not registered any more")
        if request.prompt == "none":
            # Nobody is known here before the province said so.
            return self._back(request, error="login_required")
        try:
            started = await self._identity.start_login(
                client.client_id,
                request.idp,
                model.UserType(request.user_type),
                request.redirect_uri,
                request.state,
                request.code_challenge,
            )
        except UpstreamUnavailable:
            return self._back(request, error="temporarily_unavailable")
        async with self._works.begin() as work:
            await self._rows.bind_login(work, request.id, codec.hashed(started.cookie_value))
        return Away(started.redirect_url, started.cookie_value)

    async def finish(
        self, idp: str, state: str, cookie: str, params: Iterable[tuple[str, str]]
    ) -> Away:
        """Take the browser back from the province and send it on with a code, or with an error.

        A browser that is not the one that left is sent nowhere: raises LoginStateInvalid. So does
        what belongs to no pushed request go on as it always did.
        """
        async with self._works.read() as work:
            request = await self._rows.request_of_login(work, codec.hashed(state))
        try:
            finished = await self._identity.finish_login(idp, state, cookie, params)
        except LoginStateInvalid:
            raise
        except Failure as failure:
            if request is None:
                raise
            down = isinstance(failure, UpstreamUnavailable)
            error = "temporarily_unavailable" if down else "access_denied"
            return self._back(request, error=error, cause=failure.code)
        if request is None:
            return Away(finished.redirect_url)
        async with self._works.begin() as work:
            session = await self._rows.bind_session(work, request.id, codec.hashed(state))
            if session is None:
                return self._back(request, error="unmet_authentication_requirements")
        if self.strong_enough(request, session):
            return Away(_with(finished.redirect_url, {"iss": self._issuer}))
        return Away("", weak=Weak(request, session))

    def strong_enough(self, request: PushedRequest, session: SessionView) -> bool:
        """Return whether a login is as strong and as young as its request asks for."""
        try:
            principal = self.sessions.principal(session)
        except JwtRefused:
            return False
        wanted = [level_of(acr) for acr in request.acr_values.split()]
        age = (self._clock.now() - principal.auth_time).total_seconds()
        young = request.max_age is None or age <= request.max_age + _SLACK
        reached = any(
            level is not None and principal.ial >= level.ial and principal.aal >= level.aal
            for level in wanted
        )
        return young and (reached or not wanted)

    def sent_back(self, request: PushedRequest, answer: Mapping[str, str]) -> Away:
        """Return where a browser goes with an answer to the client."""
        own = {**answer, "state": request.state, "iss": self._issuer}
        # redirect_uri was compared letter by letter when the request was pushed.
        return Away(_with(request.redirect_uri, own))

    def _back(self, request: PushedRequest, *, error: str, cause: str = "") -> Away:
        told = {"error": error}
        if cause:
            told["error_description"] = cause
        return self.sent_back(request, told)

    def _checked(self, who: Authenticated, form: Mapping[str, str], uri_hash: str) -> PushedRequest:
        if "request" in form or "request_uri" in form:
            raise _wrong("a request inside the request")
        if form.get("response_type") != "code":
            raise OAuthRefused("unsupported_response_type", "only the code flow is offered")
        if form.get("response_mode", "query") != "query":
            raise _wrong("only response_mode query is offered")
        redirect_uri = form.get("redirect_uri", "")
        if redirect_uri not in who.client.redirect_uris:
            raise _wrong("the redirect_uri is not, letter by letter, a registered one")
        challenge = form.get("code_challenge", "")
        if form.get("code_challenge_method") != "S256" or not model.is_challenge(challenge):
            raise _wrong("a code_challenge by S256 is needed")
        if not model.is_portal_state(form.get("state", "")):
            raise _wrong("a state of 1 to 512 visible characters is needed")
        scope = narrowed(form.get("scope", ""), who.client.scopes)
        if scope is None:
            raise OAuthRefused("invalid_scope", "a scope that the client may not ask for")
        nonce = form.get("nonce")
        if "openid" in scopes_of(scope) and not (nonce and is_text(nonce)):
            raise _wrong("openid needs a nonce")
        jkt = form.get("dpop_jkt", who.jkt)
        if who.jkt is not None and jkt != who.jkt:
            raise OAuthRefused("invalid_dpop_proof", "dpop_jkt names another key than the proof")
        now = self._clock.now()
        request = PushedRequest(
            id=self._ids.new("par"),
            uri_hash=uri_hash,
            client_id=who.client.client_id,
            redirect_uri=redirect_uri,
            scope=scope,
            state=form["state"],
            nonce=nonce,
            code_challenge=challenge,
            acr_values="",
            max_age=None,
            prompt="",
            idp="",
            user_type="",
            jkt=jkt,
            created_at=now,
            expires_at=now + REQUEST_LIFE,
        )
        return replace(request, **self._how(form))

    def _how(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Return how the citizen is to sign in: level, age, way and kind of account."""
        acr_values = form.get("acr_values", "")
        if any(level_of(acr) is None for acr in acr_values.split()):
            raise _wrong("acr_values holds a level that is none of ours")
        max_age = form.get("max_age")
        if max_age is not None and not (
            max_age.isascii() and max_age.isdigit() and int(max_age[:9]) <= _LONGEST_AGE
        ):
            raise _wrong("max_age is no number of seconds up to a day")
        prompt = form.get("prompt", "")
        if prompt not in PROMPTS:
            raise _wrong("prompt has no value that we know")
        idp = form.get("idp", self._providers[0] if len(self._providers) == 1 else "")
        if idp not in self._providers:
            raise _wrong("idp names no identity provider that is connected")
        user_type = form.get("user_type", model.UserType.NATURAL_PERSON)
        if user_type not in set(model.UserType):
            raise _wrong("user_type is none of ours")
        return {
            "acr_values": " ".join(acr_values.split()),
            "max_age": None if max_age is None else int(max_age),
            "prompt": prompt,
            "idp": idp,
            "user_type": str(user_type),
        }


def _wrong(reason: str) -> OAuthRefused:
    return OAuthRefused("invalid_request", reason)


def _with(url: str, answer: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    own = urlencode(answer)
    return urlunsplit(parts._replace(query=f"{parts.query}&{own}" if parts.query else own))
