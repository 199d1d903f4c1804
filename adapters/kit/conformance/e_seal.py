"""What every seal system must do, shown with the made-up seals that every simulator holds.

A simulator of this port logs every use of a seal (用章日志) and shows the log at ``/sim/acts``:
``{total, counts: {requestId: uses}, acts: [{requestId, sealId, digest (hex), …}]}``. Its root
certificates are the option ``trust_anchors_pem``. An adapter that declares ``sign_once`` has an
option ``own_fields``; switched off, requests go out without their id.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from adapters.kit.conformance.e_seal_drills import DRILLS
from adapters.kit.conformance.e_seal_ground import (
    FROZEN_SEAL,
    LOST_SECONDS,
    NO_SEAL,
    OTHER_SEAL,
    PATH,
    REVOKED_SEAL,
    SEAL,
    SKEW,
    UNIT,
    acts,
    digest_of,
    request,
    trust_of,
)
from adapters.kit.conformance.e_seal_ground import provider_of as _provider
from adapters.kit.conformance.world import World
from adapters.kit.deadline import deadline
from e_seal import (
    SealProvider,
    SealState,
    SignatureForm,
    Verdict,
)
from e_seal.asn1.x509 import read_certificate
from e_seal.checks import check_seal, check_signature
from e_seal.findings import Finding
from e_seal.ofd import writer
from e_seal.ses.model import Seal
from e_seal.ses.read import read_seal, read_signature
from e_seal.signing import Stamp, check_response, embed, prepare
from e_seal.signing_lock import check_lock, prepare_lock
from e_seal.verify import verify
from kernel.crypto import sm2
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamOutcomeUnknown,
    UpstreamRejected,
)

__all__ = [
    "DRILLS",
    "FROZEN_SEAL",
    "NO_SEAL",
    "OTHER_SEAL",
    "PATH",
    "REVOKED_SEAL",
    "SEAL",
    "UNIT",
    "acts",
    "digest_of",
    "request",
    "trust_of",
]


def _none_of(findings: Iterable[Finding]) -> None:
    found = [f"{finding.code}: {finding.detail}" for finding in findings]
    assert not found, found


async def _fetched(world: World, seal_code: str = SEAL) -> Seal:
    return read_seal((await _provider(world).get_seal(seal_code)).data)


async def _refused(question: Awaitable[object]) -> None:
    try:
        answer = await question
    except UpstreamRejected:
        return
    raise AssertionError(f"a refusal was expected, not {answer!r:.80}")


async def check_a_seal_comes_whole_and_verifies(world: World) -> None:
    """SESeal is read, leads to the trust anchor, and says what it should."""
    trust, now = trust_of(world), world.clock.now()
    for code in (SEAL, OTHER_SEAL):
        record = await _provider(world).get_seal(code)
        assert (record.code, record.state) == (code, SealState.ACTIVE)
        seal = read_seal(record.data)
        _none_of(check_seal(seal, trust, moment=now, skew=timedelta(0)))
        assert (seal.code, seal.raw) == (code, record.data)
        assert seal.is_valid_at(now)
        assert seal.picture.format == "png"
        assert seal.picture.data.startswith(b"\x89PNG\r\n\x1a\n")
        assert seal.picture.width > 0
        assert seal.picture.height > 0


async def check_a_unit_s_seals_are_listed(world: World) -> None:
    """The seals of a unit, with their states; a unit that nobody knows has none."""
    (found,) = await _provider(world).list_seals(UNIT, "staff-1")
    assert (found.code, found.state) == (SEAL, SealState.ACTIVE)
    assert found.name == (await _fetched(world)).name
    assert not await _provider(world).list_seals("11370100MB9999999X", "staff-1")


async def check_a_seal_lists_its_signer(world: World) -> None:
    """The signer's certificate names the seal's code and its unit."""
    seal = await _fetched(world)
    (signer,) = seal.signers
    assert signer.certificate is not None
    certificate = read_certificate(signer.certificate)
    assert certificate.subject.get("CN") == SEAL
    assert (certificate.subject.get("O") or "").endswith(seal.name)
    assert certificate.key_usage == frozenset({"digitalSignature", "nonRepudiation"})


async def check_a_signature_verifies(world: World) -> None:
    """SES_Signature covers digest, path and the very seal that was handed out."""
    seal, order = await _fetched(world), request(world)
    before = world.clock.now()
    signature = read_signature(await _provider(world).sign_digest(order))
    assert signature.data_hash == order.digest
    assert signature.property_info == order.property_info
    assert signature.seal.raw == seal.raw
    assert before - SKEW <= signature.signed_at <= world.clock.now() + SKEW
    certificate = read_certificate(signature.signer_certificate)
    key = sm2.PublicKey(certificate.public_point)
    assert sm2.verify(key, signature.signed, signature.signature)
    assert not sm2.verify(key, signature.signed + b"\x00", signature.signature)
    _none_of(check_signature(signature, trust_of(world), now=world.clock.now(), skew=SKEW))


async def check_a_document_is_sealed(world: World) -> None:
    """From a page of text to an OFD that the verification accepts without a warning."""
    trust, now = trust_of(world), world.clock.now()
    page = writer.Page((writer.Text(28, 40, "受理通知书", 6),))
    model = writer.Document(doc_id=writer.doc_id_of("doc_1"), title="受理通知书", pages=[page])
    record = await _provider(world).get_seal(SEAL)
    stamp = Stamp(0, 120, 200, 42, 42)
    prepared = prepare(writer.write(model, now), record.data, [stamp], at=now)
    order = request(world, digest=prepared.digest, property_info=prepared.property_info)
    signature = await _provider(world).sign_digest(order)
    now = world.clock.now()
    _none_of(check_response(prepared, signature, seal_code=SEAL, trust=trust, now=now, skew=SKEW))
    states = {SEAL: await _provider(world).status(SEAL)}
    report = verify(embed(prepared, signature), trust=trust, now=now, seal_states=states)
    assert report.verdict is Verdict.VALID, report


async def check_a_remote_verification_agrees(world: World) -> None:
    """Where the system verifies too: yes to its own value, no to any change."""
    if not world.can("verify"):
        return
    seal, order = await _fetched(world), request(world)
    value = await _provider(world).sign_digest(order)
    about = {"property_info": order.property_info, "at": order.sign_time, "seal": seal.raw}
    assert await world.provider.verify(value, digest=order.digest, **about)
    assert not await world.provider.verify(value, digest=digest_of("another"), **about)
    spoilt = value[:-1] + bytes([value[-1] ^ 1])
    assert not await world.provider.verify(spoilt, digest=order.digest, **about)


async def check_a_lock_closes_a_document(world: World) -> None:
    """CMS over the digest, by the seal's own signer; with another form the request differs."""
    if not world.can("sign_lock"):
        return
    trust, now = trust_of(world), world.clock.now()
    model = writer.Document(
        doc_id=writer.doc_id_of("doc_2"),
        title="决定书",
        pages=[writer.Page((writer.Text(28, 40, "决定书", 6),))],
    )
    record = await _provider(world).get_seal(SEAL)
    frozen = prepare(writer.write(model, now), record.data, [Stamp(0, 120, 200, 42, 42)], at=now)
    order = request(world, digest=frozen.digest, property_info=frozen.property_info)
    sealed = embed(frozen, await _provider(world).sign_digest(order))
    lock = prepare_lock(sealed, record.data, at=now)
    order = request(world, "lock-1", digest=lock.digest, property_info=lock.property_info)
    order = replace(order, form=SignatureForm.CMS)
    cms = await _provider(world).sign_digest(order)
    _none_of(check_lock(lock, cms, trust=trust, now=now, skew=SKEW))
    assert await _provider(world).find_signature("lock-1") == cms
    await _refused(_provider(world).sign_digest(replace(order, form=SignatureForm.SES)))
    assert len(await acts(world)) == 2


