"""The second factor of a network credential: an app that is opened, and a signed answer."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from adapters.kit.checks.layers import Check, Layer
from adapters.kit.kit import Kit
from adapters.kit.registry import BadConnection
from adapters.kit.signed_factors import Reader, object_in, public_key, require_signature
from adapters.upstreams.ctid import mapping
from adapters.upstreams.ctid.options import Options, Pseudonym
from adapters.upstreams.ctid.wire import ApplyData, AuthData, Envelope, Operation
from identity.factor_ports import (
    FactorNotStarted,
    FactorResult,
    FactorStarted,
    FactorSubject,
    SecondFactor,
)
from identity.model import IdType
from kernel.crypto import sm2
from kernel.crypto.errors import InvalidKey
from kernel.errors import UpstreamRejected

NOBODY: Final = "0" * 32
"""A reference that is never started: what the self-check asks for."""
_NOBODYS: Final = FactorSubject(name="-", id_type=IdType.RESIDENT_ID, pseudonym="0" * 32)

_M = TypeVar("_M", bound=BaseModel)


def create(options: Options, kit: Kit) -> Ctid:
    """Return the provider; raise BadConnection for a key that is none or a mode that is not
    described.
    """
    name = kit.manifest.name
    try:
        own = sm2.PrivateKey.from_hex(kit.secrets["signing_key"])
    except InvalidKey:
        raise BadConnection(f"secrets of {name}: signing_key is no private key of SM2") from None
    if options.mode not in options.modes:
        raise BadConnection(f"options of {name}: mode is not among the modes")
    theirs = public_key(kit, options.service_public_key)
    return Ctid(options, kit, own, theirs)


class Ctid(SecondFactor):
    """SecondFactor on 国家网络身份认证公共服务."""

    factor = "sd_ctid"

    def __init__(
        self, options: Options, kit: Kit, own: sm2.PrivateKey, theirs: sm2.PublicKey
    ) -> None:
        self._options = options
        self._kit = kit
        self._own = own
        self._theirs = theirs
        self._reader = Reader(kit.manifest, kit.unknown)

    async def start(
        self, subject: FactorSubject, *, return_url: str, reference: str
    ) -> FactorStarted:
        if subject.pseudonym is None and subject.id_type is not IdType.RESIDENT_ID:
            raise UpstreamRejected("this service knows resident ids and pseudonyms only")
        # The app asks its owner who it is: nothing about the person is sent here.
        fields = {
            "orgID": self._options.org_id,
            "appID": self._options.app_id,
            "bizSeq": reference,
            "type": self._options.modes[self._options.mode].type,
            "backUrl": return_url,
            "timeStamp": mapping.stamp(self._kit.clock.now()),
        }
        path = self._options.apply_path
        found = await self._ask(Operation.APPLY, path, fields, ApplyData)
        self._reader.require_ok(Operation.APPLY, found.resultCode, self._options.codes)
        if found.bizSeq != reference or found.link is None or found.expireTime is None:
            raise self._reader.breach(Operation.APPLY, "no link of this application")
        expires = self._reader.read(
            Operation.APPLY, lambda: mapping.moment("expireTime", str(found.expireTime))
        )
        longest = self._kit.clock.now() + timedelta(seconds=self._options.longest_seconds)
        return FactorStarted(url=found.link, expires_at=min(expires, longest))

    async def result(self, reference: str, subject: FactorSubject) -> FactorResult:
        found = await self._authenticate(reference, subject)
        return self._reader.read(
            Operation.AUTH, lambda: mapping.result(found, reference, subject, self._options)
        )

    def checks(self) -> Sequence[Check]:
        return (
            Check("signing_key", Layer.AUTHENTICATION, self._check_credentials, Operation.AUTH),
        )

    async def _check_credentials(self) -> None:
        # Nobody started this reference: a service that accepts our signature says so.
        try:
            await self._authenticate(NOBODY, _NOBODYS)
        except FactorNotStarted:
            return
        detail = "a reference that nobody started has a result"
        raise self._reader.breach(Operation.AUTH, detail)

    async def _authenticate(self, reference: str, subject: FactorSubject) -> AuthData:
        now = self._kit.clock.now()
        fields = {
            "customNumber": self._options.customer_number,
            "appName": self._options.app_name,
            "timeStamp": mapping.stamp(now),
            "businessSerialNumber": reference,
            "authMode": self._options.mode,
            # Photograph, PIN and credential go from the app to the service, never through us.
            "photoData": "",
            "authCode": "",
            "idcardAuthData": "",
            "reserved": mapping.reserved(subject, self._options, now),
            "wantPid": self._options.pseudonym is Pseudonym.KEEP,
        }
        found = await self._ask(Operation.AUTH, self._options.auth_path, fields, AuthData)
        self._reader.require_ok(Operation.AUTH, found.resultCode, self._options.codes)
        return found

    async def _ask(
        self, operation: str, path: str, fields: Mapping[str, Any], shape: type[_M]
    ) -> _M:
        text = mapping.package(fields)
        sign = base64.b64encode(sm2.sign(self._own, text.encode())).decode()
        raw = await self._kit.client.request_json(
            operation, "POST", path, json={"bizPackage": text, "sign": sign}
        )
        envelope = self._reader.parse(operation, Envelope, raw)
        data = self._reader.read(operation, lambda: self._opened(envelope))
        return self._reader.parse(operation, shape, data)

    def _opened(self, envelope: Envelope) -> dict[str, Any]:
        require_signature(self._theirs, envelope.bizPackage, envelope.sign)
        return object_in(envelope.bizPackage)
