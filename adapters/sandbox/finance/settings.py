"""What a tester chooses about the house; kept across restarts."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from adapters.sandbox.store import Store

_KEY: Final = "house"


class Changes(BaseModel):
    """``POST /sim/settings``; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    strict: bool | None = None
    """Refuse what live systems accept by accident."""
    autoRefundSeconds: int | None = Field(default=None, ge=0, le=86_400)  # noqa: N815
    """After so many seconds of its clock a refund is approved, after twice as many paid; 0: by
    hand only."""
    autoFundsSeconds: int | None = Field(default=None, ge=0, le=86_400)  # noqa: N815
    """After so many seconds money is 到账, after twice as many 入库; 0: by hand only."""


_INITIAL: Final[dict[str, Any]] = {"strict": True, "autoRefundSeconds": 2, "autoFundsSeconds": 0}


class Settings:
    """The choices that are in force."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def shown(self) -> dict[str, Any]:
        """Return all of them."""
        return {**_INITIAL, **(self._store.get("setting", _KEY) or {})}

    def change(self, changes: Changes) -> None:
        """Change those that are given."""
        self._store.put("setting", _KEY, {**self.shown(), **changes.model_dump(exclude_none=True)})

    @property
    def strict(self) -> bool:
        """Return whether only proper messages are taken."""
        return bool(self.shown()["strict"])

    @property
    def refund_seconds(self) -> int:
        """Return the pace of refunds."""
        return int(self.shown()["autoRefundSeconds"])

    @property
    def funds_seconds(self) -> int:
        """Return the pace of funds."""
        return int(self.shown()["autoFundsSeconds"])
