"""工作人员: accounts, sign-in with two factors, roles that need two people, sessions and tokens."""

from __future__ import annotations

from identity.staff.accounts import StaffAccounts
from identity.staff.grants import StaffGrants
from identity.staff.ground import Hasher, StaffGround
from identity.staff.login import StaffLogin
from identity.staff.sessions import StaffSessions


class StaffServices:
    """The services of staff on one ground; ``token_seconds`` is the longest life of a token."""

    def __init__(self, ground: StaffGround, *, token_seconds: int) -> None:
        hasher = Hasher(ground.options, ground.entropy)
        self.login = StaffLogin(ground, hasher)
        self.sessions = StaffSessions(ground, hasher)
        self.grants = StaffGrants(ground)
        self.accounts = StaffAccounts(
            ground, hasher, self.grants, self.sessions, token_seconds=token_seconds
        )
