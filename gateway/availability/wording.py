"""What people are told about a status: why, what they can do now, what happens next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from gateway.availability.health import Health
from gateway.availability.model import Need, Reason, StandIn, Standing, Status, Window
from kernel.errors import Text

_SYSTEMS: Final = {
    "identity": Text("统一身份认证", "identity"),
    "e_license": Text("电子证照", "electronic licences"),
    "e_seal": Text("电子印章", "electronic seals"),
    "payments": Text("非税缴费", "payments"),
}
_STATUS: Final = {
    Status.AVAILABLE: Text("可网上办理", "Available online"),
    Status.DEGRADED: Text("可网上办理，部分功能受影响", "Available online with limits"),
    Status.TEMPORARILY_UNAVAILABLE: Text("暂时不能网上办理", "Temporarily unavailable online"),
    Status.OFFLINE_ONLY: Text("仅限窗口办理", "At the window only"),
    Status.NOT_ONBOARDED: Text("尚未接入", "Not connected yet"),
}
_NOW: Final = {
    Status.AVAILABLE: Text("可以直接在网上申请。", "You can apply online."),
    Status.DEGRADED: Text(
        "可以在网上申请，请留意列出的影响。", "You can apply online; mind what is listed."
    ),
    Status.TEMPORARILY_UNAVAILABLE: Text(
        "可以先保存草稿，恢复后再提交；急办请到窗口或拨打电话。",
        "Keep your draft and submit it later; if it is urgent, go to the window or telephone.",
    ),
    Status.OFFLINE_ONLY: Text("请到窗口办理。", "Please go to the window."),
    Status.NOT_ONBOARDED: Text("请到窗口办理。", "Please go to the window."),
}
_NEXT: Final = {
    Status.TEMPORARILY_UNAVAILABLE: Text(
        "系统持续检测，连续正常后自动恢复网上办理。",
        "It is checked all the time and opens again by itself after several good answers.",
    ),
    Status.DEGRADED: Text(
        "系统持续检测，受影响的步骤在恢复后自动补办。",
        "It is checked all the time; steps that wait are carried out afterwards.",
    ),
}
_NOTHING: Final = Text("", "")
_HEALTH: Final = {
    Health.DOWN: Text("不可用", "is down"),
    Health.MAINTENANCE: Text("计划维护中", "is under planned maintenance"),
    Health.DEGRADED: Text("部分请求失败", "fails in part"),
    Health.SLOW: Text("响应缓慢", "is slow"),
}
_UNCONNECTED: Final = Text("尚未接入", "is not connected")
_STAND_IN: Final = {
    StandIn.UPLOAD: Text("，可改为上传材料", "; upload the material instead"),
    StandIn.DEFER: Text("，恢复后自动补办", "; it is done afterwards by itself"),
    StandIn.COMMITMENT: Text("，可告知承诺办理", "; a commitment letter stands in"),
    StandIn.CACHED: Text("，使用已存结果", "; a stored result stands in"),
    StandIn.REFUSE: _NOTHING,
}


def document(standing: Standing, planned: Iterable[Window]) -> dict[str, Any]:
    """Return the part of an answer that all items of a profile share."""
    status = standing.status
    return {
        "status": status.value,
        "title": both(_STATUS[status]),
        "reasons": [reason_document(reason) for reason in standing.reasons],
        "what_you_can_do": both(_NOW[status]),
        "what_happens_next": both(_NEXT.get(status, _NOTHING)),
        "planned": [planned_document(window) for window in planned],
    }


def reason_document(reason: Reason) -> dict[str, Any]:
    """Return one reason for an answer."""
    how = _UNCONNECTED if reason.health is None else _HEALTH[reason.health]
    name = _SYSTEMS.get(reason.system, Text(reason.system, reason.system))
    instead = _NOTHING if reason.need is Need.HARD else _STAND_IN[reason.stand_in]
    return {
        "system": reason.system,
        "operation": reason.operation,
        "need": reason.need.value,
        "health": None if reason.health is None else reason.health.value,
        "since": None if reason.since is None else reason.since.isoformat(),
        "expected_end": None if reason.expected_end is None else reason.expected_end.isoformat(),
        "text": {
            "zh": f"{name.zh}系统{how.zh}{instead.zh}",
            "en": f"{name.en} {how.en}{instead.en}",
        },
    }


def planned_document(window: Window) -> dict[str, str]:
    """Return one planned maintenance for an answer."""
    return {
        "system": window.system,
        "starts_at": window.starts_at.isoformat(),
        "ends_at": window.ends_at.isoformat(),
        "reason": window.reason,
    }


def both(text: Text) -> Mapping[str, str]:
    """Return a text in both languages."""
    return {"zh": text.zh, "en": text.en}


def title(status: Status) -> Text:
    """Return a status in words."""
    return _STATUS[status]
