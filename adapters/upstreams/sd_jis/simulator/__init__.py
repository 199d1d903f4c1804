"""The simulated JIS: its login page, interface.do, and the accounts of people who do not exist."""

from __future__ import annotations

from adapters.upstreams.sd_jis.simulator.app import create, provision

__all__ = ["create", "provision"]
