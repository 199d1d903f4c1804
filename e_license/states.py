"""The states of a licence and the outcomes of a question, with what each of them means to an
applicant.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from e_license.model import AnswerStatus, LicenceAnswer, LicenceState
from kernel.errors import Text

STATE_TEXTS: Final[Mapping[LicenceState, Text]] = {
    LicenceState.VALID: Text("有效", "Valid"),
    LicenceState.NOT_ACTIVE: Text("未激活", "Not yet active"),
    LicenceState.SUSPENDED: Text("暂扣、冻结或受限使用", "Suspended or restricted"),
    LicenceState.EXPIRED: Text("已过期", "Expired"),
    LicenceState.SUPERSEDED: Text("已换发或变更", "Replaced by a newer one"),
    LicenceState.TRANSFERRED_OUT: Text("已转出", "Transferred to another place"),
    LicenceState.CANCELLED: Text("已注销", "Cancelled"),
    LicenceState.WITHDRAWN: Text("已撤销", "Withdrawn"),
    LicenceState.REVOKED: Text("已吊销", "Revoked"),
    LicenceState.INVALID_OTHER: Text("已失效", "No longer valid"),
}

ADVICE: Final[Mapping[AnswerStatus, Text]] = {
    AnswerStatus.FOUND: Text(
        "已取得电子证照，无需提交纸质材料。",
        "We have your licence; you need not submit it.",
    ),
    AnswerStatus.NOT_FOUND: Text(
        "没有查到这份电子证照，请上传证照的照片或扫描件继续办理。",
        "We found no such licence. Please upload a photo or scan of it to go on.",
    ),
    AnswerStatus.PENDING: Text(
        "证照部门正在处理，请稍后再查，或者上传照片或扫描件继续办理。",
        "The licence office is still working on it. Ask again later, or upload a photo or scan.",
    ),
    AnswerStatus.DENIED: Text(
        "本事项暂未取得这类证照的使用权限，请上传照片或扫描件继续办理。",
        "This service may not use licences of that type yet. Please upload a photo or scan.",
    ),
    AnswerStatus.UNAVAILABLE: Text(
        "电子证照系统暂时查不到结果，请上传照片或扫描件继续办理，不影响受理。",
        "The licence system cannot answer now. Please upload a photo or scan; your case goes on.",
    ),
}

ADVICE_NOT_USABLE: Final = Text(
    "查到的证照目前不能代替纸质材料，请到发证部门处理，或者上传有效证照的照片或扫描件。",
    "The licence we found cannot replace the paper now. See its issuer, or upload a valid one.",
)


def advice(answer: LicenceAnswer, on: date) -> Text:
    """Return what the applicant can do now; ``on`` is the day in Beijing."""
    if answer.status is AnswerStatus.FOUND and not answer.usable(on):
        return ADVICE_NOT_USABLE
    return ADVICE[answer.status]
