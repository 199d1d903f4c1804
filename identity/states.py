"""The two machines of a sign-in: the way through the province, and the session that follows."""

from __future__ import annotations

from typing import Final

from identity.model import LoginState, SessionState
from kernel.states import StateTable

LOGIN: Final = StateTable(
    "identity.login",
    initial=LoginState.STARTED,
    edges={
        (LoginState.STARTED, LoginState.EXCHANGING): "identity.login_returned",
        (LoginState.EXCHANGING, LoginState.COMPLETED): "identity.login_completed",
        (LoginState.EXCHANGING, LoginState.REFUSED): "identity.login_refused",
    },
    terminal=frozenset({LoginState.COMPLETED, LoginState.REFUSED}),
)

SESSION: Final = StateTable(
    "identity.session",
    initial=SessionState.AWAITING_CODE,
    edges={
        (SessionState.AWAITING_CODE, SessionState.ACTIVE): "identity.session_opened",
        (SessionState.ACTIVE, SessionState.ENDED): "identity.session_ended",
    },
    terminal=frozenset({SessionState.ENDED}),
)
