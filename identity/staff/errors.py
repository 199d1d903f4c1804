"""What can go wrong when staff sign in or change roles; a login is never told why it failed."""

from __future__ import annotations

from kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, Text, Unauthenticated


class LoginFailed(Unauthenticated):
    """Name, password or second factor is wrong, or the account may not sign in: one answer."""

    code = "staff_login_failed"
    title = Text("登录失败", "The sign-in failed")
    clerk = Text(
        "账号、口令或验证码有误，请重试；多次失败将被锁定。",
        "Name, password or code is wrong; repeated failures lock the account.",
    )


class LoginLocked(Unauthenticated):
    """Too many tries with this name or from this address; unknown names are locked alike."""

    code = "staff_login_locked"
    status = 423
    title = Text("登录已锁定", "The sign-in is locked")
    clerk = Text(
        "失败次数过多，请稍后再试或联系安全管理员解锁。",
        "Too many failures; wait, or ask the security administrator to unlock.",
    )


class SecondFactorNeeded(Unauthenticated):
    """The first step is too old, was used, or never happened."""

    code = "staff_challenge_invalid"
    title = Text("登录步骤已失效", "The sign-in step is over")
    clerk = Text("请从输入口令重新开始登录。", "Start again with your password.")


class PasswordTooWeak(InvalidInput):
    """A new password does not follow the policy; ``faults`` says where."""

    code = "staff_password_too_weak"
    title = Text("口令不符合要求", "The password is too weak")
    clerk = Text(
        "口令至少 12 位，含大写、小写、数字、符号中的三类，不含工号，且不与近期口令相同。",
        "12 or more characters of three classes, without your number, none of your last ones.",
    )


class PasswordChangeNeeded(Forbidden):
    """The password has expired or was for the first sign-in only."""

    code = "staff_password_change_needed"
    title = Text("请先修改口令", "Change the password first")
    clerk = Text("口令已到期或为初始口令，请先修改。", "Change your password before you go on.")


class AccountUnknown(NotFound):
    """There is no such account, or not any more."""

    code = "staff_unknown"
    title = Text("没有此工作人员", "Unknown member of staff")
    clerk = Text(
        "没有此工作人员或已停用，请核对工号。", "No such active member of staff; check the id."
    )


class AccountExists(Conflict):
    """The number is taken."""

    code = "staff_exists"
    title = Text("工号已存在", "The number is taken")
    clerk = Text("该工号已有账号。", "There is an account with this number.")


class RoleConflict(Conflict):
    """The role excludes one that the person holds (三权分立)."""

    code = "staff_role_conflict"
    title = Text("岗位互斥", "The roles exclude each other")
    clerk = Text(
        "系统、安全、审计管理与业务岗位互斥，请先撤销原岗位。",
        "Administrative powers exclude each other; revoke the other role first.",
    )


class TwoPeopleNeeded(Forbidden):
    """Nobody asks for himself, decides about himself, or decides what he asked for."""

    code = "staff_two_people_needed"
    title = Text("须由他人办理", "Another person is needed")
    clerk = Text(
        "不能为本人申请，也不能审批本人提出或涉及本人的申请。",
        "Not for yourself, and not decided by whom it concerns or who asked.",
    )


class RequestUnknown(NotFound):
    """There is no such request."""

    code = "staff_request_unknown"
    title = Text("没有此申请", "Unknown request")
    clerk = Text("没有此岗位变更申请，请核对编号。", "No such request; check its id.")


class ResetNotApproved(Forbidden):
    """An account with rights begins anew only after two people agreed."""

    code = "staff_reset_not_approved"
    title = Text("重置未经批准", "The reset is not approved")
    clerk = Text(
        "账号已有岗位，须先申请重置并由安全管理员批准。",
        "The account has roles: request a reset and have it approved first.",
    )


class GrantTampered(Forbidden):
    """A stored role does not carry our seal: somebody changed the database."""

    code = "staff_grant_tampered"
    title = Text("岗位授权校验不通过", "A role does not verify")
    clerk = Text(
        "岗位授权校验不通过，请立即报告安全负责人。", "A stored role was changed; report it."
    )


class AlreadyBootstrapped(Conflict):
    """The first administrators exist."""

    code = "staff_already_bootstrapped"
    title = Text("已初始化", "The first administrators exist")
    clerk = Text("首批管理员已建立，此操作只能执行一次。", "The first administrators exist.")


class SessionUnknown(NotFound):
    """There is no such session of this person, or not any more."""

    code = "staff_session_unknown"
    title = Text("没有此会话", "Unknown session")
    clerk = Text("没有此会话或已结束。", "There is no such session, or it has ended.")
