"""Every error that the payment domain can raise, with texts for citizen, clerk and engineer."""

from __future__ import annotations

from kernel.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    OperationInProgress,
    Text,
    UpstreamProtocolError,
)


class BillNotFound(NotFound):
    """There is no such bill."""

    code = "bill_not_found"
    title = Text("没有找到缴款单", "No such bill")
    citizen = Text("没有找到这张缴款单，请核对。", "We could not find this bill; please check.")
    clerk = Text("缴款单不存在。", "The bill does not exist.")


class InvalidBill(InvalidInput):
    """What is to be billed cannot be written on a bill of the finance system."""

    code = "bill_invalid"
    title = Text("缴款内容有误", "The bill's content is invalid")
    citizen = Text(
        "缴款信息有误，请联系受理窗口。", "The bill's content is wrong; please contact the counter."
    )
    clerk = Text(
        "缴款人、项目或金额不符合非税缴款单的要求，请核对标出的字段。",
        "Payer, items or amounts do not fit a non-tax bill; check the marked field.",
    )


class BillDiffers(Conflict):
    """The business key is taken by a bill with other content."""

    code = "bill_differs"
    title = Text("同一费用已开出内容不同的缴款单", "A different bill exists for this fee")
    citizen = Text("这笔费用已经开单，请刷新后查看。", "This fee has been billed; please refresh.")
    clerk = Text(
        "同一办件同一费用版本已有缴款单且内容不同；费用变更请使用新的费用版本。",
        "A bill with other content exists for this fee version; use a new version for a change.",
    )


class BillNotReady(OperationInProgress):
    """The finance system has not confirmed the bill yet; it cannot be paid or voided now."""

    code = "bill_not_ready"
    title = Text("缴款单正在开具", "The bill is being issued")
    citizen = Text("缴款单正在开具，请稍候再试。", "The bill is being issued; please wait.")
    clerk = Text("缴款单开具结果待确认，请稍候。", "The bill is not confirmed yet; please wait.")
    retry_after = 5


class BillClosed(Conflict):
    """The bill cannot be paid any more, or was paid already."""

    code = "bill_closed"
    title = Text("缴款单已不能缴款", "The bill can no longer be paid")
    citizen = Text(
        "这张缴款单已缴清、已作废或已过期，请刷新后查看。",
        "This bill is paid, void or expired; please refresh.",
    )
    clerk = Text(
        "缴款单已缴、已作废、已过期或开单失败，不能再发起缴款。",
        "The bill is paid, void, expired or was never issued; no payment can be started.",
    )


class RefundNotFound(NotFound):
    """There is no such refund."""

    code = "refund_not_found"
    title = Text("没有找到退付单", "No such refund")
    citizen = Text(
        "没有找到这笔退付，请核对。",
        "We could not find this refund; please check.",
    )
    clerk = Text(
        "退付单不存在。",
        "The refund does not exist.",
    )


class RefundDiffers(Conflict):
    """The refund number is taken by a refund with other content."""

    code = "refund_differs"
    title = Text("退付单号已被占用", "The refund number is taken")
    citizen = Text(
        "这笔退付已经提交，请刷新后查看。",
        "This refund was submitted before; please refresh.",
    )
    clerk = Text(
        "该退付单号已用于内容不同的退付，请换用新的单号。",
        "The number belongs to a refund with other content; use a new number.",
    )


class NotRefundable(Conflict):
    """The amount cannot be refunded: not paid, other amount left, or too much."""

    code = "not_refundable"
    title = Text("不能退付该金额", "The amount cannot be refunded")
    citizen = Text(
        "当前不能退付这一金额，请刷新后查看。",
        "This amount cannot be refunded now; please refresh.",
    )
    clerk = Text(
        "缴款单未缴、可退金额已变化或超出可退金额，请按最新可退金额重新申请。",
        "Unpaid, or the refundable amount changed; ask again with the present one.",
    )


