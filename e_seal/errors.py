"""Every error that the e-seal domain can raise, with texts for citizen, clerk and engineer."""

from e_seal.model import FailureReason
from kernel.errors import Conflict, InvalidInput, NotFound, Text


class Problem(Exception):
    """Why an act cannot go on, inside the domain; ``detail`` holds codes, never personal data."""

    def __init__(self, reason: FailureReason, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class SealActNotFound(NotFound):
    """There is no such seal act."""

    code = "seal_act_not_found"
    title = Text("没有找到用章记录", "No such seal act")
    citizen = Text("没有找到这份文书，请核对。", "We could not find this document; please check.")
    clerk = Text("用章记录不存在。", "The seal act does not exist.")


class InvalidSealOrder(InvalidInput):
    """The document cannot be read, or its place for the seal does not exist."""

    code = "seal_order_invalid"
    title = Text("签章内容有误", "The seal order is invalid")
    citizen = Text(
        "文书生成有误，工作人员会处理。", "The document could not be made; staff will look into it."
    )
    clerk = Text(
        "文书不是可签章的 OFD 或 PDF，或签章位置不存在。",
        "The document is no readable OFD or PDF, or the seal's place does not exist.",
    )


class SealOrderNotForPdf(InvalidSealOrder):
    """A PDF was ordered with a riding seal or a lock, which only OFD has (GB/T 33190)."""

    code = "seal_order_not_for_pdf"
    clerk = Text(
        "PDF 文件不支持骑缝章和锁定签名，请改用 OFD 或只加盖普通印章。",
        "A PDF takes neither a riding seal nor a lock; use OFD or a plain seal.",
    )


class EarlierSignatureUnsound(InvalidSealOrder):
    """The document carries a signature that does not hold: one more seal would not mend it."""

    code = "earlier_signature_unsound"
    title = Text("文书已有签章无效", "A signature in the document does not hold")
    clerk = Text(
        "文书中已有的签章未通过验证，不能再加盖印章。",
        "A signature that the document carries does not hold, so no seal is added to it.",
    )


class SealOrderDiffers(Conflict):
    """This version of the document was ordered with other content or another seal."""

    code = "seal_order_differs"
    title = Text("同一版本文书内容不同", "This version was ordered with other content")
    citizen = Text("文书已提交签章，请刷新后查看。", "The document is being sealed; refresh.")
    clerk = Text(
        "该版本文书已用其他内容或印章提交签章；内容变更请使用新的版本号。",
        "This version was submitted with other content; use a new version for a change.",
    )


class DocumentNotSealed(Conflict):
    """The document has no valid seal yet, or will have none."""

    code = "document_not_sealed"
    title = Text("文书尚未签章", "The document is not sealed")
    citizen = Text("文书正在签章，请稍后查看。", "The document is being sealed; look again later.")
    clerk = Text("文书尚未完成签章，请查看用章记录。", "Not sealed yet; see the seal act.")
    retry_after = 5
