"""The second factor of a live face: a page of the service, and a signed answer to how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.signed_factors import SignedService, moment, public_key
from adapters.upstreams.face import mapping
from adapters.upstreams.face.options import Options
from adapters.upstreams.face.wire import ApplyData, Operation, ResultData
from identity.factor_ports import (
    FactorNotStarted,
    FactorResult,
    FactorStarted,
    FactorSubject,
    SecondFactor,
)
from kernel.errors import UpstreamRejected

NOBODY: Final = "0" * 32
"""A reference that is never started: what the self-check asks for."""


def create(options: Options, kit: Kit) -> Face:
    """Return the provider; raise BadConnection when the service's key is none."""
    service = SignedService(
        kit,
        app_id=options.app_id,
        key=public_key(kit, options.service_public_key),
        codes=options.codes,
        unknown=kit.unknown,
    )
    return Face(options, kit, service)


class Face(SecondFactor):
    """SecondFactor on a live face verification service."""

    factor = "face"

    def __init__(self, options: Options, kit: Kit, service: SignedService) -> None:
        self._options = options
        self._kit = kit
        self._service = service

    async def start(
        self, subject: FactorSubject, *, return_url: str, reference: str
    ) -> FactorStarted:
        if subject.id_number is None:
            raise UpstreamRejected("a face is compared with the photograph of an id number")
        fields = {
            "bizSeq": reference,
            "name": subject.name,
            "idType": mapping.ID_TYPES[subject.id_type],
            "idNo": subject.id_number,
            "returnUrl": return_url,
        }
        path = self._options.apply_path
        found = await self._service.ask(Operation.APPLY, path, fields, ApplyData)
        if found.bizSeq != reference:
            raise self._service.breach(Operation.APPLY, "bizSeq is of another verification")
        expires = self._service.read(
            Operation.APPLY, lambda: moment("expireTime", found.expireTime)
        )
        longest = self._kit.clock.now() + timedelta(seconds=self._options.longest_seconds)
        return FactorStarted(url=found.url, expires_at=min(expires, longest))

    async def result(self, reference: str, subject: FactorSubject) -> FactorResult:
        found = await self._ask_result(reference)
        return self._service.read(
            Operation.RESULT, lambda: mapping.result(found, reference, subject, self._options)
        )

    def checks(self) -> Sequence[Check]:
        return (Check("app_key", Layer.AUTHENTICATION, self._check_credentials, Operation.RESULT),)

    async def _check_credentials(self) -> None:
        # Nobody started this reference: a service that accepts our signature says so.
        try:
            await self._ask_result(NOBODY)
        except FactorNotStarted:
            return
        detail = "a reference that nobody started has a result"
        raise self._service.breach(Operation.RESULT, detail)

    async def _ask_result(self, reference: str) -> ResultData:
        fields = {"bizSeq": reference}
        path = self._options.result_path
        return await self._service.ask(Operation.RESULT, path, fields, ResultData)