class FourEyes(Forbidden):
    """The same person may not both propose and confirm."""

    code = "four_eyes"
    title = Text("须由另一人复核", "A second person must confirm")
    citizen = Text(
        "此操作须由另一位工作人员复核。",
        "Another member of staff must confirm this.",
    )
    clerk = Text(
        "发起人不能复核自己的处理，请由另一人复核。",
        "You proposed this yourself; somebody else must confirm it.",
    )


class AlreadyReconciled(Conflict):
    """The day of the payment is reconciled: only a refund can undo it now."""

    code = "already_reconciled"
    title = Text("已对账，不能冲正", "Reconciled; cannot be reversed")
    citizen = Text(
        "这笔缴款已经对账，如需退款请申请退付。",
        "This payment is reconciled; ask for a refund instead.",
    )
    clerk = Text(
        "缴款当日已对账或不是当日缴款，不能冲正，请改走退付。",
        "The payment is reconciled or not of today; use a refund instead.",
    )


class NotReversible(Conflict):
    """The payment cannot be reversed now."""

    code = "not_reversible"
    title = Text("当前不能冲正", "Cannot be reversed now")
    citizen = Text(
        "当前不能冲正这笔缴款。",
        "This payment cannot be reversed now.",
    )
    clerk = Text(
        "未缴款、正在退付或票据未冲红，不能冲正。",
        "Not paid, being refunded, or the receipt is not red yet.",
    )


class ReceiptNotFound(NotFound):
    """There is no receipt, or its document is not here yet."""

    code = "receipt_not_found"
    title = Text("票据尚未开具", "No receipt yet")
    citizen = Text(
        "电子票据尚未开具，请稍后查看。",
        "The receipt has not been issued yet; please look again later.",
    )
    clerk = Text(
        "该缴款单没有已开具的电子票据。",
        "The bill has no issued receipt.",
    )


class RulingNotFound(NotFound):
    """There is nothing here that waits for a decision."""

    code = "ruling_not_found"
    title = Text("没有待处理的事项", "Nothing to decide")
    citizen = Text(
        "没有找到待处理的事项。",
        "There is nothing to decide here.",
    )
    clerk = Text(
        "差异、异常或不明款不存在，或已处理。",
        "The difference, exception or payment does not exist or is decided.",
    )


class RulingOpen(Conflict):
    """Another proposal for the same matter waits for its confirmation."""

    code = "ruling_open"
    title = Text("已有待复核的处理", "A proposal is waiting already")
    citizen = Text(
        "该事项正在处理。",
        "This is being dealt with.",
    )
    clerk = Text(
        "同一事项已有待复核的处理意见。",
        "Another proposal for the same matter is waiting.",
    )


class DecisionNotPossible(InvalidInput):
    """This decision does not fit the matter."""

    code = "decision_not_possible"
    title = Text("处理方式不适用", "This decision does not fit")
    citizen = Text(
        "该处理方式不适用。",
        "This decision does not fit.",
    )
    clerk = Text(
        "该事项不能按此方式处理，请核对类型与当前状态。",
        "The matter cannot be decided this way in its present state.",
    )


class ReconFileInvalid(UpstreamProtocolError):
    """A reconciliation file that contradicts itself; it is rejected whole."""

    code = "recon_file_invalid"
    title = Text("对账文件无效", "The reconciliation file is invalid")
    citizen = Text(
        "相关部门的数据有误，我们正在核实。",
        "A department sent wrong data; we are checking.",
    )
    clerk = Text(
        "对账文件与其汇总、条数或摘要不符，整份拒收，将重新获取。",
        "The file contradicts its totals, count or digest; it is fetched again.",
    )


class PushRefused(UpstreamProtocolError):
    """A pushed message that must not change anything: wrong form, wrong MAC or a stranger.

    ``answer`` is the complete answer frame that tells the sender so.
    """

    code = "push_refused"
    title = Text("推送报文被拒收", "A pushed message was refused")

    def __init__(self, detail: str, *, upstream_code: str, answer: bytes) -> None:
        super().__init__(detail, upstream_code=upstream_code)
        self.upstream_code = upstream_code
        self.answer = answer
