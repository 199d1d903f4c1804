"""The messages of the national service: rows of ``up_lic_data`` as the exchange table spells them,
in an envelope that is OURS.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

INDEX_PATH: Final = "/licence/index"
FETCH_PATH: Final = "/licence/fetch"
FILE_PATH: Final = "/licence/file"
TOKEN_HEADER: Final = "x-access-token"


class Operation:
    """Names of the manifest's operations."""

    INDEX: Final = "index"
    FETCH: Final = "fetch"
    FILE: Final = "file"


class Code:
    """Values of ``code`` in every answer (OURS)."""

    OK: Final = "0"
    TOKEN_WRONG: Final = "401"
    FIELD_WRONG: Final = "400"
    NOT_GRANTED: Final = "403"
    NO_LICENCE: Final = "404"
    TYPE_UNKNOWN: Final = "405"
    """The type is in no province's shared catalogue."""
    SOURCE_DOWN: Final = "503"
    """The province or ministry that issued it does not answer."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


Wide = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)]


class Answer(_Message):
    """The envelope of every answer."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    data: Any = None


class Row(_Message):
    """证照目录信息: one row of ``up_lic_data``; holder and code hold several, joined, for joint
    holders.
    """

    certificate_type: Wide = ""
    certificate_type_code: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    certificate_source_id: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    certificate_name: Wide = ""
    certificate_number: Wide = Field(default="", repr=False)
    certificate_holder: Wide = Field(default="", repr=False)
    certificate_holder_code: Wide = Field(default="", repr=False)
    certificate_holder_type: Wide = ""
    certificate_area_code: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}([0-9]{6})?$")]
    issue_dept: Wide = ""
    issue_date: Wide = ""
    cd_operation: Wide = "I"
    """Exchange mark of the row: D withdraws it."""


class Fetched(_Message):
    """``data`` of a fetch: what the issuing source says now."""

    certificate_source_id: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    state: Wide
    valid_from: Wide = ""
    valid_to: Wide = ""
    face: dict[str, str | int | None] = Field(default_factory=dict, repr=False)


class File(_Message):
    """``data`` of a file: base64."""

    content: str = Field(repr=False)
