"""Makes a session out of what the province said, sealed and bound to its row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from identity import codec
from identity.model import Principal, Profile, Session, UpstreamSession, UserType, principal_from
from identity.ports import Repository
from identity.states import SESSION
from kernel.crypto.errors import DecryptionFailed
from kernel.crypto.fields import FieldCipher, Place, blind_index
from kernel.errors import Unauthenticated
from kernel.ids import IdSource
from kernel.work import Work


@dataclass(frozen=True)
class IdentityKeys:
    """Encrypts stored profiles; ``index_key`` (32 bytes) marks used tickets and finds
    id numbers.
    """

    cipher: FieldCipher
    index_key: bytes = field(repr=False)

    def ticket_mark(self, idp: str, ticket: str) -> str:
        """Return under which mark a used ticket is remembered."""
        return blind_index(f"{idp}\0{ticket}", self.index_key, "identity_ticket.ticket_mac")

    def person_index(self, id_number: str) -> str:
        """Return under which index a person's id number is found."""
        return blind_index(id_number, self.index_key, "identity_subject.id_number")

    def seal(self, session_id: str, column: str, content: Mapping[str, object]) -> bytes:
        """Return a cell of the session's row."""
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return self.cipher.encrypt(text, Place("identity_session", column, session_id))

    def open(self, session_id: str, column: str, sealed: bytes) -> dict[str, object]:
        """Return what ``seal`` sealed; raise Unauthenticated when its key has left the ring."""
        place = Place("identity_session", column, session_id)
        try:
            content: dict[str, object] = json.loads(self.cipher.decrypt(sealed, place))
        except DecryptionFailed as exc:
            # Signing in again is all that helps.
            raise Unauthenticated("the stored session cannot be read any more") from exc
        return content


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What a session begins with. ``code_hash`` is that of the code which starts it."""

    session_id: str
    client_id: str
    idp: str
    code_hash: str
    code_challenge: str
    code_life: timedelta
    upstream: UpstreamSession
    profile: Profile


async def add_session(
    work: Work, rows: Repository, ids: IdSource, keys: IdentityKeys, made: Opened, now: datetime
) -> Principal:
    """Store a session that waits for its code, and return who it is.

    What was proven here before counts beside what the province says today: silence lowers nothing.
    """
    profile, upstream, session_id = made.profile, made.upstream, made.session_id
    letter = "P" if profile.user_type is UserType.NATURAL_PERSON else "C"
    person_index = keys.person_index(profile.person.id_number)
    sub = await rows.subject(
        work,
        new_sub=ids.new(letter),
        idp=made.idp,
        upstream_sub=profile.upstream_sub,
        user_type=profile.user_type,
        id_number_index=person_index,
        at=now,
    )
    proven = await rows.proven(work, sub, person_index, now)
    profile = replace(profile, ial=max(profile.ial, proven))
    principal = principal_from(sub, made.idp, profile, session_id)
    told = {"user_type": upstream.user_type, "token": upstream.token}
    await rows.add_session(
        work,
        Session(
            id=session_id,
            sub=sub,
            client_id=made.client_id,
            idp=made.idp,
            status=SESSION.initial,
            code_hash=made.code_hash,
            code_challenge=made.code_challenge,
            code_expires_at=now + made.code_life,
            principal=keys.seal(session_id, "principal", codec.principal_as_json(principal)),
            upstream=keys.seal(session_id, "upstream", told),
            created_at=now,
        ),
    )
    return principal
