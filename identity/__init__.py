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
    AcrUnknown,
    ActionNotForUserType,
    CodeInvalid,
    InsufficientAuthentication,
    LegalPersonNeeded,
    LoginCallbackInvalid,
    LoginInterrupted,
    LoginRefused,
    LoginRequestInvalid,
    LoginStateInvalid,
    MandateDamaged,
    MandateGrantRefused,
    MandateInvalid,
    MandateNotFound,
    MandateRequired,
    NotOffered,
    OrgNotYours,
    ProfileIncomplete,
    ReturnAddressNotRegistered,
    StepUpInProgress,
    StepUpNotFound,
    StepUpNotPossible,
    TicketExpired,
    TicketReplayed,
    TooManyStepUps,
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
from identity.mandates.model import (
    EVERY_ITEM,
    Mandate,
    MandateSource,
    MandateState,
    Operator,
    Wish,
)
from identity.mandates.service import MandateService
from identity.mandates.states import MANDATE
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
from identity.oauth.authorize import Away
from identity.oauth.errors import AuthorizeRefused, OAuthRefused, TokenRefused
from identity.oauth.issuing import Authenticated
from identity.oauth.model import Access
from identity.oauth.server import AuthorizationServer
from identity.oauth.sessions import LOGOUT_TASK
from identity.oauth.states import GRANT
from identity.oauth.stronger import CONTINUE_PATH, StrongerLogin
from identity.opening import IdentityKeys
from identity.options import Options, PortalClient
from identity.organisations import Organisations
from identity.policy.acr import ACRS, Levels, acr_of, levels_of
from identity.policy.book import PolicyBook
from identity.policy.judge import acts_by_office, require_levels
from identity.policy.model import Action, MandateAction
from identity.policy.options import Rule
from identity.ports import PORT_VERSION, IdentityProvider
from identity.proofing.errors import ProofingNotFound, ProofingOfOneself, ProofingRefused
from identity.proofing.model import Proofing, ProofingSource, ProofingState, Seen
from identity.proofing.service import ProofingService
from identity.proofing.states import PROOFING
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
from identity.stepup.model import StepUp, StepUpAnswer, StepUpStarted, StepUpState
from identity.stepup.service import StepUpService
from identity.stepup.states import STEP_UP
from identity.subjects import PairwiseSubjects
from identity.upstream import Assurance, Capability, LoginAttempt, OrgAccount, OrgPage

__all__ = [
    "ACRS",
    "ASKERS",
    "BUSINESS_ROLES",
    "CONTINUE_PATH",
    "EVERY_ITEM",
    "FACTOR_PORT_VERSION",
    "FIRST_ADMINS",
    "GRANT",
    "LOGIN",
    "LOGOUT_TASK",
    "MACHINES",
    "MANDATE",
    "PORT_VERSION",
    "PROOFING",
    "SCOPES",
    "SESSION",
    "SM2_ONLY",
    "STAFF_PREFIX",
    "STEP_UP",
    "TOKEN_PREFIX",
    "Aal",
    "Access",
    "Account",
    "AcrUnknown",
    "ActingRole",
    "Action",
    "ActionNotForUserType",
    "Activation",
    "AlreadyBootstrapped",
    "Assurance",
    "Authenticated",
    "AuthorizationServer",
    "AuthorizeRefused",
    "Away",
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
    "InsufficientAuthentication",
    "IssuedToken",
    "KeyKind",
    "KeyStatus",
    "KeyUnknown",
    "LegalPersonNeeded",
    "Levels",
    "LoginAttempt",
    "LoginCallbackInvalid",
    "LoginFinished",
    "LoginInterrupted",
    "LoginRefused",
    "LoginRequestInvalid",
    "LoginStarted",
    "LoginStateInvalid",
    "Mandate",
    "MandateAction",
    "MandateDamaged",
    "MandateGrantRefused",
    "MandateInvalid",
    "MandateNotFound",
    "MandateRequired",
    "MandateService",
    "MandateSource",
    "MandateState",
    "NewKey",
    "NotOffered",
    "OAuthRefused",
    "Operator",
    "Options",
    "Org",
    "OrgAccount",
    "OrgNotYours",
    "OrgPage",
    "Organisations",
    "PairwiseSubjects",
    "PasswordChangeNeeded",
    "Person",
    "PolicyBook",
    "PortalClient",
    "PortalKind",
    "Principal",
    "ProfileIncomplete",
    "Proofing",
    "ProofingNotFound",
    "ProofingOfOneself",
    "ProofingRefused",
    "ProofingService",
    "ProofingSource",
    "ProofingState",
    "RateClass",
    "RequestAct",
    "RequestState",
    "ReturnAddressNotRegistered",
    "RoleRequest",
    "Rule",
    "SecondFactor",
    "Seen",
    "StaffKind",
    "StaffMember",
    "StaffOptions",
    "StaffRole",
    "StaffServices",
    "StaffSession",
    "StaffUnknown",
    "StepUp",
    "StepUpAnswer",
    "StepUpInProgress",
    "StepUpNotFound",
    "StepUpNotPossible",
    "StepUpService",
    "StepUpStarted",
    "StepUpState",
    "StrongerLogin",
    "TicketExpired",
    "TicketReplayed",
    "TokenRefused",
    "TooManyKeys",
    "TooManyStepUps",
    "TwoPeopleNeeded",
    "UnknownPortal",
    "UnknownProvider",
    "UserType",
    "Wish",
    "acr_of",
    "acts_by_office",
    "levels_of",
    "require_levels",
    "staff_actor",
]
