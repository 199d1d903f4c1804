"""The messages of the face verification service; names and codes are OURS, see README.md."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

APPLY_PATH: Final = "/face/h5/apply"
RESULT_PATH: Final = "/face/h5/result"


class Operation:
    """Names of the manifest's operations."""

    APPLY: Final = "apply"
    RESULT: Final = "result"


class Code:
    """Values of ``code`` in every answer."""

    OK: Final = "0"
    SIGN_WRONG: Final = "1001"
    APP_UNKNOWN: Final = "1002"
    TIME_STALE: Final = "1003"
    FIELD_WRONG: Final = "2001"
    REFERENCE_TAKEN: Final = "2002"
    REFERENCE_UNKNOWN: Final = "2003"
    SUBJECT_NOT_FOUND: Final = "3001"
    """The population base does not hold this name with this number."""
    BUSY: Final = "9001"


class State:
    """Values of ``state`` in a result."""

    PENDING: Final = "0"
    PASSED: Final = "1"
    FAILED: Final = "2"
    EXPIRED: Final = "3"


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class ApplyData(_Message):
    """``data`` of apply."""

    bizSeq: Short  # noqa: N815 - the service's name
    url: Annotated[str, StringConstraints(pattern=r"^https?://", max_length=1_000)] = Field(
        repr=False
    )
    expireTime: Short  # noqa: N815


class ResultData(_Message):
    """``data`` of result. ``subjectDigest`` is hexadecimal SM3 over bizSeq, name and number, one a
    line: of the person whose face it was.
    """

    bizSeq: Short  # noqa: N815
    state: Short
    reason: Short | None = None
    subjectDigest: Short | None = None  # noqa: N815
    similarity: Short | None = None
    """0 to 100, with at most two decimals."""
    serialNo: Short | None = None  # noqa: N815
    verifyTime: Short | None = None  # noqa: N815
