"""The settings of one agency's HTTP connection to a CNNONTAX 1.0 finance system."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from adapters.kit.cfx.options import AgencyOptions, Url


class Options(AgencyOptions):
    """Where the finance system is; the keys are a secret of the manifest."""

    base_url: Url
    """Messages go to ``/cfx/{MsgNo}`` below it; reconciliation files lie below it too."""
    key_until: dict[str, AwareDatetime] = Field(default_factory=dict)
    """Until when an old key is taken after a rotation, by its id; keys not named have no end."""
