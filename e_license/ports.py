"""What the licence domain needs from a source of licences and from its own store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from e_license.model import (
    Access,
    Holder,
    LicenceAnswer,
    LicenceDocument,
    LicenceUse,
    Purpose,
)
from kernel.work import Work

PORT_VERSION: Final = 1

SubjectHash = Callable[[str], str]
"""Returns a keyed digest (HMAC-SM3) of a holder code, equal for equal codes, useless without the
key.
"""


class LicenceProvider(Protocol):
    """A source of licences (证照共享服务). Nothing here changes anything upstream: every question
    may be repeated.

    ``find`` and ``fetch`` answer NOT_FOUND, DENIED and a licence that may not be used as data; all
    three methods raise the five upstream errors of kernel.errors when no answer came.
    """

    async def find(self, holder: Holder, licence_type: str, purpose: Purpose) -> LicenceAnswer:
        """Return the holder's licences of one type."""
        ...

    async def fetch(self, identifier: str, purpose: Purpose) -> LicenceAnswer:
        """Return one licence by its identifier."""
        ...

    async def document(self, identifier: str, purpose: Purpose) -> LicenceDocument:
        """Return the licence file.

        Raises LicenceNotFound, LicenceDenied, LicenceNotUsable or LicenceNotSupported besides the
        five.
        """
        ...

    def checks(self) -> Sequence[Any]:
        """Return the steps of the self-check, which the adapter kit runs in this order."""
        ...


class LicenceRepository(Protocol):
    """The store of the licence domain."""

    async def log_access(self, work: Work, access: Access) -> None:
        """Append one row to the access log."""
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