async def check_the_same_request_is_the_same_use(world: World) -> None:
    """A repetition gets the same bytes, also after a restart of the gateway, and is one act."""
    first = await _provider(world).sign_digest(request(world))
    assert await _provider(world).sign_digest(request(world)) == first
    world.reconnect()
    assert await _provider(world).sign_digest(request(world)) == first
    assert [act["requestId"] for act in await acts(world)] == ["request-1"]


async def check_requests_side_by_side_are_one_use(world: World) -> None:
    """Two workers that send the same request at once get the same bytes."""
    made = await asyncio.gather(*(_provider(world).sign_digest(request(world)) for _ in range(4)))
    assert len(set(made)) == 1
    assert len(await acts(world)) == 1


async def check_another_content_under_the_same_request_is_refused(world: World) -> None:
    """Neither another digest nor another path or seal; the first signature stays."""
    first = await _provider(world).sign_digest(request(world))
    changed = (
        request(world, digest=digest_of("another")),
        request(world, property_info="/Doc_0/Signs/Sign_2/Signature.xml"),
        request(world, seal_code=OTHER_SEAL),
    )
    for order in changed:
        await _refused(_provider(world).sign_digest(order))
    assert await _provider(world).find_signature("request-1") == first
    assert len(await acts(world)) == 1


