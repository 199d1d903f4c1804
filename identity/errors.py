"""Everything that can go wrong while somebody signs in, told without repeating an
upstream's words.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernel.errors import (
    Conflict,
    Failure,
    Forbidden,
    InvalidInput,
    NotFound,
    Text,
    Unauthenticated,
    UpstreamUnavailable,
)

STEP_UP_PATH = "/v1/auth/step-up"
_AGAIN = Text("登录没有完成，请重新登录。", "The sign-in was not completed; please sign in again.")


class UnknownProvider(NotFound):
    """No identity provider of this name is connected."""

    code = "identity_provider_unknown"
    title = Text("没有此登录方式", "Unknown identity provider")
    citizen = Text(
        "暂不支持此登录方式，请选择其他方式。",
        "This way to sign in is not offered; choose another.",
    )
    clerk = Text("该身份认证系统未接入。", "This identity system is not connected.")


class UnknownPortal(Forbidden):
    """The caller is not a registered portal."""

    code = "unknown_portal"
    title = Text("接入端未登记", "Unknown portal")
    citizen = Text(
        "此网站没有接入一窗受理，请从官方入口登录。",
        "This site is not registered; use an official entry.",
    )
    clerk = Text(
        "接入端未登记，请联系运维登记。",
        "The portal is not registered; ask operations to register it.",
    )


class ReturnAddressNotRegistered(Forbidden):
    """The address to return to is not, letter by letter, one that the portal registered."""

    code = "return_address_not_registered"
    title = Text("返回地址未登记", "The return address is not registered")
    citizen = Text(
        "登录地址有误，请从官方入口重新登录。",
        "The sign-in address is wrong; use an official entry.",
    )
    clerk = Text(
        "接入端的返回地址未登记，须与登记内容逐字一致。",
        "The return address must equal a registered one.",
    )


class LoginRequestInvalid(InvalidInput):
    """A login was asked for with a ``state`` or a code challenge of the wrong shape."""

    code = "login_request_invalid"
    title = Text("登录请求有误", "The login request is invalid")
    citizen = Text(
        "登录请求有误，请从官方入口重新登录。",
        "The sign-in request is wrong; use an official entry.",
    )
    clerk = Text(
        "接入端的登录参数不合规，请联系其开发单位。", "The portal sent wrong login parameters."
    )


class LoginStateInvalid(Forbidden):
    """The browser that came back is not the one that left, or it comes too late or a
    second time.
    """

    code = "login_state_invalid"
    title = Text("登录状态无效", "The login state is invalid")
    citizen = _AGAIN
    clerk = Text(
        "登录状态不符或已超时，请重新登录。",
        "The login state does not match or timed out; sign in again.",
    )


class LoginCallbackInvalid(InvalidInput):
    """The province's redirect carried no ticket, more than one, or something that is none."""

    code = "login_callback_invalid"
    title = Text("登录回调有误", "The login callback is invalid")
    citizen = _AGAIN
    clerk = Text(
        "身份认证系统的回调参数不合规，请重新登录。",
        "The callback parameters are wrong; sign in again.",
    )


class TicketExpired(Unauthenticated):
    """The province does not accept the ticket any more."""

    code = "ticket_expired"
    title = Text("登录票据已失效", "The login ticket has expired")
    citizen = Text("登录已超时，请重新登录。", "The sign-in took too long; please sign in again.")
    clerk = Text("登录票据已失效，请重新登录。", "The ticket has expired; sign in again.")


class TicketReplayed(Conflict):
    """The ticket was used before."""

    code = "ticket_replayed"
    title = Text("登录票据已使用", "The login ticket was used already")
    citizen = Text(
        "此登录链接已使用，请重新登录。",
        "This sign-in link was used already; please sign in again.",
    )
    clerk = Text(
        "登录票据被重复使用，请重新登录；如反复出现请报告运维。",
        "Ticket used twice; report it if it recurs.",
    )


class LoginRefused(Forbidden):
    """The province does not let this account in."""

    code = "login_refused"
    title = Text("身份认证系统拒绝登录", "The identity system refused the login")
    citizen = Text(
        "统一身份认证没有通过，请核对账号后再试。",
        "The identity system refused; please check your account.",
    )
    clerk = Text(
        "统一身份认证系统拒绝了登录，请核对账号状态。",
        "The identity system refused; check the account.",
    )


