"""Every error that is about a case."""

from __future__ import annotations

from kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, Text


class CaseNotFound(NotFound):
    """There is no such case, or it is not the caller's."""

    code = "case_not_found"
    title = Text("办件不存在", "No such case")
    citizen = Text(
        "没有找到这个办件，请核对编号。", "We could not find this case; check its number."
    )
    clerk = Text(
        "没有这个办件，或不在您的管辖范围内。", "No such case, or outside your jurisdiction."
    )


class FormInvalid(InvalidInput):
    """The application form has missing or wrong fields; ``fields`` lists them all at once."""

    code = "form_invalid"
    title = Text("申请表填写有误", "The application form is incomplete or wrong")
    citizen = Text("请补充或修改标出的内容。", "Please complete or correct the marked fields.")
    clerk = Text(
        "申请表字段未通过校验，请一次性告知申请人。",
        "Tell the applicant all marked fields at once.",
    )


class MaterialsMissing(InvalidInput):
    """Required materials are not there; ``missing`` lists them all at once (一次性告知)."""

    code = "materials_missing"
    title = Text("材料不齐全", "Materials are missing")
    citizen = Text(
        "还缺少必要的材料，请补齐后提交。", "Required materials are missing; please add them."
    )
    clerk = Text(
        "必要材料不齐全，请一次性告知申请人。", "Tell the applicant all missing materials at once."
    )


class MaterialUnknown(NotFound):
    """The item has no material of this code."""

    code = "material_unknown"
    title = Text("没有这项材料", "The item asks for no such material")
    citizen = Text("这个事项不需要这项材料。", "This item does not need this material.")
    clerk = Text("材料编码不在事项的材料清单中。", "The code is not on the item's material list.")


class FileRefused(InvalidInput):
    """An uploaded file is empty, or is not what its content type says."""

    code = "file_refused"
    title = Text("文件不符合要求", "The file is not acceptable")
    citizen = Text(
        "请上传 PDF、OFD、PNG 或 JPEG 文件。", "Please upload a PDF, OFD, PNG or JPEG file."
    )
    clerk = Text(
        "文件为空，或内容与声明的格式不符。", "The file is empty or not of the declared type."
    )


class LicenceNotUsable(Conflict):
    """No valid licence of the applicant replaces this material now."""

    code = "licence_not_usable"
    title = Text("没有可用的电子证照", "No usable electronic licence")
    citizen = Text(
        "没有找到可以代替该材料的有效证照，请上传文件。",
        "No valid licence can replace this material; please upload a file instead.",
    )
    clerk = Text(
        "证照未找到、无效或系统暂不可用，可改为上传。",
        "Not found, not valid or unavailable; upload.",
    )


class LicenceLapsed(Conflict):
    """A licence that stands for a material is not valid any more; ``materials`` lists them."""

    code = "licence_lapsed"
    title = Text("电子证照已失效", "A licence is not valid any more")
    citizen = Text(
        "您的一份证照已失效，请联系窗口补交材料。",
        "One of your licences is no longer valid; please bring the paper to the window.",
    )
    clerk = Text(
        "证照在决定前复核时已失效，不能准予；请通知申请人补交纸质材料并上传。",
        "The licence was found no longer valid; ask for the paper and upload it.",
    )


class ExemptionRefused(Conflict):
    """The item does not let this material be left out in this way; ``offered`` says how."""

    code = "exemption_not_offered"
    title = Text("该材料不能以此方式免提交", "The material cannot be left out in this way")
    citizen = Text(
        "这项材料不能这样免提交，请上传文件。", "Please upload a file for this material."
    )
    clerk = Text("事项未设定该免提交方式。", "The item offers no such exemption.")


class ConsentMissing(Forbidden):
    """A licence may be used only with the holder's consent (用证授权)."""

    code = "consent_missing"
    title = Text("缺少用证授权", "The holder's consent is missing")
    citizen = Text("请先同意调用您的电子证照。", "Please agree to the use of your licence first.")
    clerk = Text("调用证照需要持证人授权。", "Using a licence needs the holder's consent.")


