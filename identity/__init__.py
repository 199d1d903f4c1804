"""统一身份认证: who the applicant is, as the province says, and who works here; the package's only
door.
"""

from identity.errors import (
    CodeInvalid,
    LoginCallbackInvalid,
    LoginInterrupted,
    LoginRefused,
    LoginRequestInvalid,
    LoginStateInvalid,
    ProfileIncomplete,
    ReturnAddressNotRegistered,
    StaffUnknown,
    TicketExpired,
    TicketReplayed,
    UnknownPortal,
    UnknownProvider,
)
from identity.model import (
    Aal,
    ActingRole,
    Ial,
    IdType,
    IssuedToken,
    LoginFinished,
    LoginStarted,
    Org,
    Person,
    PortalKind,
    Principal,
    StaffMember,
    StaffRole,
    UserType,
)
from identity.options import Options, PortalClient
from identity.ports import PORT_VERSION, IdentityProvider
from identity.service import STAFF_PREFIX, TOKEN_PREFIX, IdentityKeys, IdentityService
from identity.states import LOGIN, SESSION
from identity.subjects import PairwiseSubjects

__all__ = [
    "LOGIN",
    "PORT_VERSION",
    "SESSION",
    "STAFF_PREFIX",
    "TOKEN_PREFIX",
    "Aal",
    "ActingRole",
    "CodeInvalid",
    "Ial",
    "IdType",
    "IdentityKeys",
    "IdentityProvider",
    "IdentityService",
    "IssuedToken",
    "LoginCallbackInvalid",
    "LoginFinished",
    "LoginInterrupted",
    "LoginRefused",
    "LoginRequestInvalid",
    "LoginStarted",
    "LoginStateInvalid",
    "Options",
    "Org",
    "PairwiseSubjects",
    "Person",
    "PortalClient",
    "PortalKind",
    "Principal",
    "ProfileIncomplete",
    "ReturnAddressNotRegistered",
    "StaffMember",
    "StaffRole",
    "StaffUnknown",
    "TicketExpired",
    "TicketReplayed",
    "UnknownPortal",
    "UnknownProvider",
    "UserType",
]
