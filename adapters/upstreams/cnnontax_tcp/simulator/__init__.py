"""The sandbox's finance system: bills by TCP, a pay page by HTTP, payment pushes to the gateway.

It shares the wire codec with the adapter and nothing else; result codes above 20000, the pay codes'
check digit and everything below ``/sim/`` are OURS.
"""

from adapters.upstreams.cnnontax_tcp.simulator.app import create, provision

__all__ = ["create", "provision"]
