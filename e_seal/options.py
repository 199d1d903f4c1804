"""The e-seal section of the settings."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

_PdfName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class SealOptions(BaseModel):
    """How this installation uses and checks seals."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    upstream: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{2,39}$")]
    """Name of the adapter that serves the seal port."""
    status_upstream: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{2,39}$")] | None = (
        None
    )
    """Name of the adapter that serves the status port; without one the province is asked."""
    trust_anchors_file: str | None = None
    """PEM file of the root certificates that seals must lead to (信任锚)."""
    intermediates_file: str | None = None
    """PEM file of certificates that may lie between."""
    revocation_lists: str | None = None
    """Folder (or one file) of the issuers' revocation lists (CRL), kept fresh from outside."""
    allow_unchecked_chain: bool = False
    """Seal even without trust anchors; nobody then knows whose seal it is. Never in production."""
    skew: timedelta = timedelta(hours=8, minutes=5)
    """How far a stated time may lie outside a validity period before that counts as a failure."""
    response_skew: timedelta = timedelta(minutes=10)
    """How far the province's signing time may lie from ours."""
    signing_lease: timedelta = timedelta(seconds=90)
    """For how long a running call belongs to the process that made it."""
    settle: timedelta = timedelta(seconds=30)
    """Until when "no such request" may only mean that the province is still working on it."""
    resume_after: timedelta = timedelta(seconds=60)
    """When the worker takes up an act that its first caller did not finish."""
    sweep_page: Annotated[int, Field(ge=1, le=1000)] = 100
    """How many unfinished acts one step of the sweep takes up."""
    pdf_filter: _PdfName = "Gomain.GMPkiLite"
    """What /Filter of a sealed PDF names; each vendor's viewer looks for its own."""
    pdf_sub_filter: _PdfName = "GM.sm2seal"
    """What /SubFilter of a sealed PDF names."""
    revocation_history: timedelta = timedelta(days=3650)
    """How far back the first fetch of the list of dead seals reaches."""
    revocation_overlap: timedelta = timedelta(days=2)
    """How far every later fetch reaches behind the newest known entry: lists are published late."""
