"""What can go wrong with a proofing at a window."""

from __future__ import annotations

from kernel.errors import Forbidden, NotFound, Text


class ProofingRefused(Forbidden):
    """The account is not signed in now, or is not that of the person at the window.

    One answer for all of it: a clerk learns nothing of accounts of people who are not there.
    """

    code = "proofing_refused"
    title = Text("无法完成窗口核验", "The proofing was refused")
    clerk = Text(
        "账号未登录，或与当事人证件不一致。请当事人先登录本人账号，再核验证件。",
        "The account is not signed in, or is not of this person and document. Let the person sign"
        " in first.",
    )


class ProofingOfOneself(Forbidden):
    """A clerk tried to proof its own account, or to revoke what it proved itself."""

    code = "proofing_of_oneself"
    title = Text("须由他人办理", "Somebody else must do this")
    clerk = Text(
        "不得核验本人账号，也不得撤销本人所作的核验，请由其他受理人员办理。",
        "Nobody proofs the own account or revokes the own proofing; ask another clerk.",
    )


class ProofingNotFound(NotFound):
    """There is no such proofing."""

    code = "proofing_not_found"
    title = Text("核验记录不存在", "Unknown proofing")
    clerk = Text("没有此核验记录。", "There is no such proofing.")
