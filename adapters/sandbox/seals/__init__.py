"""What every simulated seal system shares: an authority with real SM2 keys, and its seals."""

from __future__ import annotations

from adapters.sandbox.seals.authority import SEAL_TYPE, Authority, KeptSeal, State

__all__ = ["SEAL_TYPE", "Authority", "KeptSeal", "State"]
