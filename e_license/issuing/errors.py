"""Every error of issuing licences that a caller may see."""

from __future__ import annotations

from kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, Text


class IssuedNotFound(NotFound):
    """No such issued licence, or it is not the caller's business."""

    code = "issued_licence_not_found"
    title = Text("没有这份证照", "No such licence")
    citizen = Text(
        "没有与该标识和校验码相符的证照，请核对。",
        "No licence has this identifier and code; please compare both.",
    )
    clerk = Text("没有这份证照，或不在您的管辖范围内。", "No such licence, or outside your scope.")


class AwardInvalid(InvalidInput):
    """A licence cannot be made of what was handed over; ``lacks`` names what is wrong."""

    code = "licence_award_invalid"
    title = Text("制证信息不完整", "The licence cannot be made of this")
    citizen = Text("证照信息有误，工作人员正在处理。", "Staff are looking into the licence.")
    clerk = Text("照面信息缺失或有误，请核对所列项目。", "Face data are missing or wrong.")


class SecondPersonNeeded(Forbidden):
    """Who proposed something must not confirm it."""

    code = "second_person_needed"
    title = Text("须由他人确认", "Another person must confirm this")
    citizen = Text("此操作须由另一名工作人员确认。", "Another member of staff must confirm this.")
    clerk = Text("不能确认自己提出的吊销或撤销。", "You cannot confirm your own proposal.")


class ProposalOpen(Conflict):
    """The licence has a proposal that waits, or a re-issue under way."""

    code = "licence_change_pending"
    title = Text("证照有未完成的变更", "A change of this licence is pending")
    citizen = Text("证照正在变更，请稍后再试。", "The licence is being changed; try again later.")
    clerk = Text("该证照有待确认的处理或正在换发。", "Decide the pending change first.")


class ProposalNotFound(NotFound):
    """The licence has no such proposal that waits."""

    code = "licence_proposal_not_found"
    title = Text("没有待确认的处理", "Nothing waits to be confirmed")
    citizen = Text("没有待确认的处理。", "Nothing waits to be confirmed.")
    clerk = Text("没有这项待确认的吊销或撤销，可能已被处理。", "It may have been decided already.")


class LicenceNotReady(Conflict):
    """The licence is not sealed yet."""

    code = "licence_not_ready"
    title = Text("证照正在制作", "The licence is being made")
    citizen = Text("证照正在制作，请稍后再试。", "The licence is being made; try again shortly.")
    clerk = Text("证照尚未完成签章。", "The licence is not sealed yet.")
    retry_after = 5
