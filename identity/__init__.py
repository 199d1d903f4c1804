"""统一身份认证: who the applicant is, as the province says, and who works here; the package's only
door.
"""

from identity.clients.errors import (
    ClientExists,
    ClientInvalid,
    ClientUnknown,
    KeyUnknown,
    TooManyKeys,
)
from identity.clients.model import (
    MACHINES,
    SCOPES,
    SM2_ONLY,
    Client,
    ClientKey,
    ClientKind,
    ClientStatus,
    CryptoProfile,
    KeyKind,
    KeyStatus,
    NewKey,
    RateClass,
)
from identity.clients.service import ClientRegistry
from identity.errors import (
    CodeInvalid,
    LegalPersonNeeded,
    LoginCallbackInvalid,
    LoginInterrupted,
    LoginRefused,
    LoginRequestInvalid,
    LoginStateInvalid,
    NotOffered,
    OrgNotYours,
    ProfileIncomplete,
    ReturnAddressNotRegistered,
    TicketExpired,
    TicketReplayed,
    UnknownPortal,
    UnknownProvider,
)
from identity.factor_ports import (
    FACTOR_PORT_VERSION,
    FactorNotStarted,
    FactorResult,
    FactorStarted,
    FactorState,
    FactorSubject,
    SecondFactor,
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
from identity.oauth.errors import AuthorizeRefused, OAuthRefused, TokenRefused
from identity.oauth.issuing import Authenticated
from identity.oauth.model import Access
from identity.oauth.server import AuthorizationServer
from identity.oauth.sessions import LOGOUT_TASK
from identity.oauth.states import GRANT
from identity.opening import IdentityKeys
from identity.options import Options, PortalClient
from identity.organisations import Organisations
from identity.ports import PORT_VERSION, IdentityProvider
from identity.service import TOKEN_PREFIX, IdentityService
from identity.staff import StaffServices
from identity.staff.accounts import FIRST_ADMINS, STAFF_PREFIX
from identity.staff.errors import AccountUnknown as StaffUnknown
from identity.staff.errors import (
    AlreadyBootstrapped,
    GrantTampered,
    PasswordChangeNeeded,
    TwoPeopleNeeded,
)
from identity.staff.grants import ASKERS
from identity.staff.ground import staff_actor
from identity.staff.model import (
    BUSINESS_ROLES,
    Account,
    Activation,
    FactorMethod,
    Grant,
    Identified,
    RequestAct,
    RequestState,
    RoleRequest,
    StaffKind,
    StaffSession,
)
from identity.staff.options import StaffOptions
from identity.states import LOGIN, SESSION
from identity.subjects import PairwiseSubjects
from identity.upstream import Assurance, Capability, LoginAttempt, OrgAccount, OrgPage

__all__ = [
    "ASKERS",
    "BUSINESS_ROLES",
    "FACTOR_PORT_VERSION",
    "FIRST_ADMINS",
    "GRANT",
    "LOGIN",
    "LOGOUT_TASK",
    "MACHINES",
    "PORT_VERSION",
    "SCOPES",
    "SESSION",
    "SM2_ONLY",
    "STAFF_PREFIX",
    "TOKEN_PREFIX",
    "Aal",
    "Access",
    "Account",
    "ActingRole",
    "Activation",
    "AlreadyBootstrapped",
    "Assurance",
    "Authenticated",
    "AuthorizationServer",
    "AuthorizeRefused",
    "Capability",
    "Client",
    "ClientExists",
    "ClientInvalid",
    "ClientKey",
    "ClientKind",
    "ClientRegistry",
    "ClientStatus",
    "ClientUnknown",
    "CodeInvalid",
    "CryptoProfile",
    "FactorMethod",
    "FactorNotStarted",
    "FactorResult",
    "FactorStarted",
    "FactorState",
    "FactorSubject",
    "Grant",
    "GrantTampered",
    "Ial",
    "IdType",
    "Identified",
    "IdentityKeys",
    "IdentityProvider",
    "IdentityService",
    "IssuedToken",
    "KeyKind",
    "KeyStatus",
    "KeyUnknown",
    "LegalPersonNeeded",
    "LoginAttempt",
    "LoginCallbackInvalid",
    "LoginFinished",
    "LoginInterrupted",
    "LoginRefused",
    "LoginRequestInvalid",
    "LoginStarted",
    "LoginStateInvalid",
    "NewKey",
    "NotOffered",
    "OAuthRefused",
    "Options",
    "Org",
    "OrgAccount",
    "OrgNotYours",
    "OrgPage",
    "Organisations",
    "PairwiseSubjects",
    "PasswordChangeNeeded",
    "Person",
    "PortalClient",
    "PortalKind",
    "Principal",
    "ProfileIncomplete",
    "RateClass",
    "RequestAct",
    "RequestState",
    "ReturnAddressNotRegistered",
    "RoleRequest",
    "SecondFactor",
    "StaffKind",
    "StaffMember",
    "StaffOptions",
    "StaffRole",
    "StaffServices",
    "StaffSession",
    "StaffUnknown",
    "TicketExpired",
    "TicketReplayed",
    "TokenRefused",
    "TooManyKeys",
    "TwoPeopleNeeded",
    "UnknownPortal",
    "UnknownProvider",
    "UserType",
    "staff_actor",
]
