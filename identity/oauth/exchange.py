"""Token exchange (RFC 8693): whose token or ticket a client shows, to act for that citizen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from identity import model
from identity.jose import JwtRefused
from identity.model import Principal
from identity.oauth.access import AccessVerifier
from identity.oauth.errors import OAuthRefused
from identity.oauth.issuing import Authenticated
from identity.tickets import TicketSignIn
from kernel.errors import Failure, UpstreamUnavailable

TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"
JIS_TICKET: Final = "urn:sd:params:oauth:token-type:jis-ticket"
JIS_TOKEN: Final = "urn:sd:params:oauth:token-type:jis-token"
SUBJECT_TYPES: Final = (ACCESS_TOKEN, JIS_TICKET, JIS_TOKEN)
_MAX_ACTORS: Final = 3


@dataclass(frozen=True)
class Subject:
    """For whom a client wants to act. ``scopes`` None sets no limit of its own."""

    principal: Principal
    session_id: str
    scopes: frozenset[str] | None
    actor: str
    ends: datetime


class Subjects:
    """Finds out whom a subject token stands for; ``audience`` is the one that may be asked for."""

    def __init__(self, access: AccessVerifier, tickets: TicketSignIn, audience: str) -> None:
        self._access = access
        self._tickets = tickets
        self._audience = audience

    async def find(self, who: Authenticated, form: Mapping[str, str]) -> Subject:
        """Return the subject of an exchange. Raises OAuthRefused."""
        if not who.client.may_act_scopes:
            raise OAuthRefused("unauthorized_client", "the client may act for nobody")
        if form.get("audience", self._audience) != self._audience or "resource" in form:
            raise OAuthRefused("invalid_target", "another audience than the interface")
        if form.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
            raise _wrong("only access tokens are issued")
        if "actor_token" in form:
            raise _wrong("the actor is the client itself")
        kind, token = form.get("subject_token_type"), form.get("subject_token", "")
        if kind == ACCESS_TOKEN:
            return await self._of_token(token)
        if kind in {JIS_TICKET, JIS_TOKEN}:
            return await self._of_province(who, form, token, by_ticket=kind == JIS_TICKET)
        raise _wrong("no such subject_token_type")

    async def _of_token(self, token: str) -> Subject:
        try:
            access = await self._access.resolve(token)
        except JwtRefused as refused:
            raise _wrong(
                f"what was shown as subject is not accepted, {refused.reason}"
            ) from refused
        if access.principal is None or access.session_id is None:
            raise _wrong("the subject token stands for no citizen")
        if len(access.actor.split()) >= _MAX_ACTORS:
            raise _wrong("the chain of actors is too long")
        return Subject(
            access.principal, access.session_id, access.scopes, access.actor, access.expires_at
        )

    async def _of_province(
        self, who: Authenticated, form: Mapping[str, str], token: str, *, by_ticket: bool
    ) -> Subject:
        user_type = form.get("user_type", model.UserType.NATURAL_PERSON)
        if not model.is_ticket(token) or user_type not in set(model.UserType):
            raise _wrong("a ticket or token of the province, and the user_type, are needed")
        sign_in = self._tickets.by_ticket if by_ticket else self._tickets.by_token
        client_id, idp = who.client.client_id, form.get("idp", "")
        try:
            signed_in = await sign_in(client_id, idp, model.UserType(user_type), token)
        except UpstreamUnavailable as exc:
            raise OAuthRefused("temporarily_unavailable", exc.code) from exc
        except Failure as failure:
            raise OAuthRefused("invalid_grant", f"the province: {failure.code}") from failure
        return Subject(signed_in.principal, signed_in.session_id, None, "", signed_in.ends)


def _wrong(reason: str) -> OAuthRefused:
    return OAuthRefused("invalid_request", reason)
