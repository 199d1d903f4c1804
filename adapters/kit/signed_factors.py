"""What adapters of second factors share whose service answers with signed JSON (OURS): the
questions, the signatures, and the reading of answers.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar, assert_never

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from adapters.dialects.nested import Malformed
from adapters.kit.kit import Kit
from adapters.kit.manifest import Manifest
from adapters.kit.people import UnknownCode
from adapters.kit.registry import BadConnection
from adapters.kit.translate import protocol_breach
from identity.factor_ports import FactorNotStarted
from kernel.clock import beijing
from kernel.crypto import sm2, sm3
from kernel.crypto.errors import InvalidKey
from kernel.errors import (
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamRejected,
    UpstreamUnavailable,
)

TIME_FORMAT: Final = "%Y%m%d%H%M%S"
"""Beijing time."""

M = TypeVar("M", bound=BaseModel)
V = TypeVar("V")


class Meaning(StrEnum):
    """What a service's ``code`` means for us."""

    OK = "OK"
    AUTH_FAILED = "AUTH_FAILED"
    OUR_FAULT = "OUR_FAULT"
    NOT_STARTED = "NOT_STARTED"
    REFUSED = "REFUSED"
    UNAVAILABLE = "UNAVAILABLE"


class Answer(BaseModel):
    """What every endpoint answers; ``signature`` is base64 of an SM2 signature over ``data``."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    code: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
    message: str | None = None
    data: Annotated[str, StringConstraints(max_length=8_192)] | None = None
    """A JSON text, signed exactly as it stands."""
    signature: Annotated[str, StringConstraints(max_length=200)] | None = None


def timestamp(at: datetime) -> str:
    """Return a moment as fourteen digits of Beijing time."""
    return beijing(at).strftime(TIME_FORMAT)


def moment(field: str, text: str) -> datetime:
    """Return a moment in UTC; raise Malformed."""
    try:
        return datetime.strptime(f"{text}+0800", f"{TIME_FORMAT}%z").astimezone(UTC)
    except ValueError:
        raise Malformed(f"{field} is not a time") from None


def sign(fields: Mapping[str, str], key: str) -> str:
    """Return the signature of a request (OURS): hexadecimal HMAC-SM3 over every field but ``sign``
    as ``name=value``, sorted by name, joined by ``&``.
    """
    text = "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if name != "sign")
    return sm3.hmac(key.encode(), text.encode()).hex()


def subject_digest(reference: str, name: str, number: str) -> str:
    """Return what a result says about who passed (OURS): hexadecimal SM3 over reference, name and
    number, one a line.
    """
    return sm3.digest(f"{reference}\n{name}\n{number}".encode()).hex()


def public_key(kit: Kit, point: str) -> sm2.PublicKey:
    """Return the service's key; raise BadConnection when it is not a point of SM2."""
    try:
        return sm2.PublicKey(bytes.fromhex(point))
    except (InvalidKey, ValueError):
        raise BadConnection(
            f"options of {kit.manifest.name}: the service's public key is no point of SM2"
        ) from None


def opened(answer: Answer, key: sm2.PublicKey) -> dict[str, Any]:
    """Return the signed data of an answer; raise Malformed when the signature does not hold."""
    if answer.data is None or answer.signature is None:
        raise Malformed("the answer has no signed data")
    require_signature(key, answer.data, answer.signature)
    return object_in(answer.data)


def require_signature(key: sm2.PublicKey, text: str, signature: str) -> None:
    """Raise Malformed unless ``signature`` is base64 of this key's signature over ``text``."""
    try:
        given = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("signature is not base64") from None
    if not sm2.verify(key, text.encode(), given):
        raise Malformed("the signature of the answer does not hold")


def object_in(text: str) -> dict[str, Any]:
    """Return the JSON object in a text; raise Malformed."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed("data is not JSON") from None
    if not isinstance(data, dict):
        raise Malformed("data is not an object")
    return data


class Reader:
    """Reads answers: what is wrong with one becomes the right error, and unknown codes are told."""

    def __init__(self, manifest: Manifest, unknown: Callable[[str, str], None]) -> None:
        """``unknown`` is that of the kit."""
        self._manifest = manifest
        self._unknown = unknown

    def read(self, operation: str, reading: Callable[[], V]) -> V:
        """Return what ``reading`` returns; UnknownCode and Malformed become protocol errors."""
        try:
            return reading()
        except UnknownCode as exc:
            self._unknown(exc.field, exc.code[:40])
            raise self.breach(operation, str(exc)) from None
        except Malformed as exc:
            raise self.breach(operation, str(exc)) from None

    def parse(self, operation: str, model: type[M], raw: object) -> M:
        """Return a message; a protocol error for another shape."""
        try:
            return model.model_validate(raw)
        except ValidationError:
            # Not chained: its text would repeat the answer.
            raise self.breach(operation, f"not a proper {model.__name__}") from None

    def require_ok(self, operation: str, code: str, codes: Mapping[str, Meaning]) -> None:
        """Raise what a code stands for, unless it stands for success."""
        # The service's own message is left behind: it may repeat what was sent.
        meaning = codes.get(code)
        said = f"{operation}: code {code[:20]}"
        match meaning:
            case Meaning.OK:
                return
            case Meaning.AUTH_FAILED:
                raise UpstreamAuthFailed(said, upstream_code=code)
            case Meaning.NOT_STARTED:
                raise FactorNotStarted(said)
            case Meaning.OUR_FAULT | Meaning.REFUSED:
                raise UpstreamRejected(said, upstream_code=code)
            case Meaning.UNAVAILABLE:
                raise UpstreamUnavailable(said, upstream_code=code)
            case None:
                self._unknown("code", code[:40])
                raise self.breach(operation, "a code that the table does not list")
            case unreachable:
                assert_never(unreachable)

    def breach(self, operation: str, detail: str) -> UpstreamError:
        """Return the error for an answer against the protocol."""
        return protocol_breach(self._manifest, operation, f"{operation}: {detail}")


class SignedService(Reader):
    """Asks a service of this dialect."""

    def __init__(
        self,
        kit: Kit,
        *,
        app_id: str,
        key: sm2.PublicKey,
        codes: Mapping[str, Meaning],
        unknown: Callable[[str, str], None],
    ) -> None:
        super().__init__(kit.manifest, unknown)
        self._kit = kit
        self._app_id = app_id
        self._key = key
        self._codes = codes

    async def ask(self, operation: str, path: str, fields: Mapping[str, str], shape: type[M]) -> M:
        """Send one signed question and return the signed answer; raise the upstream errors and
        FactorNotStarted.
        """
        message = {
            **fields,
            "appId": self._app_id,
            "timestamp": timestamp(self._kit.clock.now()),
            "nonce": self._kit.ids.secret(),
        }
        message["sign"] = sign(message, self._kit.secrets["app_key"])
        raw = await self._kit.client.request_json(operation, "POST", path, json=message)
        answer = self.parse(operation, Answer, raw)
        self.require_ok(operation, answer.code, self._codes)
        data = self.read(operation, lambda: opened(answer, self._key))
        return self.parse(operation, shape, data)
