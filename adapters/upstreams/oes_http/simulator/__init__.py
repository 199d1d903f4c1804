"""The simulated component service, on the sandbox's own authority and seals."""

from __future__ import annotations

from adapters.upstreams.oes_http.simulator.app import create, provision

__all__ = ["create", "provision"]
