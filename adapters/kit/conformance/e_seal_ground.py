"""What the suite of the seal port stands on: made-up seals, orders, and the simulator's own log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from adapters.kit.conformance.world import World
from e_seal import Authorisation, SealProvider, Signer, SignRequest, TrustStore
from kernel.crypto import sm3

SEAL: Final = "37010000000104"
"""济南市行政审批服务局."""
UNIT: Final = "11370100MB900004XW"
OTHER_SEAL: Final = "37010200000107"
"""济南市历下区卫生健康局."""
FROZEN_SEAL: Final = "37010200000901"
REVOKED_SEAL: Final = "37010200000902"
NO_SEAL: Final = "37010099999999"
PATH: Final = "/Doc_0/Signs/Sign_1/Signature.xml"
SKEW: Final = timedelta(minutes=10)
LOST_SECONDS: Final = 1.5


def request(
    world: World,
    key: str = "request-1",
    *,
    seal_code: str = SEAL,
    digest: bytes | None = None,
    property_info: str = PATH,
) -> SignRequest:
    """Return an order to sign; the same key gives the same one."""
    now = world.clock.now()
    return SignRequest(
        request_id=key,
        reference="case-1",
        item_code="11370100MB28455711437012000300001",
        seal_code=seal_code,
        digest=digest_of(key) if digest is None else digest,
        property_info=property_info,
        sign_time=now,
        signer=Signer("staff-1"),
        authorisation=Authorisation("grant-1", "staff-2", now + timedelta(hours=1)),
        document_id="document-1",
        document_name="受理通知书",
        page_count=1,
    )


def digest_of(key: str) -> bytes:
    """Return the digest that ``request`` puts under a key."""
    return sm3.digest(key.encode())


def trust_of(world: World) -> TrustStore:
    """Return the trust store of what the simulator handed out."""
    return TrustStore.from_pem("".join(world.onboarding.options["trust_anchors_pem"]))


async def acts(world: World) -> Sequence[dict[str, Any]]:
    """Return the simulator's log of seal uses, in order."""
    answer = (await world.browser.get("/sim/acts")).raise_for_status()
    found: Sequence[dict[str, Any]] = answer.json()["acts"]
    return found


def provider_of(world: World) -> SealProvider:
    """Return the provider as the port that it serves."""
    provider: SealProvider = world.provider
    return provider
