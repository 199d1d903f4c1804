"""Builds the services that know who somebody is."""

from __future__ import annotations

from typing import Any

from gateway.bootstrap.ground import Ground
from gateway.bootstrap.upstreams import of_port
from identity.repository import SqlRepository
from identity.service import IdentityKeys, IdentityService
from identity.subjects import PairwiseSubjects


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
    return {"identity": service, "subjects": PairwiseSubjects(ground.index_key)}
