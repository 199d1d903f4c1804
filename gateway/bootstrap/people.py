"""Builds the services that know who somebody is."""

from __future__ import annotations

from typing import Any

from gateway.bootstrap.ground import Ground
from gateway.bootstrap.upstreams import of_port
from identity.clients.repository import SqlClientRows
from identity.clients.service import ClientRegistry
from identity.repository import SqlRepository
from identity.service import IdentityKeys, IdentityService
from identity.subjects import PairwiseSubjects
from kernel.ids import random_bytes


def people_of(ground: Ground) -> dict[str, Any]:
    """Return the services of identity by their names in the container."""
    service = IdentityService(
        of_port(ground.connected, "identity"),
        SqlRepository(),
        ground.works,
        ground.clock,
        ground.ids,
        IdentityKeys(ground.cipher, ground.index_key),
        ground.settings.identity,
    )
    clients = ClientRegistry(
        SqlClientRows(ground.cipher),
        ground.works,
        ground.clock,
        ground.ids,
        ground.settings.identity,
        random_bytes,
    )
    return {
        "identity": service,
        "subjects": PairwiseSubjects(ground.index_key),
        "clients": clients,
    }
