"""Seals what a session holds, bound to its row, and opens it again."""

from __future__ import annotations

import json
from collections.abc import Mapping

from identity import codec
from identity.model import Principal
from kernel.crypto.errors import DecryptionFailed
from kernel.crypto.fields import FieldCipher, Place
from kernel.errors import Unauthenticated


class SessionVault:
    """The encrypted columns of ``identity_session``."""

    def __init__(self, cipher: FieldCipher) -> None:
        self._cipher = cipher

    def seal(self, session_id: str, column: str, content: Mapping[str, object]) -> bytes:
        """Return a cell for a column of a session's row."""
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return self._cipher.encrypt(text, Place("identity_session", column, session_id))

    def principal(self, session_id: str, sealed: bytes) -> Principal:
        """Return who a session stands for. Raises Unauthenticated when its key is gone."""
        place = Place("identity_session", "principal", session_id)
        try:
            text = self._cipher.decrypt(sealed, place)
        except DecryptionFailed as exc:
            # Its key has left the ring: signing in again is all that helps.
            raise Unauthenticated("the stored session cannot be read any more") from exc
        return codec.principal_of_json(json.loads(text))