async def check_a_signature_is_found_by_its_request(world: World) -> None:
    """What was made is found; what was never asked for is None, and asking makes nothing."""
    assert await _provider(world).find_signature("request-1") is None
    made = await _provider(world).sign_digest(request(world))
    assert await _provider(world).find_signature("request-1") == made
    assert await _provider(world).find_signature("request-2") is None
    assert len(await acts(world)) == 1


async def check_a_lost_answer_is_found(world: World) -> None:
    """Signed, and no answer ever came: unknown, then found by query, and one act."""
    order = request(world)
    await world.faults.set("timeout_after", times=0)
    try:
        async with deadline(LOST_SECONDS):
            signature: object = await _provider(world).sign_digest(order)
    except UpstreamOutcomeUnknown:
        await world.faults.clear()
    else:
        raise AssertionError(f"nothing was answered, yet {signature!r:.80} came")
    world.reconnect()
    found = await _provider(world).find_signature(order.request_id)
    assert found is not None
    assert read_signature(found).data_hash == order.digest
    assert await _provider(world).sign_digest(order) == found
    assert len(await acts(world)) == 1


async def check_an_unknown_seal_is_refused(world: World) -> None:
    """No seal, no signature; its state is unknown."""
    await _refused(_provider(world).get_seal(NO_SEAL))
    await _refused(_provider(world).sign_digest(request(world, seal_code=NO_SEAL)))
    assert await _provider(world).status(NO_SEAL) is SealState.UNKNOWN
    assert await _provider(world).find_signature("request-1") is None
    assert not await acts(world)


async def check_a_dead_seal_signs_nothing(world: World) -> None:
    """A frozen and a revoked seal are shown as such, or not at all, and are never used."""
    for code, state in ((FROZEN_SEAL, SealState.FROZEN), (REVOKED_SEAL, SealState.REVOKED)):
        assert await _provider(world).status(code) is state
        try:
            record = await _provider(world).get_seal(code)
        except UpstreamRejected:
            pass
        else:
            assert record.state is state
        order = request(world, f"request-{code}", seal_code=code)
        await _refused(_provider(world).sign_digest(order))
        assert await _provider(world).find_signature(order.request_id) is None
    assert await _provider(world).status(SEAL) is SealState.ACTIVE
    assert not await acts(world)


async def check_a_digest_of_another_length_is_refused(world: World) -> None:
    """Only 32 octets are an SM3 digest."""
    for digest in (b"", b"\x00" * 31, b"\x00" * 33):
        await _refused(_provider(world).sign_digest(request(world, digest=digest)))
    assert not await acts(world)


async def check_wrong_credentials_are_told(world: World) -> None:
    """A secret that is not ours is AuthFailed in every method and uses no seal."""
    async with _impostor(world) as provider:
        questions: tuple[Awaitable[object], ...] = (
            provider.list_seals(UNIT, "staff-1"),
            provider.get_seal(SEAL),
            provider.sign_digest(request(world)),
            provider.find_signature("request-1"),
            provider.status(SEAL),
        )
        for question in questions:
            try:
                answer = await question
            except UpstreamAuthFailed:
                continue
            raise AssertionError(f"a wrong secret was answered with {answer!r:.80}")
    assert not await acts(world)


@asynccontextmanager
async def _impostor(world: World) -> AsyncIterator[SealProvider]:
    connected = world.registry.connect(
        world.name,
        world.onboarding.options,
        {name: value[::-1] for name, value in world.onboarding.secrets.items()},
        clock=world.clock,
        ids=world.ids,
        telemetry=world.telemetry,
    )
    try:
        yield connected.provider
    finally:
        await connected.close()
