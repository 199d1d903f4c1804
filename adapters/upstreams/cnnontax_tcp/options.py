"""The settings of one agency's TCP connection to a CNNONTAX 1.0 finance system."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from adapters.kit.cfx.options import AgencyOptions, Host, Port, Url


class Options(AgencyOptions):
    """Where the finance system listens, and where we do."""

    tcp_host: Host
    tcp_port: Port
    base_url: Url | None = None
    """Where reconciliation files are fetched (OURS); None: there are none."""
    mac_algorithm: Literal["sha256_prefix"] = "sha256_prefix"
    listen_host: Host = "127.0.0.1"
    listen_port: Annotated[int, Field(ge=0, le=65535)] = 9602
    """Where pushes are awaited; 0 takes any free port."""
