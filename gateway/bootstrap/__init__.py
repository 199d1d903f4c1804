"""The composition root: settings become services, and only here does the gateway touch adapters."""

from gateway.bootstrap.build import build
from gateway.bootstrap.province import Province, onboard, province_of, run_sandbox, trust_file
from gateway.bootstrap.upstreams import AdapterDesk

__all__ = [
    "AdapterDesk",
    "Province",
    "build",
    "onboard",
    "province_of",
    "run_sandbox",
    "trust_file",
]
