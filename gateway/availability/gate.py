"""Refuses a submission while the item cannot be done online (暂停网上办理), with the way out."""

from __future__ import annotations

from gateway.availability import wording
from gateway.availability.engine import Availability
from gateway.availability.model import Need, Status
from gateway.catalog.model import Item
from kernel.errors import Failure, Text

_CLOSED = frozenset({Status.TEMPORARILY_UNAVAILABLE, Status.NOT_ONBOARDED})
_AGAIN_SECONDS = 30


class ItemNotOnline(Failure):
    """A system that the item cannot do without is away; the draft stays."""

    code = "item_not_online"
    status = 503
    title = Text("事项暂时不能网上办理", "The item cannot be done online now")
    citizen = Text(
        "该事项暂时不能网上提交，草稿已保留，恢复后即可提交；急办请到窗口。",
        "You cannot submit now; your draft is kept. Submit it later, or go to the window.",
    )
    clerk = Text(
        "所依赖的系统不可用，草稿不受影响；可引导申请人到窗口办理。",
        "A system it depends on is away; the draft is safe. The window can take the application.",
    )
    retry_after = _AGAIN_SECONDS


class OnlineGate:
    """Asks the snapshot; nothing is read and nobody is called."""

    def __init__(self, availability: Availability) -> None:
        self._availability = availability

    def require_open(self, item: Item) -> None:
        """Raise ItemNotOnline with reasons and next steps while the item is closed."""
        found = self._availability.of_item(item)
        if found.status not in _CLOSED:
            return
        told = [wording.reason_document(one) for one in found.reasons if one.need is Need.HARD]
        department = item.department
        raise ItemNotOnline(
            "; ".join(one["text"]["en"] for one in told) or found.status.value,
            availability=found.status.value,
            reasons=[
                {
                    "system": one["system"],
                    "health": one["health"] or "",
                    "since": one["since"] or "",
                    "zh": one["text"]["zh"],
                    "en": one["text"]["en"],
                }
                for one in told
            ],
            window=[
                {
                    "name": department.name,
                    "address": department.window,
                    "hours": department.hours,
                    "phone": department.phone,
                }
            ],
        )
