"""The identity port on OpenID Connect: code with PKCE, pushed where offered, keys that never leave
the gateway.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from adapters.dialects.nested import Malformed
from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.people import UnknownCode
from adapters.kit.registry import BadConnection
from adapters.kit.translate import protocol_breach
from adapters.upstreams.oidc import mapping
from adapters.upstreams.oidc.options import Options
from adapters.upstreams.oidc.provider import Provider
from adapters.upstreams.oidc.wire import (
    ASSERTION_TYPE,
    Discovery,
    Kept,
    Operation,
    Pushed,
    Tokens,
)
from identity.errors import LoginCallbackInvalid, LoginRefused, NotOffered, TicketExpired
from identity.jose import Claims, JwtRefused, SigningKey, public_keys, verify_jwt
from identity.model import Profile, UpstreamSession
from identity.ports import IdentityProvider
from identity.upstream import Capability, LoginAttempt
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamUnavailable,
)

ASSERTION_SECONDS: Final = 60
_NO_CODE: Final = "self-check"
_REQUIRED: Final = ("exp", "iat", "iss", "aud", "sub", "nonce")
_CLOCK_SECONDS: Final = 30

_M = TypeVar("_M", bound=BaseModel)
_V = TypeVar("_V")


def create(options: Options, kit: Kit) -> Oidc:
    """Return the provider; raise BadConnection when the key is none."""
    try:
        key = mapping.signing_key(kit.secrets["client_key"])
    except ValueError:
        raise BadConnection(
            f"secrets of {kit.manifest.name}: client_key is the member d of a P-256 key"
        ) from None
    return Oidc(options, kit, key)


class Oidc(IdentityProvider):
    """IdentityProvider on any OpenID Connect provider with PKCE and private_key_jwt."""

    ticket_parameter = "code"

    def __init__(self, options: Options, kit: Kit, key: SigningKey) -> None:
        self._options = options
        self._kit = kit
        self._key = key
        self._provider = Provider(options, kit)

    async def start_login(self, attempt: LoginAttempt) -> str:
        return_url, seed = _ends(attempt)
        metadata = await self._provider.metadata()
        address, state = mapping.parted(return_url)
        asked = {
            "response_type": "code",
            "client_id": self._options.client_id,
            "redirect_uri": address,
            "scope": self._options.scope,
            "state": state,
            "nonce": mapping.derived(seed, "nonce"),
            "code_challenge": mapping.challenge(mapping.derived(seed, "verifier")),
            "code_challenge_method": "S256",
        }
        if attempt.want != mapping.ORDINARY:
            asked["max_age"] = str(self._options.step_up_seconds)
            if values := mapping.acr_values(attempt.want, self._options):
                asked["acr_values"] = values
        self._provider.path(metadata.authorization_endpoint)
        if (pushed := await self._push(metadata, asked)) is not None:
            asked = {"client_id": self._options.client_id, "request_uri": pushed}
        glue = "&" if "?" in metadata.authorization_endpoint else "?"
        return f"{metadata.authorization_endpoint}{glue}{urlencode(asked)}"

    async def exchange(self, params: Mapping[str, str], attempt: LoginAttempt) -> UpstreamSession:
        return_url, seed = _ends(attempt)
        metadata = await self._provider.metadata()
        address, state = mapping.parted(return_url)
        code = self._code(params, metadata, state)
        found = await self._redeem(
            metadata,
            {
                "code": code,
                "redirect_uri": address,
                "code_verifier": mapping.derived(seed, "verifier"),
            },
        )
        claims = await self._verified(found, mapping.derived(seed, "nonce"))
        kept = _kept(found, claims, metadata)
        self._require_enough(kept, claims, attempt)
        return UpstreamSession(attempt.user_type, kept.model_dump_json())

    async def fetch_principal(self, session: UpstreamSession) -> Profile:
        try:
            kept = Kept.model_validate_json(session.token)
        except ValidationError:
            # Not chained: its text would repeat the token.
            raise TicketExpired("not a session of this provider") from None
        path = self._provider.path((await self._provider.metadata()).userinfo_endpoint)
        try:
            claims = await self._kit.client.request_json(
                Operation.USERINFO,
                "GET",
                path,
                headers={"authorization": f"Bearer {kept.access_token}"},
            )
        except UpstreamAuthFailed as exc:
            raise TicketExpired("the access token is not accepted any more") from exc
        if not isinstance(claims, dict):
            raise self._breach(Operation.USERINFO, "the claims are not an object")
        # Core 1.0, 5.3.2: else a token of somebody else would bring somebody else's claims.
        if claims.get("sub") != kept.sub:
            raise self._breach(Operation.USERINFO, "sub is another one than in the id_token")
        return self._told(lambda: mapping.profile(kept, claims, self._options))

    def logout_url(self, session: UpstreamSession, return_url: str) -> str | None:
        try:
            kept = Kept.model_validate_json(session.token)
        except ValidationError:
            return None
        if kept.end_session is None:
            return None
        query = {
            "id_token_hint": kept.id_token,
            "client_id": self._options.client_id,
            "post_logout_redirect_uri": return_url,
        }
        glue = "&" if "?" in kept.end_session else "?"
        return f"{kept.end_session}{glue}{urlencode(query)}"

    def checks(self) -> Sequence[Check]:
        return (Check("client_key", Layer.AUTHENTICATION, self._check_client, Operation.TOKEN),)

    async def _check_client(self) -> None:
        # Nobody was given this code: a provider that accepts our assertion says so.
        metadata = await self._provider.metadata()
        form = {"code": _NO_CODE, "redirect_uri": self._options.its_issuer}
        try:
            await self._redeem(metadata, {**form, "code_verifier": self._kit.ids.secret()})
        except TicketExpired:
            return
        raise self._breach(Operation.TOKEN, "a code that nobody holds was not refused as such")

    async def _push(self, metadata: Discovery, asked: Mapping[str, str]) -> str | None:
        endpoint = metadata.pushed_authorization_request_endpoint
        if self._options.par == "never" and not metadata.require_pushed_authorization_requests:
            return None
        if endpoint is None:
            if self._options.par == "required":
                raise UpstreamProtocolError("the provider offers no pushed requests any more")
            return None
        raw = await self._post(Operation.PAR, endpoint, asked)
        return self._parse(Operation.PAR, Pushed, raw).request_uri

    def _code(self, params: Mapping[str, str], metadata: Discovery, state: str) -> str:
        if not hmac.compare_digest(params.get("state", "").encode(), state.encode()):
            raise LoginCallbackInvalid("state is missing or another one")
        # RFC 9207, 2.4: a code of another provider must not be shown to this one.
        iss = params.get("iss")
        if iss is None and metadata.authorization_response_iss_parameter_supported:
            raise LoginCallbackInvalid("iss is missing")
        if iss is not None and iss != self._options.its_issuer:
            raise LoginCallbackInvalid("iss is another provider's")
        code = params.get("code")
        if not code:
            raise LoginCallbackInvalid("no code")
        return code

    async def _redeem(self, metadata: Discovery, form: Mapping[str, str]) -> Tokens:
        asked = {"grant_type": "authorization_code", **form}
        try:
            raw = await self._post(Operation.TOKEN, metadata.token_endpoint, asked)
        except UpstreamRejected as exc:
            match exc.upstream_code:
                case "invalid_grant":
                    # Expired, used and forged look the same from here (RFC 6749, 5.2).
                    raise TicketExpired("the code is not accepted") from exc
                case "access_denied":
                    raise LoginRefused("the provider refuses this account") from exc
            raise
        found = self._parse(Operation.TOKEN, Tokens, raw)
        if found.token_type.lower() != "bearer":
            raise self._breach(Operation.TOKEN, "the access token is of another type")
        return found

    async def _post(self, operation: str, endpoint: str, form: Mapping[str, str]) -> Any:
        now = int(self._kit.clock.now().timestamp())
        client = self._options.client_id
        assertion = {
            "iss": client,
            "sub": client,
            "aud": self._options.its_issuer,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
            "jti": self._kit.ids.secret(),
        }
        message = {
            **form,
            "client_id": client,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._key.sign(assertion, typ="JWT"),
        }
        path = self._provider.path(endpoint)
        try:
            return await self._kit.client.request_json(operation, "POST", path, form=message)
        except UpstreamRejected as exc:
            match exc.upstream_code:
                case "invalid_client" | "unauthorized_client":
                    raise UpstreamAuthFailed(exc.detail, upstream_code=exc.upstream_code) from exc
                case "temporarily_unavailable":
                    raise UpstreamUnavailable(exc.detail) from exc
            raise

    async def _verified(self, found: Tokens, nonce: str) -> Claims:
        try:
            claims = verify_jwt(
                found.id_token,
                keys=public_keys(await self._provider.keys_for(found.id_token)),
                iss=self._options.its_issuer,
                aud=self._options.client_id,
                typ=None,
                now=self._kit.clock.now(),
                longest=timedelta(seconds=self._options.longest_id_token_seconds),
                algs=self._options.id_token_algs,
                required=_REQUIRED,
            )
        except JwtRefused as exc:
            raise UpstreamProtocolError(f"the id_token is refused: {exc.reason}") from exc
        if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise UpstreamProtocolError("the id_token is refused: another nonce")
        if claims.get("azp", self._options.client_id) != self._options.client_id:
            raise UpstreamProtocolError("the id_token is refused: another azp")
        own = mapping.half_hash(found.access_token)
        if claims.get("at_hash", own) != own:
            raise UpstreamProtocolError("the id_token is refused: another access token's")
        return claims

    def _require_enough(self, kept: Kept, claims: Claims, attempt: LoginAttempt) -> None:
        if attempt.want == mapping.ORDINARY:
            return
        if not self._told(lambda: mapping.suffices(kept, attempt.want, self._options)):
            raise LoginRefused("the login is weaker than was asked for")
        oldest = self._kit.clock.now() - timedelta(
            seconds=self._options.step_up_seconds + _CLOCK_SECONDS
        )
        if "auth_time" not in claims or kept.auth_time < oldest.timestamp():
            raise LoginRefused("the login is older than was asked for")

    def _told(self, read: Callable[[], _V]) -> _V:
        try:
            return read()
        except UnknownCode as exc:
            self._kit.unknown(exc.field, exc.code[:40])
            raise self._breach(Operation.USERINFO, str(exc)) from None
        except Malformed as exc:
            raise self._breach(Operation.USERINFO, str(exc)) from None

    def _parse(self, operation: str, model: type[_M], raw: object) -> _M:
        try:
            return model.model_validate(raw)
        except ValidationError:
            # Not chained: its text would repeat the answer.
            raise self._breach(operation, f"not a proper {model.__name__}") from None

    def _breach(self, operation: str, detail: str) -> UpstreamError:
        return protocol_breach(self._kit.manifest, operation, f"{operation}: {detail}")


def _ends(attempt: LoginAttempt) -> tuple[str, str]:
    if attempt.return_url is None or attempt.seed is None:
        raise NotOffered(Capability.APP_LOGIN)
    return attempt.return_url, attempt.seed


def _kept(found: Tokens, claims: Claims, metadata: Discovery) -> Kept:
    amr = claims.get("amr", [])
    acr = claims.get("acr")
    try:
        return Kept(
            access_token=found.access_token,
            id_token=found.id_token,
            sub=claims["sub"],
            acr=acr,
            amr=tuple(amr) if isinstance(amr, list) else amr,
            auth_time=claims.get("auth_time", claims["iat"]),
            end_session=metadata.end_session_endpoint,
        )
    except ValidationError:
        raise UpstreamProtocolError("acr, amr, sub or auth_time is of another form") from None
