"""Every error of the licence domain that a caller may see."""

from __future__ import annotations

from kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, Text, UpstreamError


class InvalidHolder(InvalidInput):
    """A holder code of an impossible shape; the text never repeats it."""

    code = "licence_holder_invalid"
    title = Text("持证主体代码有误", "The holder code is invalid")
    citizen = Text("证件号码有误，请核对后重新填写。", "The id number is wrong; please check it.")
    clerk = Text(
        "持证主体代码格式有误，请核对证件类型和号码。", "Check the holder's id type and number."
    )


class InvalidPurpose(InvalidInput):
    """A licence was asked for without a proper reason."""

    code = "licence_purpose_invalid"
    title = Text("用证事由有误", "The purpose of use is invalid")
    citizen = Text(
        "办理信息不完整，请返回上一步重试。", "Something is missing; please go one step back."
    )
    clerk = Text("用证事由应为 1 至 200 个字。", "The cause of use must have 1 to 200 characters.")


class LicencePurposeMissing(Forbidden):
    """No open case or pre-check of an item lists this licence type for this holder."""

    code = "licence_purpose_missing"
    title = Text("没有用证事由", "No purpose entitles to this licence")
    citizen = Text(
        "该办件不能使用这份证照，请上传照片或扫描件。",
        "This case may not use the licence; please upload a photo or scan.",
    )
    clerk = Text(
        "办件已结束，或事项未列明该类证照，不能查询。",
        "The case is over, or its item does not list this licence type.",
    )


class LicenceGrantInvalid(Forbidden):
    """The grant of this look-up is unknown, used up, over, or for something else."""

    code = "licence_grant_invalid"
    title = Text("用证授权无效", "The grant of this look-up is not valid")
    citizen = Text("授权已失效，请重新操作。", "The permission has ended; please try again.")
    clerk = Text("一次性用证授权已使用或过期，请重新发起。", "The grant is used up; start again.")


class LicenceNotFound(NotFound):
    """The source has no such licence, or this case has not asked for it."""

    code = "licence_not_found"
    title = Text("没有查到电子证照", "No such licence")
    citizen = Text(
        "没有查到这份电子证照，请上传照片或扫描件。",
        "We found no such licence; please upload a photo or scan.",
    )
    clerk = Text(
        "本办件没有查到该电子证照，请让申请人提供材料。",
        "This case has no such licence; ask for the paper.",
    )


class LicenceDenied(Forbidden):
    """The source does not let this system use licences of that type."""

    code = "licence_denied"
    title = Text("没有该类证照的使用权限", "No right to use this licence type")
    citizen = Text(
        "本事项暂不能使用这类电子证照，请上传照片或扫描件。",
        "This service may not use such licences yet; please upload a photo or scan.",
    )
    clerk = Text(
        "证照平台未授权使用该类证照，请联系运维申请。",
        "The licence platform gave no right to this type.",
    )


class LicenceNotUsable(Conflict):
    """The licence exists in a state in which its source does not hand it out; ``state`` says
    which.
    """

    code = "licence_state_not_valid"
    title = Text("证照当前不可使用", "The licence cannot be used now")
    citizen = Text(
        "这份证照已过期、注销或受限，请联系发证部门。",
        "This licence has expired or is restricted; please ask its issuer.",
    )
    clerk = Text(
        "证照状态不是有效，不能代替纸质材料。",
        "The licence is not valid and cannot replace the paper.",
    )


class LicenceNotSupported(UpstreamError):
    """The source does not offer this operation or this type of licence; asking again will not
    help.
    """

    code = "licence_not_supported"
    status = 501
    title = Text("证照来源不支持", "The source does not support this")
    citizen = Text(
        "这类证照暂不能在线取得，请上传照片或扫描件。",
        "Not available online yet; please upload a scan.",
    )
    clerk = Text(
        "证照来源未提供该类证照或接口。", "The source offers neither this type nor this operation."
    )
