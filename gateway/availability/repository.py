"""All SQL of availability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, or_, select, update

from gateway.availability.health import Health, Verdict
from gateway.availability.model import (
    Dependency,
    Interval,
    Need,
    Override,
    Profile,
    StandIn,
    Status,
    Window,
)
from gateway.availability.records import Changed, Found, Kept
from gateway.availability.tables import (
    health,
    intervals,
    members,
    overrides,
    places,
    profiles,
    windows,
)
from gateway.catalog.codec import from_json
from gateway.catalog.model import Item
from gateway.catalog.tables import items
from kernel.db.base import upsert
from kernel.db.work import connection
from kernel.work import Work

_PIECE = 20_000


class SqlAvailability:
    """Verdicts, profiles, members, history, windows and overrides as rows."""

    # ---- verdicts --------------------------------------------------------------------------------

    async def put_verdict(self, work: Work, region: str, found: Found) -> None:
        """Share a verdict."""
        conn = connection(work)
        values = {
            "health": found.verdict.health,
            "since": found.verdict.since,
            "evidence": list(found.verdict.evidence),
            "found_at": found.found_at,
            "found_by": found.found_by,
        }
        row = upsert(conn, health).values(
            adapter=found.adapter, operation=found.operation, region=region, **values
        )
        await conn.execute(
            row.on_conflict_do_update(
                index_elements=["adapter", "operation", "region"],
                set_=values,
                where=health.c.found_at <= found.found_at,
            )
        )

    async def verdicts(self, work: Work) -> list[Found]:
        """Return every shared verdict."""
        rows = await connection(work).execute(select(health))
        return [
            Found(
                row.adapter,
                row.operation,
                Verdict(Health(row.health), row.since, tuple(row.evidence)),
                row.found_at,
                row.found_by,
            )
            for row in rows
        ]

    # ---- items and profiles ----------------------------------------------------------------------

    async def stale_items(self, work: Work, limit: int) -> list[tuple[Item, datetime]]:
        """Return items that belong to no profile yet, or were taken in anew since."""
        fresh = or_(members.c.code.is_(None), members.c.item_at != items.c.updated_at)
        joined = items.outerjoin(members, members.c.code == items.c.code)
        rows = await connection(work).execute(
            select(items.c.document, items.c.updated_at)
            .select_from(joined)
            .where(fresh)
            .limit(limit)
        )
        return [(from_json(row.document), row.updated_at) for row in rows]

    async def add_profiles(self, work: Work, found: Mapping[Profile, Status], at: datetime) -> None:
        """Store profiles that are new, with the beginning of their history."""
        conn = connection(work)
        for profile, status in found.items():
            row = upsert(conn, profiles).values(
                key=profile.key,
                region=profile.region,
                declared=profile.declared,
                dependencies=[asdict(one) for one in profile.dependencies],
                status=status,
                reasons=[],
                since=at,
            )
            made = await conn.execute(
                row.on_conflict_do_nothing(index_elements=["key"]).returning(profiles.c.key)
            )
            if made.first() is not None:
                await conn.execute(
                    insert(intervals).values(
                        profile=profile.key, status=status, reasons=[], began_at=at
                    )
                )

    async def put_members(
        self, work: Work, rows: Sequence[Mapping[str, Any]], found: Mapping[str, Mapping[str, str]]
    ) -> None:
        """Store which profile and department items belong to, and the departments' windows."""
        conn = connection(work)
        into = upsert(conn, members)
        columns = ("profile", "department", "item_at")
        await conn.execute(
            into.on_conflict_do_update(
                index_elements=["code"], set_={name: into.excluded[name] for name in columns}
            ),
            list(rows),
        )
        place = upsert(conn, places)
        await conn.execute(
            place.on_conflict_do_update(
                index_elements=["department"], set_={"document": place.excluded.document}
            ),
            [{"department": key, "document": dict(one)} for key, one in found.items()],
        )

    async def profiles(self, work: Work) -> list[Kept]:
        """Return every profile."""
        rows = await connection(work).execute(select(profiles))
        return [
            Kept(
                Profile(
                    row.key,
                    row.region,
                    row.declared,
                    tuple(_dependency(one) for one in row.dependencies),
                ),
                Status(row.status),
                row.since,
            )
            for row in rows
        ]

    async def places(self, work: Work) -> dict[str, dict[str, str]]:
        """Return every department's window."""
        rows = await connection(work).execute(select(places))
        return {row.department: row.document for row in rows}

    async def members(self, work: Work, after: str) -> Sequence[tuple[str, str, str]]:
        """Return code, profile and department of the items after a code, a piece of them."""
        rows = await connection(work).execute(
            select(members.c.code, members.c.profile, members.c.department)
            .where(members.c.code > after)
            .order_by(members.c.code)
            .limit(_PIECE)
        )
        return [(code, profile, department) for code, profile, department in rows]

    # ---- history ---------------------------------------------------------------------------------

    async def keep(self, work: Work, changed: Changed) -> bool:
        """Store a change, once whoever finds it first; return whether that was now."""
        conn = connection(work)
        done = await conn.execute(
            update(profiles)
            .where(profiles.c.key == changed.key, profiles.c.status != changed.status)
            .values(status=changed.status, reasons=changed.reasons, since=changed.at)
        )
        if done.rowcount == 0:
            return False
        await conn.execute(
            update(intervals)
            .where(intervals.c.profile == changed.key, intervals.c.ended_at.is_(None))
            .values(ended_at=changed.at)
        )
        await conn.execute(
            insert(intervals).values(
                profile=changed.key,
                status=changed.status,
                reasons=changed.reasons,
                began_at=changed.at,
            )
        )
        return True

    async def history(
        self, work: Work, profile: str, start: datetime, end: datetime, limit: int
    ) -> list[Interval]:
        """Return a profile's intervals that touch a span, oldest first."""
        rows = await connection(work).execute(
            select(intervals)
            .where(
                intervals.c.profile == profile,
                intervals.c.began_at < end,
                or_(intervals.c.ended_at.is_(None), intervals.c.ended_at > start),
            )
            .order_by(intervals.c.began_at, intervals.c.id)
            .limit(limit)
        )
        return [
            Interval(row.profile, Status(row.status), row.began_at, row.ended_at, row.reasons)
            for row in rows
        ]

    # ---- what people lay down --------------------------------------------------------------------

    async def windows(self, work: Work, now: datetime) -> list[Window]:
        """Return maintenance that lasts or is to come, in the order of its beginning."""
        rows = await connection(work).execute(
            select(windows)
            .where(windows.c.ends_at > now, windows.c.cancelled_at.is_(None))
            .order_by(windows.c.starts_at)
        )
        names = Window.__dataclass_fields__
        return [Window(**{name: getattr(row, name) for name in names}) for row in rows]

    async def add_window(self, work: Work, window: Window) -> None:
        """Store a maintenance window."""
        await connection(work).execute(insert(windows).values(**asdict(window)))

    async def cancel_window(self, work: Work, window_id: str, at: datetime) -> bool:
        """Cancel what is not over; return whether there was such a window."""
        done = await connection(work).execute(
            update(windows)
            .where(
                windows.c.window_id == window_id,
                windows.c.cancelled_at.is_(None),
                windows.c.ends_at > at,
            )
            .values(cancelled_at=at)
        )
        return done.rowcount == 1

    async def overrides(self, work: Work) -> list[Override]:
        """Return everything that is laid down beside what is derived."""
        rows = await connection(work).execute(select(overrides))
        return [
            Override(
                row.item_code, row.system, Need(row.need), StandIn(row.stand_in), row.legal_basis
            )
            for row in rows
        ]

    async def put_override(self, work: Work, override: Override, by: str, at: datetime) -> None:
        """Lay something down for an item or basic code; its items find their profile anew."""
        conn = connection(work)
        values = {
            "need": override.need,
            "stand_in": override.stand_in,
            "legal_basis": override.legal_basis,
            "laid_down_by": by,
            "laid_down_at": at,
        }
        row = upsert(conn, overrides).values(
            item_code=override.item_code, system=override.system, **values
        )
        await conn.execute(
            row.on_conflict_do_update(index_elements=["item_code", "system"], set_=values)
        )
        await conn.execute(delete(members).where(members.c.code.endswith(override.item_code)))


def _dependency(row: Mapping[str, str]) -> Dependency:
    return Dependency(
        row["system"], row["region"], Need(row["need"]), StandIn(row["stand_in"]), row["operation"]
    )
