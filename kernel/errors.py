"""The roots of every error that may leave the system: code, status, texts for three readers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

JsonScalar = str | int | bool | None
ExtraValue = JsonScalar | list[str] | list[dict[str, str]]


class Text(NamedTuple):
    """One sentence in Chinese and in English."""

    zh: str
    en: str


class Failure(Exception):
    """Something that a caller is told, with texts for the citizen, the clerk and the engineer.

    ``detail`` is the engineer's text. It must never hold personal data, tokens or tickets.
    ``extras`` become members of the problem document (RFC 9457, section 3.2).
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[Text] = Text("系统内部错误", "Internal error")
    citizen: ClassVar[Text] = Text(
        "系统出现问题，您提交的内容没有丢失，请稍后再试。",
        "Something went wrong on our side. Nothing you sent was lost; please try again later.",
    )
    clerk: ClassVar[Text] = Text(
        "系统内部错误，请记录追踪编号并联系运维。",
        "Internal error. Note the trace id and contact operations.",
    )
    retry_after: int | None = None

    def __init__(
        self,
        detail: str = "",
        *,
        retry_after: int | None = None,
        **extras: ExtraValue,
    ) -> None:
        super().__init__(detail or self.title.en)
        self.detail = detail or self.title.en
        self.extras: Mapping[str, ExtraValue] = extras
        self.headers: dict[str, str] = {}
        """Headers of the answer, such as a challenge."""
        if retry_after is not None:
            self.retry_after = retry_after


class InvalidInput(Failure):
    """What was sent is understood but cannot be right."""

    code = "invalid_input"
    status = 422
    title = Text("提交的内容有误", "The content is invalid")
    citizen = Text("填写的内容有误，请按提示修改后重新提交。", "Please correct the marked fields.")
    clerk = Text(
        "提交内容未通过校验，请核对标出的字段。", "Validation failed; see the marked fields."
    )


class Unauthenticated(Failure):
    """The caller did not show who it is, or what it showed is no longer valid."""

    code = "unauthenticated"
    status = 401
    title = Text("未登录或登录已失效", "Not signed in")
    citizen = Text("请先登录；如果已经登录，请重新登录。", "Please sign in, or sign in again.")
    clerk = Text("登录已失效，请重新登录。", "Your sign-in has expired; sign in again.")


class Forbidden(Failure):
    """The caller is known and may not do this."""

    code = "forbidden"
    status = 403
    title = Text("没有权限", "Not allowed")
    citizen = Text("您没有办理此操作的权限。", "You are not allowed to do this.")
    clerk = Text("您的岗位没有此操作的权限。", "Your role does not permit this.")


class NotFound(Failure):
    """There is no such thing, or the caller may not know that there is."""

    code = "not_found"
    status = 404
    title = Text("没有找到", "Not found")
    citizen = Text(
        "没有找到您要的内容，请核对编号。", "We did not find it; please check the number."
    )
    clerk = Text("没有找到，或不在您的管辖范围内。", "Not found, or outside your jurisdiction.")


class Conflict(Failure):
    """The request is right but the present state does not allow it."""

    code = "conflict"
    status = 409
    title = Text("与当前状态冲突", "Conflicts with the present state")
    citizen = Text(
        "当前状态不能办理此操作，请刷新后查看。", "Not possible right now; please refresh."
    )
    clerk = Text(
        "当前状态不能执行此操作，请刷新后查看。", "Not possible in this state; refresh first."
    )


class IllegalTransition(Conflict):
    """A state change that the table of states does not list."""

    code = "illegal_transition"
    title = Text("当前状态不允许此操作", "The state does not allow this")

    def __init__(self, machine: str, old: str, new: str, allowed: list[str]) -> None:
        super().__init__(
            f"{machine}: {old} -> {new} is not a listed transition",
            state=old,
            wanted=new,
            allowed=allowed,
        )


class OperationInProgress(Conflict):
    """The same request is being worked on at this moment."""

    code = "operation_in_progress"
    title = Text("操作正在处理中", "The operation is in progress")
    citizen = Text("正在处理，请稍候，不要重复提交。", "We are working on it; do not submit again.")
    clerk = Text("同一请求正在处理，请稍候。", "The same request is being processed; please wait.")
    retry_after = 2


class StaleVersion(Conflict):
    """Somebody else changed the row between reading and writing."""

    code = "stale_version"
    title = Text("内容已被他人更新", "Changed by someone else meanwhile")
    retry_after = 1


class UpstreamError(Failure):
    """A provincial system did not do what was asked; see the five kinds below."""

    code = "upstream_error"
    status = 502
    title = Text("上游系统异常", "Upstream system failed")
    citizen = Text(
        "相关部门的系统暂时无法完成，您提交的内容已保存，我们会继续处理。",
        "A department's system could not answer. What you sent is kept and we will go on with it.",
    )
    clerk = Text("上游系统异常，请查看依赖状态。", "An upstream failed; see the dependency page.")


class UpstreamUnavailable(UpstreamError):
    """Nothing reached the other side, or the question was safe to lose: asking again is allowed."""

    code = "upstream_unavailable"
    status = 503
    title = Text("上游系统暂不可用", "Upstream system unavailable")
    retry_after = 10


class UpstreamOutcomeUnknown(UpstreamError):
    """The request left us and no answer came: only a query may find out what happened."""

    code = "upstream_outcome_unknown"
    status = 504
    title = Text("上游处理结果未知", "Upstream outcome unknown")
    citizen = Text(
        "请求已经发出，结果正在确认，请勿重复操作。",
        "Your request was sent and we are confirming the result. Please do not repeat it.",
    )
    clerk = Text(
        "上游结果未知，系统正在自动核实，请勿重复操作。",
        "Outcome unknown; the system is checking. Do not repeat.",
    )


class UpstreamRejected(UpstreamError):
    """The other side understood and said no; ``upstream_code`` is its own code."""

    code = "upstream_rejected"
    status = 422
    title = Text("上游系统拒绝", "Refused by the upstream system")
    citizen = Text(
        "相关部门的系统没有通过此请求，请核对后再试。",
        "The department's system refused this; please check.",
    )
    clerk = Text("上游系统拒绝了请求，请查看原因代码。", "The upstream refused; see its code.")

    def __init__(self, detail: str = "", *, upstream_code: str = "", **extras: ExtraValue) -> None:
        super().__init__(detail, retry_after=None, upstream_code=upstream_code, **extras)
        self.upstream_code = upstream_code


class UpstreamAuthFailed(UpstreamError):
    """The other side does not accept our credentials."""

    code = "upstream_auth_failed"
    title = Text("上游系统不认可接入凭据", "The upstream did not accept our credentials")


class UpstreamProtocolError(UpstreamError):
    """The other side answered something that its own document does not allow."""

    code = "upstream_protocol_error"
    title = Text("上游系统应答不合规", "The upstream answered against its own protocol")
