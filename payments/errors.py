"""Every error that the payment domain can raise, with texts for citizen, clerk and engineer."""

from __future__ import annotations

from kernel.errors import (
    Conflict,
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
