"""The messages of the check platform; names and codes are OURS, see README.md."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Operation:
    """Names of the manifest's operations."""

    POPULATION: Final = "population"
    LEGAL_PERSON: Final = "legalPerson"
    CREDIT: Final = "credit"


class Code:
    """Values of ``code`` in every answer."""

    OK: Final = "0"
    APP_UNKNOWN: Final = "1001"
    SIGN_WRONG: Final = "1002"
    TIME_STALE: Final = "1003"
    NOT_APPROVED: Final = "1004"
    """The application has no approval for this register, or for this item."""
    FIELD_WRONG: Final = "2001"
    SOURCE_DOWN: Final = "9001"
    """The register behind the platform does not answer."""


class Result:
    """Values of ``result`` in a check."""

    MATCH: Final = "1"
    MISMATCH: Final = "0"
    NOT_FOUND: Final = "2"


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]


class Checked(_Message):
    """``data`` of an answer with code 0. It repeats nothing of what was asked."""

    result: Short
    serialNo: Short = Field(repr=False)  # noqa: N815 - the platform's name


class Answer(_Message):
    """The envelope of every answer; ``sign`` covers requestId, code, result and serialNo."""

    code: Short
    requestId: Short  # noqa: N815
    data: Checked | None = None
    sign: Short
