"""Builds the services that know who somebody is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from gateway.bootstrap.ground import Ground
from gateway.bootstrap.outgoing import outgoing_of
from gateway.bootstrap.staffing import staff_of
from gateway.bootstrap.upstreams import of_port
from identity.clients.repository import SqlClientRows
from identity.clients.service import ClientRegistry
from identity.mandates.codec import MandateCodec
from identity.mandates.repository import SqlMandates
from identity.mandates.service import MandateService
from identity.oauth.access_repository import SqlAccessRows
from identity.oauth.repository import SqlOAuthRows
from identity.oauth.server import AuthorizationServer, server_of
from identity.oauth.stronger import StrongerLogin
from identity.opening import IdentityKeys
from identity.organisations import Organisations
from identity.policy import book as policy
from identity.policy import methods
from identity.proofing.repository import SqlProofings
from identity.proofing.service import ProofingService
from identity.repository import SqlRepository
from identity.service import TOKEN_PREFIX, IdentityService
from identity.stepup.repository import SqlStepUps
from identity.stepup.service import Limits, StepUpService
from identity.subjects import PairwiseSubjects
from identity.tickets import TicketSignIn
from identity.vault import SessionVault
from kernel.ids import random_bytes


def people_of(ground: Ground) -> dict[str, Any]:
    """Return the services of identity by their names in the container."""
    providers, rows = of_port(ground.connected, "identity"), SqlRepository()
    keys, options = IdentityKeys(ground.cipher, ground.index_key), ground.settings.identity
    service = IdentityService(
        providers, rows, ground.works, ground.clock, ground.ids, keys, options
    )
    clients = ClientRegistry(
        SqlClientRows(ground.cipher),
        ground.works,
        ground.clock,
        ground.ids,
        ground.settings.identity,
        random_bytes,
    )
    subjects = PairwiseSubjects(ground.index_key)
    tickets = TicketSignIn(providers, rows, ground.works, ground.clock, ground.ids, keys, options)
    oauth = server_of(
        rows=SqlOAuthRows(),
        short=SqlAccessRows(ground.works.database),
        works=ground.works,
        clock=ground.clock,
        ids=ground.ids,
        keys=keys,
        options=options,
        issuer=ground.settings.server.public_url.rstrip("/"),
        providers=providers,
        identity=service,
        registry=clients,
        subjects=subjects,
        tickets=tickets,
    )
    works, clock, ids = ground.works, ground.clock, ground.ids
    mandates = MandateService(
        SqlMandates(MandateCodec(ground.cipher, ground.index_key)),
        ground.works,
        ground.clock,
        ground.ids,
        longest_days=options.mandate_days,
    )
    return {
        "identity": service,
        "organisations": Organisations(providers, rows, works, clock, ids, keys, service.forget),
        "subjects": subjects,
        "clients": clients,
        "oauth": oauth,
        **staff_of(ground),
        "policy": policy.bundled(options.policy),
        "mandates": mandates,
        **_raises(ground, service, oauth, clients, keys),
        **outgoing_of(ground, clients),
    }


def _raises(
    ground: Ground,
    service: IdentityService,
    oauth: AuthorizationServer,
    clients: ClientRegistry,
    keys: IdentityKeys,
) -> dict[str, Any]:
    """Return what raises levels: second factors and windows."""

    def forget(session_id: str, token_hash: str | None) -> None:
        oauth.access.forget(session_id)
        if token_hash is not None:
            service.forget_hash(token_hash)

    async def require_return(client_id: str, return_to: str) -> None:
        client = await clients.find(client_id)
        if client is None or return_to not in client.redirect_uris:
            # A portal of the settings may be newer than the registry.
            service.require_return(client_id, return_to)

    options = ground.settings.identity
    connected = of_port(ground.connected, "second_factor").values()
    proofings = ProofingService(
        SqlProofings(ground.cipher),
        ground.works,
        ground.clock,
        ground.ids,
        keys,
        life=timedelta(days=options.proofing_days),
        forget=forget,
    )
    step_ups = StepUpService(
        {factor.factor: factor for factor in connected},
        SqlStepUps(),
        ground.works,
        ground.clock,
        ground.ids,
        SessionVault(ground.cipher),
        methods.bundled(),
        Limits(
            life=timedelta(seconds=options.step_up_seconds),
            window=timedelta(seconds=options.step_up_window_seconds),
            most=options.step_up_most,
        ),
        token_prefix=TOKEN_PREFIX,
        forget=forget,
        require_return=require_return,
        proofings=proofings,
    )
    stronger = _stronger(ground, oauth, step_ups)
    return {"step_ups": step_ups, "proofings": proofings, "stronger": stronger}


def _stronger(ground: Ground, oauth: AuthorizationServer, step_ups: StepUpService) -> StrongerLogin:
    options = ground.settings.identity
    return StrongerLogin(
        oauth.rows,
        ground.works,
        ground.clock,
        ground.ids,
        oauth.authorization.sessions,
        oauth.authorization,
        step_ups,
        issuer=oauth.issuer,
        step_up_life=timedelta(seconds=options.step_up_seconds),
        code_life=timedelta(seconds=options.code_seconds),
    )
