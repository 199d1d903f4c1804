"""The second factor of a business licence: a code to scan, a signed answer to who did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.signed_factors import SignedService, moment, public_key
from adapters.upstreams.ebl import mapping
from adapters.upstreams.ebl.options import Options
from adapters.upstreams.ebl.wire import Operation, QrData, ResultData
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


def create(options: Options, kit: Kit) -> BusinessLicence:
    """Return the provider; raise BadConnection when the service's key is none."""
    service = SignedService(
        kit,
        app_id=options.app_id,
        key=public_key(kit, options.service_public_key),
        codes=options.codes,
        unknown=kit.unknown,
    )
    return BusinessLicence(options, kit, service)


class BusinessLicence(SecondFactor):
    """SecondFactor on the scan of an electronic business licence."""

    factor = "sd_ebl"

    def __init__(self, options: Options, kit: Kit, service: SignedService) -> None:
        self._options = options
        self._kit = kit
        self._service = service

    async def start(
        self, subject: FactorSubject, *, return_url: str, reference: str
    ) -> FactorStarted:
        if subject.uscc is None:
            raise UpstreamRejected("a business licence is scanned by who acts for an organisation")
        if subject.id_number is None:
            raise UpstreamRejected("who scanned is compared by id number")
        # Nothing about the person is sent: the answer says who it was.
        fields = {
            "bizSeq": reference,
            "uscc": subject.uscc,
            "matter": self._options.matter,
            "returnUrl": return_url,
        }
        path = self._options.create_path
        found = await self._service.ask(Operation.CREATE, path, fields, QrData)
        if found.bizSeq != reference:
            raise self._service.breach(Operation.CREATE, "bizSeq is of another verification")
        expires = self._service.read(
            Operation.CREATE, lambda: moment("expireTime", found.expireTime)
        )
        longest = self._kit.clock.now() + timedelta(seconds=self._options.longest_seconds)
        return FactorStarted(qr_text=found.qrText, expires_at=min(expires, longest))

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
