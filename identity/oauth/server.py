"""授权服务器: the parts of the authorization server, put together once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from identity.cache import VerifiedTokens
from identity.clients.model import SCOPES, Client
from identity.clients.service import ClientRegistry
from identity.oauth.access import AccessVerifier
from identity.oauth.answers import Answers
from identity.oauth.authorize import Authorization
from identity.oauth.client_auth import ClientAuthenticator
from identity.oauth.dpop import DpopVerifier
from identity.oauth.exchange import Subjects
from identity.oauth.grants import GRANT_TYPES, Grants
from identity.oauth.issuing import Authenticated, Issuer
from identity.oauth.keys import SigningKeys
from identity.oauth.logout import Logout
from identity.oauth.model import Access
from identity.oauth.ports import AccessRows, OAuthRows
from identity.oauth.replay import Replays
from identity.oauth.sessions import Sessions
from identity.opening import IdentityKeys
from identity.options import Options
from identity.policy.acr import ACRS
from identity.ports import IdentityProvider
from identity.service import IdentityService
from identity.subjects import PairwiseSubjects
from identity.tickets import TicketSignIn
from kernel.clock import Clock
from kernel.ids import IdSource
from kernel.work import WorkSource

AUDIENCE: Final = "urn:sd:gw:api"
"""For whom access tokens are: the interface (OURS)."""
_SWEEP_ROWS: Final = 500
_LONGEST_SIGNED: Final = timedelta(seconds=300)


@dataclass(frozen=True)
class AuthorizationServer:
    """Everything that the endpoints of OAuth and OpenID Connect call."""

    issuer: str
    clients: ClientAuthenticator
    dpop: DpopVerifier
    keys: SigningKeys
    authorization: Authorization
    grants: Grants
    answers: Answers
    access: AccessVerifier
    logout: Logout
    registry: ClientRegistry
    rows: OAuthRows
    works: WorkSource
    clock: Clock

    def url(self, path: str) -> str:
        """Return the public address of a path."""
        return f"{self.issuer}{path}"

    async def authenticated(
        self, form: Mapping[str, str], proofs: Sequence[str], path: str
    ) -> Authenticated:
        """Return the client that posts this form, and the key that its proof shows, if any.

        Raises OAuthRefused.
        """
        client = await self.clients.by_assertion(form)
        return Authenticated(client, by_jwt=True, jkt=await self._bound(proofs, path))

    async def signed_by(
        self, client: Client, form: Mapping[str, str], proofs: Sequence[str], path: str
    ) -> Authenticated:
        """Do the same for a client whose signature of the whole request was found right (SDGW1).

        Raises OAuthRefused.
        """
        self.clients.require_signer(client, form)
        return Authenticated(client, by_jwt=False, jkt=await self._bound(proofs, path))

    async def _bound(self, proofs: Sequence[str], path: str) -> str | None:
        return await self.dpop.verify(proofs, "POST", self.url(path)) if proofs else None

    async def sweep(self) -> int:
        """Delete what is over; call again until it returns 0."""
        async with self.works.begin() as work:
            return await self.rows.forget(work, self.clock.now(), _SWEEP_ROWS)

    def metadata(self) -> dict[str, Any]:
        """Return the description of this server (RFC 8414; OpenID Connect Discovery 1.0, 3)."""
        signed = ["ES256"]
        return {
            "issuer": self.issuer,
            "authorization_endpoint": self.url("/oauth2/authorize"),
            "token_endpoint": self.url("/oauth2/token"),
            "pushed_authorization_request_endpoint": self.url("/oauth2/par"),
            "introspection_endpoint": self.url("/oauth2/introspect"),
            "revocation_endpoint": self.url("/oauth2/revoke"),
            "userinfo_endpoint": self.url("/oauth2/userinfo"),
            "end_session_endpoint": self.url("/oauth2/end_session"),
            "jwks_uri": self.url("/oauth2/jwks"),
            "require_pushed_authorization_requests": True,
            "authorization_response_iss_parameter_supported": True,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": list(GRANT_TYPES),
            "code_challenge_methods_supported": ["S256"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": signed,
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES256", "PS256"],
            "introspection_endpoint_auth_methods_supported": ["private_key_jwt"],
            "introspection_endpoint_auth_signing_alg_values_supported": ["ES256", "PS256"],
            "revocation_endpoint_auth_methods_supported": ["private_key_jwt"],
            "revocation_endpoint_auth_signing_alg_values_supported": ["ES256", "PS256"],
            "dpop_signing_alg_values_supported": signed,
            "scopes_supported": sorted(SCOPES),
            "acr_values_supported": list(ACRS),
            "claims_supported": [
                *("sub", "name", "user_type", "org_name", "acting_role"),
                *("id_type", "id_number", "uscc", "acr", "amr", "auth_time"),
            ],
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
        }


def server_of(
    *,
    rows: OAuthRows,
    short: AccessRows,
    works: WorkSource,
    clock: Clock,
    ids: IdSource,
    keys: IdentityKeys,
    options: Options,
    issuer: str,
    providers: Mapping[str, IdentityProvider],
    identity: IdentityService,
    registry: ClientRegistry,
    subjects: PairwiseSubjects,
    tickets: TicketSignIn,
) -> AuthorizationServer:
    """Return the authorization server at ``issuer``, an address without a slash at its end."""
    signing = SigningKeys(
        rows,
        works,
        clock,
        keys.cipher,
        life=_LONGEST_SIGNED,
        rotate_after=timedelta(days=options.signing_key_days),
    )
    sessions = _sessions(rows, keys, options, providers)
    replays = Replays(short)
    dpop = DpopVerifier(replays, clock, keys.index_key, nonces=options.dpop_nonces)
    issuing = Issuer(rows, signing, subjects, clock, ids, issuer=issuer, audience=AUDIENCE)
    cache: VerifiedTokens[Access] = VerifiedTokens(
        clock, seconds=options.cache_seconds, size=options.cache_size
    )
    access = AccessVerifier(
        rows, short, works, clock, signing, sessions, dpop, cache, issuer=issuer, audience=AUDIENCE
    )
    subject = Subjects(access, tickets, AUDIENCE)
    absolute = timedelta(seconds=options.absolute_seconds)
    return AuthorizationServer(
        issuer=issuer,
        clients=ClientAuthenticator(registry, replays, clock, issuer),
        dpop=dpop,
        keys=signing,
        authorization=Authorization(
            rows, works, clock, ids, identity, sessions, issuer=issuer, providers=providers
        ),
        grants=Grants(rows, works, clock, issuing, sessions, access, subject, absolute=absolute),
        answers=Answers(rows, works, registry, issuing, sessions, access),
        access=access,
        logout=Logout(rows, works, clock, registry, signing, issuing, sessions, access),
        registry=registry,
        rows=rows,
        works=works,
        clock=clock,
    )


def _sessions(
    rows: OAuthRows,
    keys: IdentityKeys,
    options: Options,
    providers: Mapping[str, IdentityProvider],
) -> Sessions:
    idle = timedelta(seconds=options.idle_seconds)
    return Sessions(rows, keys.cipher, providers, idle, opened=options.cache_size)
