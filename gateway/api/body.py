"""Reads a JSON body strictly: the right content type, valid JSON, known fields, exact types."""

from __future__ import annotations

import re
from typing import Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request

from gateway.api.problems import FieldsInvalid, MalformedJson, WrongContentType, fields_of

M = TypeVar("M", bound=BaseModel)
_JSON: Final = "application/json"
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""The one character of JSON that no text column of PostgreSQL can hold."""


class Posted(BaseModel):
    """Base of every request model: unknown fields and wrong types are refused, never converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class JsonBody(Generic[M]):
    """A dependency that reads one model from the body.

    FastAPI would parse to Python objects first, and strict models would then refuse every date and
    every enumeration; pydantic's own JSON mode knows both and is faster.
    """

    def __init__(self, model: type[M]) -> None:
        self.model = model

    async def __call__(self, request: Request) -> M:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != _JSON:
            raise WrongContentType("the body must be application/json", accepted=[_JSON])
        body = await request.body()
        if _NUL.search(body) is not None:
            raise FieldsInvalid("a text holds the NUL character")
        try:
            return self.model.model_validate_json(body)
        except ValidationError as exc:
            errors = exc.errors(include_input=False, include_url=False, include_context=False)
            if errors[0]["type"] == "json_invalid":
                raise MalformedJson("the body is not JSON") from None
            raise FieldsInvalid("fields are invalid", fields=fields_of(list(errors))) from None
