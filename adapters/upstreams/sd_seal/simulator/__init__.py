"""The simulated e-seal system: its authority, its seals, and the signing service in front."""

from __future__ import annotations

from adapters.upstreams.sd_seal.simulator.app import create, provision

__all__ = ["create", "provision"]