class LoginInterrupted(UpstreamUnavailable):
    """The province's answer to a ticket was lost. The ticket is spent, but a new login harms
    nothing.
    """

    code = "login_interrupted"
    title = Text("登录中断", "The login was interrupted")
    citizen = _AGAIN
    clerk = Text(
        "身份认证系统的应答丢失，请重新登录。",
        "The identity system's answer was lost; sign in again.",
    )


class ProfileIncomplete(Forbidden):
    """The account lacks what the gateway must know; ``fields`` names it, never its value."""

    code = "profile_incomplete"
    title = Text("实名信息不完整", "The account's identity data are incomplete")
    citizen = Text(
        "您的账号实名信息不完整，请先完成实名认证。", "Please complete your identity data first."
    )
    clerk = Text(
        "账号实名信息不完整，请按所列项补充。", "The account's data are incomplete; see the fields."
    )

    def __init__(self, fields: Sequence[str]) -> None:
        super().__init__("the upstream profile lacks fields", fields=list(fields))


class CodeInvalid(Unauthenticated):
    """The one-time code is unknown, used, too old, another portal's, or its verifier is wrong."""

    code = "code_invalid"
    title = Text("授权码无效", "The code is invalid")
    citizen = _AGAIN
    clerk = Text(
        "一次性授权码无效或已超时，请重新登录。",
        "The one-time code is invalid or too old; sign in again.",
    )


class InsufficientAuthentication(Unauthenticated):
    """The sign-in is too weak or too old for this action (RFC 9470); ``acr_values`` and ``max_age``
    say what would do, ``missing`` what was not enough.
    """

    code = "insufficient_user_authentication"
    title = Text("需要更强的身份认证", "Stronger authentication is needed")
    citizen = Text(
        "办理此事项需要再次核验身份，请按提示完成。",
        "This step needs a further identity check; please follow the instructions.",
    )
    clerk = Text(
        "申请人的实名等级、认证强度或登录时间不满足要求，请引导其加强认证。",
        "The applicant's sign-in is too weak or too old; ask for a step-up.",
    )

    def __init__(self, *, acr: str, max_age: int | None, missing: Sequence[str]) -> None:
        super().__init__(
            "the action asks for a stronger or fresher sign-in",
            acr_values=acr,
            max_age=max_age,
            missing=list(missing),
            step_up_url=STEP_UP_PATH,
        )
        age = "" if max_age is None else f", max_age={max_age}"
        told = f'Bearer error="{self.code}", acr_values="{acr}"{age}'
        self.headers["WWW-Authenticate"] = told


class StepUpNotFound(NotFound):
    """There is no such step-up of the caller's session."""

    code = "step_up_not_found"
    title = Text("没有此次加强认证", "No such step-up")
    citizen = Text("没有找到这次核验，请重新发起。", "No such check; please start again.")
    clerk = Text("没有此次加强认证，或属于其他会话。", "No such step-up of this session.")


class StepUpNotPossible(Forbidden):
    """No connected second factor takes this session to the level that was asked for."""

    code = "step_up_not_possible"
    title = Text("无法完成加强认证", "No step-up reaches this level")
    citizen = Text(
        "暂无可用的核验方式达到所需等级，请到窗口办理。",
        "No check on offer reaches the level needed; please come to a window.",
    )
    clerk = Text(
        "没有接入能达到所需等级的核验方式，请线下核验。",
        "No connected factor reaches the level; verify in person.",
    )


class StepUpInProgress(Conflict):
    """The same step-up is being concluded at this moment."""

    code = "step_up_in_progress"
    title = Text("加强认证正在处理", "The step-up is being concluded")
    citizen = Text("核验结果正在处理，请稍候。", "The check is being concluded; please wait.")
    clerk = Text("同一次加强认证正在处理，请稍候。", "The same step-up is being concluded; wait.")
    retry_after = 1


class TooManyStepUps(Failure):
    """The subject began as many step-ups as are allowed for now."""

    code = "too_many_step_ups"
    status = 429
    title = Text("核验次数过多", "Too many step-ups")
    citizen = Text(
        "核验次数过多，请稍后再试。", "Too many checks; please try again in a few minutes."
    )
    clerk = Text("该用户短时间内核验次数过多。", "The applicant started too many step-ups.")


class AcrUnknown(InvalidInput):
    """The authentication context that was asked for has no name of ours."""

    code = "acr_unknown"
    title = Text("认证等级未知", "Unknown authentication context")
    citizen = _AGAIN
    clerk = Text(
        "接入端请求的认证等级名称有误，请联系其开发单位。",
        "The portal asked for an authentication context that does not exist.",
    )


