"""The sandbox's certificate authority and seal maker: real SM2 keys, made once and kept.

Everything is signed under a root that calls itself SANDBOX; none of it is worth anything outside.
"""

from __future__ import annotations

import base64
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

from adapters.sandbox.seals.picture import SIDE_MM, seal_picture
from adapters.sandbox.store import Store
from e_seal.asn1.chain import verifies
from e_seal.asn1.issue import CA_USAGES, Holder, Request, issue, issue_root
from e_seal.asn1.tlv import Asn1Error
from e_seal.asn1.x509 import read_certificate
from e_seal.ses.model import Picture, SesFormatError
from e_seal.ses.read import read_seal, read_signature
from e_seal.ses.write import SealDraft, make_seal, make_signature
from e_seal.signing_lock import make_lock, read_lock
from kernel.clock import Clock
from kernel.crypto import sm2

YEARS: Final = timedelta(days=5 * 365 + 1)
ROOT_YEARS: Final = timedelta(days=10 * 365 + 2)
_EARLIER: Final = timedelta(days=1)
"""Validity begins so much before the first start: clocks differ."""
VENDOR: Final = "ONEWINDOW.SANDBOX"
SEAL_TYPE: Final = 1
_ORGANISATION: Final = "一窗沙箱 OneWindow SANDBOX"
_ROOT: Final = "山东省统一电子印章沙箱根证书 SANDBOX ROOT CA"
_MAKER: Final = "山东省统一电子印章制作系统 SANDBOX"
_HOLDER: Final = "holder"
_SEAL: Final = "seal"


class State(StrEnum):
    """The present state of a seal; every simulator says it in its own dialect."""

    ACTIVE = "active"
    EXPIRED = "expired"
    FROZEN = "frozen"
    REVOKED = "revoked"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class KeptSeal:
    """One seal with the key that uses it."""

    code: str
    unit: str
    credit_code: str
    data: bytes
    signer: Holder
    valid_until: datetime
    state: State

    def sign(self, digest: bytes, path: str, at: datetime) -> bytes:
        """Use the seal: return SES_Signature over SM3(Signature.xml) and its path."""
        return make_signature(self.data, digest, path, at, self.signer)

    def lock(self, digest: bytes) -> bytes:
        """Return CMS signed data over SM3(Signature.xml), made with the seal's key."""
        return make_lock(digest, self.signer)


def bare_value(signature: bytes) -> bytes:
    """Return the SM2 value inside an SES_Signature, or inside the CMS of a lock."""
    try:
        return read_signature(signature).signature
    except SesFormatError:
        return read_lock(signature).signature


def picture_of(seal: bytes) -> Picture:
    """Return the picture inside an SESeal."""
    return read_seal(seal).picture


def accepts(signature: bytes, *, seal: bytes, digest: bytes, path: str) -> bool:
    """Return whether an SES_Signature by this very seal covers a digest and a path."""
    try:
        found = read_signature(signature)
        certificate = read_certificate(found.signer_certificate)
    except (SesFormatError, Asn1Error):
        return False
    return (
        (found.seal.raw, found.data_hash, found.property_info) == (seal, digest, path)
        and any(item.certificate == found.signer_certificate for item in found.seal.signers)
        and verifies(certificate, found.signed, found.signature)
    )


class Authority:
    """Makes root, maker, signers and seals on the first call, reads them from the store after."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        raw = tomllib.loads(files(__package__).joinpath("seals.toml").read_text("utf-8"))
        self._seals: Sequence[Mapping[str, str]] = raw["seals"]
        self._holders: dict[str, Holder] = {}
        self._entries = {entry["code"]: entry for entry in self._seals}

    def establish(self) -> None:
        """Make whatever is not there yet."""
        with self._store.transaction():
            if self._store.get(_HOLDER, "root") is None:
                self._put_holder("root", self._root())
                self._put_holder("maker", self._issued((("CN", _MAKER),)))
            for entry in self._seals:
                if self._store.get(_SEAL, entry["code"]) is None:
                    self._make(entry)

    @property
    def root_pem(self) -> str:
        """Return the root certificate as the province would hand it out."""
        body = base64.encodebytes(self._holder("root").certificate).decode("ascii")
        return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"

    def seal(self, code: str) -> KeptSeal | None:
        """Return one seal in its present state; a seal past its term counts as expired."""
        kept: Mapping[str, str] | None = self._store.get(_SEAL, code)
        if kept is None:
            return None
        until = datetime.fromisoformat(kept["valid_until"])
        over = self._clock.now() > until and kept["state"] == State.ACTIVE
        return KeptSeal(
            code=code,
            unit=self._entries[code]["unit"],
            credit_code=self._entries[code]["credit_code"],
            data=base64.b64decode(kept["data"]),
            signer=self._holder(code),
            valid_until=until,
            state=State.EXPIRED if over else State(kept["state"]),
        )

    def seals(self) -> list[KeptSeal]:
        """Return every seal in its present state, by code."""
        found = (self.seal(code) for code in sorted(self._entries))
        return [seal for seal in found if seal is not None]

    def reissue(self, code: str) -> None:
        """Make another issue of a seal under the same code, as after a renewal (换发)."""
        with self._store.transaction():
            self._make(self._entries[code])

    def _make(self, entry: Mapping[str, str]) -> None:
        code, unit = entry["code"], entry["unit"]
        signer = self._issued((("O", entry["credit_code"] + unit), ("CN", code)))
        start, end = self._term(YEARS)
        picture = Picture("png", seal_picture(unit), SIDE_MM, SIDE_MM)
        draft = SealDraft(
            code=code,
            name=unit,
            signers=[signer.certificate],
            created_at=start,
            valid_from=start,
            valid_until=end,
            picture=picture,
            type=SEAL_TYPE,
            vendor_id=VENDOR,
        )
        kept = {
            "data": _text(make_seal(draft, self._holder("maker"))),
            "valid_until": end.isoformat(),
            "state": entry.get("state", State.ACTIVE.value),
        }
        self._put_holder(code, signer)
        self._store.put(_SEAL, code, kept)

    def _term(self, length: timedelta) -> tuple[datetime, datetime]:
        start = self._clock.now().replace(microsecond=0) - _EARLIER
        return start, start + _EARLIER + length

    def _root(self) -> Holder:
        start, end = self._term(ROOT_YEARS)
        request = Request(
            subject=(("C", "CN"), ("O", _ORGANISATION), ("CN", _ROOT)),
            serial=self._store.next_number("serial"),
            not_before=start,
            not_after=end,
            usages=CA_USAGES,
            is_ca=True,
        )
        return issue_root(request, sm2.generate())

    def _issued(self, subject: tuple[tuple[str, str], ...]) -> Holder:
        named = subject if subject[0][0] == "O" else (("O", _ORGANISATION), *subject)
        start, end = self._term(YEARS)
        request = Request(
            subject=(("C", "CN"), *named),
            serial=self._store.next_number("serial"),
            not_before=start,
            not_after=end,
        )
        return issue(request, sm2.generate(), self._holder("root"))

    def _holder(self, name: str) -> Holder:
        found = self._holders.get(name)
        if found is None:
            kept: Mapping[str, Any] = self._store.get(_HOLDER, name)
            key = sm2.PrivateKey.from_pem(kept["key"])
            found = self._holders[name] = Holder(key, base64.b64decode(kept["certificate"]))
        return found

    def _put_holder(self, name: str, holder: Holder) -> None:
        kept = {"key": holder.key.to_pem(), "certificate": _text(holder.certificate)}
        self._store.put(_HOLDER, name, kept)
        self._holders[name] = holder


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
