"""The made-up people and licences of the licence suite, and what its checks and drills do with
them.
"""

from __future__ import annotations

from typing import Final

from adapters.kit.conformance.world import World
from e_license import AuthBasis, Holder, IdDocType, LicenceProvider, Purpose
from kernel.gbcodes import make_licence_identifier

ZHANG: Final = Holder(IdDocType.CITIZEN_ID, "370102199003071238")
"""Has an identity card and a deed whose identifier has a wrong check character."""
LI: Final = Holder(IdDocType.CITIZEN_ID, "370202198811120246")
"""Has an identity card only."""
WANG: Final = Holder(IdDocType.CITIZEN_ID, "370112196505010119")
"""Has two deeds, and a transport licence that is suspended."""
COMPANY: Final = Holder(IdDocType.UNIFIED_SOCIAL_CREDIT_CODE, "91370100MA3ABCDE1G")
"""Has a business licence without an end, and a food licence that has expired."""

IDENTITY_CARD: Final = "11100000000013127D001"
BUSINESS_LICENCE: Final = "11100000MB0143028R001"
DEED: Final = "11100000MB03271699001"
TRANSPORT_LICENCE: Final = "11100000000019713D008"
FOOD_LICENCE: Final = "11370000MBDEM0015R001"
"""Made up: the national code is in no public source."""
NOT_GRANTED: Final = "11100000000019713D071"
"""从业资格证: a type that the account may not read; ZHANG has one."""
NO_LICENCE: Final = make_licence_identifier(BUSINESS_LICENCE, "370100", "NOSUCHLICENCE", 1)

MAGIC: Final = {"application/ofd": b"PK\x03\x04", "image/png": b"\x89PNG\r\n\x1a\n"}


def purpose(reference: str = "case-1") -> Purpose:
    """Return a proper reason to read a licence."""
    return Purpose(
        item_code="11370100MB28455711437012000300001",
        item_name="道路货物运输经营许可",
        reference=reference,
        cause="办理道路货物运输经营许可",
        auth_basis=AuthBasis.HOLDER_ONLINE_CONSENT,
    )


def provider_of(world: World) -> LicenceProvider:
    """Return the provider under examination."""
    provider: LicenceProvider = world.provider
    return provider


async def identifier_of(
    world: World, holder: Holder, licence_type: str, key: str = "case-1"
) -> str:
    """Return the identifier of the first licence that is found."""
    answer = await provider_of(world).find(holder, licence_type, purpose(key))
    return answer.licences[0].identifier


async def code_of(world: World, **shown: str) -> str:
    """Return the code that a citizen opens in the province's app, at the simulator."""
    answer = await world.browser.post("/sim/qrcode", json=shown)
    code: str = answer.raise_for_status().json()["qrcode"]
    return code


async def consent_code(world: World, holder: Holder) -> str:
    """Return a code with which its holder may be asked for consent."""
    return await code_of(world, holder=holder.code, holder_type=holder.kind.value)


async def decide(world: World, code: str, decision: str) -> None:
    """Let the citizen answer in the app: AUTHORISED or DENIED."""
    answer = await world.browser.post("/sim/consent", json={"qrcode": code, "decision": decision})
    answer.raise_for_status()