class ActionNotForUserType(Forbidden):
    """This type of user has no such action."""

    code = "action_not_for_user_type"
    title = Text("此类用户不能办理", "Not an action of this type of user")
    citizen = Text(
        "此操作仅限其他类型的用户办理，请切换账号。",
        "This is for another type of user; please switch accounts.",
    )
    clerk = Text(
        "动作策略不允许此类用户办理。", "The policy has no such action for this user type."
    )


class MandateRequired(Forbidden):
    """Whoever acts for somebody else has no valid mandate for this (``mandate``)."""

    code = "mandate_required"
    title = Text("缺少有效委托", "A mandate is required")
    citizen = Text(
        "您没有办理此事项的有效委托，请联系法定代表人、管理员或委托人授权。",
        "You hold no valid mandate for this; ask the legal representative, the administrator or "
        "the principal to grant one.",
    )
    clerk = Text(
        "经办人没有覆盖此事项和动作的有效委托（可能已到期或被撤销）。",
        "No valid mandate covers this item and action; it may have expired or been revoked.",
    )


class MandateNotFound(NotFound):
    """There is no such mandate of the caller's."""

    code = "mandate_not_found"
    title = Text("没有此委托", "No such mandate")
    citizen = Text("没有找到此委托，请核对委托编号。", "No such mandate; please check its number.")
    clerk = Text(
        "没有此委托，或委托人、受托人不是当前用户。",
        "No such mandate, or it is somebody else's.",
    )


class MandateInvalid(InvalidInput):
    """The mandate contradicts itself; ``fields`` says where."""

    code = "mandate_invalid"
    title = Text("委托内容有误", "The mandate is invalid")
    citizen = Text(
        "委托的事项、期限或受托人有误，请按提示修改。",
        "The mandate's matters, time or operator are wrong; please correct them.",
    )
    clerk = Text(
        "委托内容未通过校验，请核对标出的字段。", "The mandate is invalid; see the marked fields."
    )


class MandateGrantRefused(Forbidden):
    """Only the legal representative or an administrator grants and revokes for an organisation."""

    code = "mandate_grant_refused"
    title = Text("无权授予委托", "Not entitled to grant mandates")
    citizen = Text(
        "只有法定代表人或管理员可以授予、撤销委托。",
        "Only the legal representative or an administrator may grant or revoke mandates.",
    )
    clerk = Text(
        "经办人不能授予或撤销委托，请由法定代表人或管理员办理。",
        "An operator cannot grant or revoke mandates for its organisation.",
    )


class MandateDamaged(Conflict):
    """A stored mandate was changed outside the system and is not honoured."""

    code = "mandate_damaged"
    title = Text("委托记录校验失败", "The stored mandate fails its check")
    citizen = Text(
        "您的委托记录需要核实，请联系窗口。", "The mandate has to be examined; contact the window."
    )
    clerk = Text(
        "委托记录的完整性校验失败，请立即报告安全管理员。",
        "The stored mandate fails its integrity check; report it to the security administrator.",
    )


class NotOffered(Conflict):
    """The identity system cannot do this at all; ``capability`` names what."""

    code = "identity_capability_not_offered"
    title = Text("该登录方式不支持此功能", "This way to sign in does not offer it")
    citizen = Text(
        "您使用的登录方式不支持此功能，请换一种方式登录。",
        "Your way to sign in does not offer this; sign in another way.",
    )
    clerk = Text(
        "该身份认证系统没有此能力，请换一种方式办理。",
        "This identity system cannot do it; use another way.",
    )

    def __init__(self, capability: str) -> None:
        super().__init__(f"not offered: {capability}", capability=capability)


class OrgNotYours(NotFound):
    """The person may not act for this organisation, or there is no such one."""

    code = "organisation_unknown"
    title = Text("没有此法人账号", "Unknown organisation")
    citizen = Text(
        "您的账号下没有这个单位，请刷新列表后再选。",
        "Your account has no such organisation; refresh the list.",
    )
    clerk = Text(
        "该账号未绑定此法人，请核对后再试。", "The account is not bound to this organisation."
    )


class LegalPersonNeeded(Forbidden):
    """Only somebody who signed in for an organisation can do this."""

    code = "legal_person_needed"
    title = Text("需要法人登录", "Sign in for an organisation")
    citizen = Text(
        "请以单位（法人）身份登录后办理。", "Please sign in for your organisation first."
    )
    clerk = Text("该操作需要法人登录。", "This needs a sign-in for an organisation.")
