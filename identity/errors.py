"""Everything that can go wrong while somebody signs in, told without repeating an
upstream's words.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernel.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Text,
    Unauthenticated,
    UpstreamUnavailable,
)

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
