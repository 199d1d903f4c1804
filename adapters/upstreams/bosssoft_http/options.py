"""The settings of one agency's connection to a method gateway."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from adapters.kit.cfx.options import IssuerOptions, Url


class Options(IssuerOptions):
    """Address and names; the appkey is a secret of the manifest."""

    base_url: Url
    """Messages are posted to ``/service`` below it (OURS)."""
    app_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,30}$")]
    place_code: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{0,30}$")] = ""
    """开票点 (place_code)."""
    bill_code: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,30}$")] = "0300"
    """票据种类编码 of the pay notice (bill_code)."""
    author: Annotated[str, StringConstraints(min_length=1, max_length=30)] = "onewindow"
