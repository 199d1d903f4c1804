"""The TCP face of the sandbox's finance system: frames with the legacy MAC, and pushed frames."""

from adapters.upstreams.cnnontax_tcp.simulator.app import create, provision

__all__ = ["create", "provision"]
