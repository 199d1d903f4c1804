"""What every answer of the interface shares: pages, names, moments."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel

from kernel.clock import beijing

T = TypeVar("T")


def shown(at: datetime | None) -> str | None:
    """Return a moment as people here read it: ISO 8601 with Beijing's offset."""
    return None if at is None else beijing(at).isoformat(timespec="milliseconds")


class PageView(BaseModel, Generic[T]):
    """One page. Follow ``next`` with ``?cursor=`` until it is null."""

    rows: list[T]
    next: str | None


class Named(BaseModel):
    """A name in Chinese and English."""

    zh: str
    en: str