class ApplicantNotEligible(Forbidden):
    """This kind of applicant, or one proved so weakly, may not apply for the item."""

    code = "applicant_not_eligible"
    title = Text("不符合申请条件", "Not eligible to apply")
    citizen = Text(
        "您的身份类型或实名等级不能申请该事项。", "Your account may not apply for this item."
    )
    clerk = Text("申请人类型或实名等级不符合事项要求。", "Wrong applicant type or proofing level.")


class ApplicantDiffers(Forbidden):
    """The form names another applicant than the one whom the province proved."""

    code = "applicant_differs"
    title = Text("申请人与登录身份不一致", "The applicant is not who signed in")
    citizen = Text(
        "填写的姓名或证件号码与登录身份不一致，请核对；代他人办理请使用委托。",
        "The name or number is not that of the signed-in person; use a mandate for somebody else.",
    )
    clerk = Text(
        "申请人信息与实名信息不一致，不得更正后继续。",
        "The applicant differs from the proven identity; it is not to be corrected.",
    )


class ReviewMissing(Conflict):
    """A decision needs the department's review, and a grant needs a favourable one."""

    code = "review_missing"
    title = Text("尚未完成审查", "The review is not finished")
    citizen = Text("部门尚在审查。", "The department is still reviewing.")
    clerk = Text(
        "需要先完成审查；准予决定需要审查通过。", "Review first; a grant needs a passed review."
    )


class ReviewExists(Conflict):
    """The department has given its opinion already."""

    code = "review_exists"
    title = Text("已有审查意见", "The review is there already")
    citizen = Text("部门已完成审查。", "The department has finished its review.")
    clerk = Text("该办件已有审查意见，不能重复提交。", "The case has a review already.")


class FeeUnpaid(Conflict):
    """A grant needs the fee to be paid."""

    code = "fee_unpaid"
    title = Text("费用尚未缴清", "The fee is not paid")
    citizen = Text("请先完成缴费。", "Please pay the fee first.")
    clerk = Text("费用尚未缴清，不能作出准予决定。", "The fee is unpaid; a grant is not possible.")


class ReasonMissing(InvalidInput):
    """A negative decision needs its reason (行政许可法 article 38)."""

    code = "reason_missing"
    title = Text("缺少理由", "A reason is required")
    citizen = Text("请填写理由。", "Please give a reason.")
    clerk = Text("不予受理、不予许可必须说明理由。", "A refusal must state its reason.")


class NoFeeDue(Conflict):
    """Nothing is to be paid for this case now."""

    code = "no_fee_due"
    title = Text("无需缴费", "No fee is due")
    citizen = Text("该办件目前无需缴费。", "There is nothing to pay for this case now.")
    clerk = Text("该办件不在待缴费状态。", "The case is not waiting for payment.")


class DocumentNotReady(Conflict):
    """The document is being made and sealed."""

    code = "document_not_ready"
    title = Text("文书尚未生成", "The document is not ready")
    citizen = Text(
        "文书正在生成并签章，请稍后查看。", "The document is being sealed; look again shortly."
    )
    clerk = Text("文书尚在签章。", "The document is being sealed.")
    retry_after = 3


class DocumentNotFound(NotFound):
    """The case has no such document."""

    code = "document_not_found"
    title = Text("文书不存在", "No such document")


class SealRefused(Conflict):
    """The seal system, or our own checks, will not let this document be sealed."""

    code = "seal_refused"
    title = Text("文书未能签章", "The document could not be sealed")
    citizen = Text(
        "文书签章遇到问题，工作人员正在处理。", "Sealing failed; staff are looking into it."
    )
    clerk = Text(
        "签章失败，请查看原因并联系印章管理。",
        "Sealing failed; see the reason, contact the registrar.",
    )
