"""A small strict OpenID Connect provider of people who do not exist, which misbehaves on demand."""

from __future__ import annotations

from adapters.upstreams.oidc.simulator.app import create, provision

__all__ = ["create", "provision"]
