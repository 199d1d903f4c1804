"""What the licence domain needs from a source of licences and from its own store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from e_license.errors import LicenceNotSupported
from e_license.model import (
    Access,
    Holder,
    LicenceAnswer,
    LicenceDocument,
    LicenceUse,
    Purpose,
)
from e_license.upstream import (
    Capability,
    ClaimedFace,
    ConsentStarted,
    ConsentStatus,
    Verification,
    ViewingPass,
)
from kernel.work import Work

PORT_VERSION: Final = 2
"""Raised whenever LicenceProvider changes."""

SubjectHash = Callable[[str], str]
"""Returns a keyed digest (HMAC-SM3) of a holder code, equal for equal codes, useless without the
key.
"""


class LicenceProvider(Protocol):
    """A source of licences (证照共享服务). Nothing here changes a licence: every question may be
    repeated, except that a consent serves each of its types once.

    The methods that return a LicenceAnswer answer NOT_FOUND, DENIED and a licence that may not be
    used as data; all methods raise the five upstream errors of kernel.errors when no answer came. A
    provider inherits from this class and writes what its system has; what it leaves out raises
    LicenceNotSupported. Its manifest's ``capabilities`` say which of
    ``e_license.upstream.Capability`` it has.
    """

    async def find(self, holder: Holder, licence_type: str, purpose: Purpose) -> LicenceAnswer:
        """Return the holder's licences of one type.

        A licence of another holder in the answer raises UpstreamProtocolError.
        """
        ...

    async def fetch(self, identifier: str, purpose: Purpose) -> LicenceAnswer:
        """Return one licence by its identifier.

        Another licence in the answer raises UpstreamProtocolError.
        """
        ...

    async def document(self, identifier: str, purpose: Purpose) -> LicenceDocument:
        """Return the licence file.

        Raises LicenceNotFound, LicenceDenied, LicenceNotUsable or LicenceNotSupported besides the
        five.
        """
        ...

    async def documents(
        self, holder: Holder, licence_type: str, purpose: Purpose
    ) -> Sequence[LicenceDocument]:
        """Return the files of the holder's licences of one type (DOCUMENTS); raises like
        ``document``.
        """
        raise not_offered(Capability.DOCUMENTS)

    async def copy(self, identifier: str, purpose: Purpose, media_type: str) -> LicenceDocument:
        """Return a copy (加注件) that names purpose and end, ``application/ofd`` or ``image/png``
        (COPY); raises like ``document``.
        """
        raise not_offered(Capability.COPY)

    async def find_by_code(self, qrcode: str, purpose: Purpose) -> LicenceAnswer:
        """Return the licence behind the code that its holder shows (CODE)."""
        raise not_offered(Capability.CODE)

    async def begin_consent(
        self, qrcode: str, licence_types: Sequence[str], purpose: Purpose
    ) -> ConsentStarted:
        """Ask the person behind a dynamic code for consent to the use of some types (CONSENT).

        Raises UpstreamRejected for a code that is not valid any more.
        """
        raise not_offered(Capability.CONSENT)

    async def consent(self, reference: str) -> ConsentStatus:
        """Return how far a consent has come; to be asked every 1.5 to 2 seconds (CONSENT)."""
        raise not_offered(Capability.CONSENT)

    async def find_by_consent(
        self, reference: str, licence_type: str, purpose: Purpose
    ) -> LicenceAnswer:
        """Return the licences of a type that the consent covers (CONSENT).

        Raises InvalidPurpose for a consent that was made for another case. A consent that is not
        given, over or used for this type answers DENIED.
        """
        raise not_offered(Capability.CONSENT)

    async def verify(self, licence_type: str, face: ClaimedFace, purpose: Purpose) -> Verification:
        """Return whether face data agree with a licence (VERIFY)."""
        raise not_offered(Capability.VERIFY)

    async def verify_file(
        self, licence_type: str, content: bytes, purpose: Purpose
    ) -> Verification:
        """Return whether a licence file is genuine and valid (VERIFY_FILE)."""
        raise not_offered(Capability.VERIFY_FILE)

    async def dictionary(self, licence_type: str) -> Mapping[str, str]:
        """Return the labels (照面项名称) of a type's face data by their keys (DICTIONARY)."""
        raise not_offered(Capability.DICTIONARY)

    async def viewing_pass(self, identifier: str, purpose: Purpose) -> ViewingPass:
        """Return a pass to look at a licence at its source (VIEW); raises like ``document``."""
        raise not_offered(Capability.VIEW)

    def checks(self) -> Sequence[Any]:
        """Return the steps of the self-check, which the adapter kit runs in this order."""
        ...


def not_offered(capability: Capability) -> LicenceNotSupported:
    """Return the error of a provider that lacks a capability."""
    return LicenceNotSupported(
        f"this source does not offer {capability.value}", capability=capability.value
    )


class LicenceRepository(Protocol):
    """The store of the licence domain."""

    async def log_access(self, work: Work, access: Access) -> None:
        """Append one row to the access log."""
        ...

    async def accesses(
        self, work: Work, subject_hash: str, before: int | None, limit: int
    ) -> Sequence[tuple[int, Access]]:
        """Return rows of a holder's access log with their ids, newest first, below an id."""
        ...

    async def save_use(self, work: Work, use: LicenceUse) -> bool:
        """Write what a licence serves, or bring an earlier row of the same case, material and
        licence up to date.

        True when the row is new or its state changed.
        """
        ...

    async def uses(self, work: Work, reference: str) -> Sequence[LicenceUse]:
        """Return what licences serve a case, oldest first."""
        ...

    async def set_document(
        self,
        work: Work,
        reference: str,
        identifier: str,
        document: LicenceDocument,
        at: datetime,
    ) -> None:
        """Record the digests of the file that was fetched for a case."""
        ...
