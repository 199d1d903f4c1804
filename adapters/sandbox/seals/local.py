"""A seal system inside the process, with software keys: for benchmarks and tests, never for use.

It stands in ``adapters.sandbox`` and has no manifest, so that no settings can connect it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from adapters.sandbox.seals.desk import Form, NotUsable, RequestDiffers, SealDesk
from adapters.sandbox.store import Store
from e_seal import SealRecord, SealState, SealSummary, SignRequest
from kernel.clock import Clock
from kernel.errors import UpstreamRejected

_USER: Final = "local"


class LocalSeals:
    """SealProvider on the sandbox's own authority; the same promises as a province's system."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._desk = SealDesk(store, clock)
        self._desk.authority.establish()

    @property
    def trust_anchors_pem(self) -> str:
        """Return the root certificate; it calls itself SANDBOX."""
        return self._desk.authority.root_pem

    async def list_seals(self, unit: str, signer: str) -> Sequence[SealSummary]:
        return [
            SealSummary(seal.code, seal.unit, SealState(seal.state))
            for seal in self._desk.authority.seals()
            if seal.credit_code == unit
        ]

    async def get_seal(self, seal_code: str) -> SealRecord:
        seal = self._desk.authority.seal(seal_code)
        if seal is None:
            raise UpstreamRejected("no such seal", upstream_code="unknown")
        return SealRecord(seal.code, seal.data, SealState(seal.state))

    async def sign_digest(self, request: SignRequest) -> bytes:
        seal = self._desk.authority.seal(request.seal_code)
        if seal is None:
            raise UpstreamRejected("no such seal", upstream_code="unknown")
        try:
            return self._desk.use(
                seal,
                digest=request.digest,
                path=request.property_info,
                request_id=request.request_id,
                user=_USER,
                form=Form(request.form),
            )
        except RequestDiffers as exc:
            raise UpstreamRejected("another content", upstream_code="differs") from exc
        except NotUsable as exc:
            raise UpstreamRejected("not usable", upstream_code=exc.state) from exc

    async def find_signature(self, request_id: str) -> bytes | None:
        return self._desk.find(request_id, _USER)

    async def status(self, seal_code: str) -> SealState:
        seal = self._desk.authority.seal(seal_code)
        return SealState.UNKNOWN if seal is None else SealState(seal.state)
