"""Notes what staff do in the audit trail, in the transaction of the act."""

from __future__ import annotations

from gateway.container import Container
from identity import StaffMember, staff_actor
from kernel.audit import AuditEvent, Category, Result
from kernel.work import Work


async def note(
    services: Container,
    work: Work,
    member: StaffMember,
    action: str,
    *,
    category: Category = Category.SENSITIVE,
    reference: str = "",
    about: tuple[str, str] = ("", ""),
    fields: tuple[str, ...] = (),
) -> None:
    """Write that a member of staff did something; ``about`` is type and id of the thing."""
    event = AuditEvent(
        action=action,
        category=category,
        actor=staff_actor(member.id),
        acting=capacity(member),
        reference=reference,
        object_type=about[0],
        object_id=about[1],
        fields=fields,
    )
    await services.audit.record(work, event)


async def note_refusal(services: Container, actor: str, action: str, reason: str) -> None:
    """Write that somebody was refused."""
    event = AuditEvent(
        action=action,
        category=Category.SECURITY,
        actor=actor,
        result=Result.DENIED,
        reason=reason,
    )
    async with services.works.begin() as work:
        await services.audit.record(work, event)


def capacity(member: StaffMember) -> dict[str, str]:
    """Return in which role, department and region somebody acts."""
    found = {
        "role": member.role.value,
        "department": member.department,
        "region": member.region,
    }
    return {name: value for name, value in found.items() if value}
