"""Builds the services that know who somebody is."""

from __future__ import annotations

from typing import Any

from gateway.bootstrap.ground import Ground
from gateway.bootstrap.staffing import staff_of
from gateway.bootstrap.upstreams import of_port
from identity.clients.repository import SqlClientRows
from identity.clients.service import ClientRegistry
from identity.oauth.repository import SqlOAuthRows
from identity.oauth.server import server_of
from identity.opening import IdentityKeys
from identity.organisations import Organisations
from identity.repository import SqlRepository
from identity.service import IdentityService
from identity.subjects import PairwiseSubjects
from identity.tickets import TicketSignIn
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
    return {
        "identity": service,
        "organisations": Organisations(providers, rows, works, clock, ids, keys, service.forget),
        "subjects": subjects,
        "clients": clients,
        "oauth": oauth,
        **staff_of(ground),
    }
