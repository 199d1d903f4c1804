"""The two machines of staff: a sign-in in two steps, and a change that needs two people."""

from __future__ import annotations

from typing import Final

from identity.staff.model import RequestState, StaffSessionState
from kernel.states import StateTable

STAFF_SESSION: Final = StateTable(
    "identity.staff_session",
    initial=StaffSessionState.PENDING,
    edges={
        (StaffSessionState.PENDING, StaffSessionState.ACTIVE): "identity.staff_signed_in",
        (StaffSessionState.PENDING, StaffSessionState.ENDED): "identity.staff_sign_in_dropped",
        (StaffSessionState.ACTIVE, StaffSessionState.ENDED): "identity.staff_signed_out",
    },
    terminal=frozenset({StaffSessionState.ENDED}),
)

ROLE_REQUEST: Final = StateTable(
    "identity.role_request",
    initial=RequestState.PENDING,
    edges={
        (RequestState.PENDING, RequestState.APPROVED): "identity.role_request_approved",
        (RequestState.PENDING, RequestState.REFUSED): "identity.role_request_refused",
        (RequestState.APPROVED, RequestState.USED): "identity.role_request_used",
    },
    terminal=frozenset({RequestState.REFUSED, RequestState.USED}),
)
