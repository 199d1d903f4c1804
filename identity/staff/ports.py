"""Where staff is kept; every method works inside the unit of work that it is given."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from identity.model import StaffToken
from identity.staff.model import (
    Account,
    Credential,
    Grant,
    RequestState,
    RoleRequest,
    StaffKind,
    StaffSession,
    StaffSessionState,
)
from kernel.work import Work


class Tried(NamedTuple):
    """How often a key was tried in its window, and until when it is locked."""

    tries: int
    since: datetime
    locked_until: datetime | None


class StaffRows(Protocol):
    """The rows of staff."""

    async def add_account(self, work: Work, account: Account) -> None:
        """Store a new account; AlreadyExists for a number that is taken."""
        ...

    async def account(self, work: Work, staff_id: str, *, lock: bool = False) -> Account | None:
        """Return an account; locked against other writers until the end of the unit if wanted."""
        ...

    async def accounts(self, work: Work, after: str, limit: int) -> Sequence[Account]:
        """Return accounts behind a number, in the order of their numbers."""
        ...

    async def change_account(self, work: Work, staff_id: str, at: datetime, **values: Any) -> None:
        """Change columns of an account."""
        ...

    async def set_kind(self, work: Work, staff_id: str, kind: StaffKind, at: datetime) -> None:
        """Change the power of an account; the database refuses while grants of another hold."""
        ...

    async def add_credential(self, work: Work, credential: Credential) -> None:
        """Store what an account proves itself with."""
        ...

    async def credential(self, work: Work, staff_id: str) -> Credential | None:
        """Return what an account proves itself with."""
        ...

    async def change_credential(self, work: Work, staff_id: str, **values: Any) -> None:
        """Change columns of a credential."""
        ...

    async def spend_step(self, work: Work, staff_id: str, step: int) -> bool:
        """Note a one-time code's step as used; False when it or a later one was used before."""
        ...

    async def set_recovery_codes(self, work: Work, staff_id: str, hashes: Collection[str]) -> None:
        """Replace the recovery codes."""
        ...

    async def spend_recovery_code(self, work: Work, staff_id: str, code_hash: str) -> bool:
        """Use a recovery code up; False when there is none like it."""
        ...

    async def count_try(self, work: Work, key: str, at: datetime, window_from: datetime) -> Tried:
        """Count one more try, from one again when the last window began before ``window_from``."""
        ...

    async def lock_tries(self, work: Work, key: str, until: datetime) -> None:
        """Refuse tries with this key for a while."""
        ...

    async def take_back_try(self, work: Work, key: str) -> None:
        """Uncount one try, which was no failure."""
        ...

    async def forget_tries(self, work: Work, key: str) -> None:
        """Forget all tries with this key."""
        ...

    async def add_session(self, work: Work, session: StaffSession) -> None:
        """Store a session."""
        ...

    async def session(self, work: Work, sid_hash: str) -> StaffSession | None:
        """Return the session behind a hashed secret."""
        ...

    async def sessions_of(self, work: Work, staff_id: str) -> Sequence[StaffSession]:
        """Return the active sessions of a member, newest first."""
        ...

    async def touch_session(self, work: Work, session_id: str, at: datetime) -> None:
        """Note that an active session was used."""
        ...

    async def move_session(
        self,
        work: Work,
        session_id: str,
        old: StaffSessionState,
        new: StaffSessionState,
        **values: Any,
    ) -> bool:
        """Change a session that is still in its old state; False when it is not."""
        ...

    async def add_grant(self, work: Work, grant: Grant) -> None:
        """Store a role; the database refuses one that excludes another."""
        ...

    async def remove_grant(self, work: Work, grant_id: str) -> None:
        """Take a role away."""
        ...

    async def grants_of(self, work: Work, staff_id: str) -> Sequence[Grant]:
        """Return the roles of a person, in a steady order."""
        ...

    async def add_request(self, work: Work, request: RoleRequest) -> None:
        """Store a request; AlreadyExists while the same one is open."""
        ...

    async def request(self, work: Work, request_id: str) -> RoleRequest | None:
        """Return a request."""
        ...

    async def requests(
        self, work: Work, status: RequestState | None, after: str, limit: int
    ) -> Sequence[RoleRequest]:
        """Return requests behind an id, oldest first."""
        ...

    async def approved_reset(self, work: Work, staff_id: str) -> RoleRequest | None:
        """Return a reset that was approved and not carried out."""
        ...

    async def move_request(
        self,
        work: Work,
        request_id: str,
        old: RequestState,
        new: RequestState,
        values: Mapping[str, Any],
    ) -> bool:
        """Change a request that is still in its old state; False when it is not."""
        ...

    async def add_token(self, work: Work, token: StaffToken) -> None:
        """Store an issued token."""
        ...

    async def token(self, work: Work, token_hash: str) -> StaffToken | None:
        """Return a token."""
        ...

    async def revoke_tokens(self, work: Work, staff_id: str, at: datetime) -> int:
        """Revoke every valid token of a member; return how many."""
        ...

    async def forget(self, work: Work, now: datetime, old_before: datetime, limit: int) -> int:
        """Delete sessions, tokens and tries that are long over; return the rows deleted."""
        ...
