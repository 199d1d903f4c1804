"""Renders every error as application/problem+json (RFC 9457) with texts for three readers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from kernel.errors import (
    Failure,
    Forbidden,
    InvalidInput,
    NotFound,
    Text,
    Unauthenticated,
)

MEDIA_TYPE: Final = "application/problem+json"
_log = structlog.get_logger("api")


class Problem(BaseModel):
    """The body of every error. ``code`` is stable; the texts follow Accept-Language."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    detail: str
    """For the engineer."""
    citizen: str
    clerk: str
    trace_id: str


class MalformedJson(InvalidInput):
    """The body is not JSON."""

    code = "malformed_json"
    status = 400
    title = Text("请求内容不是有效的 JSON", "The body is not valid JSON")
    citizen = Text(
        "请求内容格式不正确，请刷新页面后重试。", "The request is malformed; please reload."
    )
    clerk = Text("请求体不是有效的 JSON。", "The body is not valid JSON.")


class WrongContentType(InvalidInput):
    """The body has a content type that this route does not take."""

    code = "unsupported_media_type"
    status = 415
    title = Text("不支持的内容类型", "Unsupported content type")
    citizen = Text("文件或内容的类型不受支持。", "This type of content is not supported.")
    clerk = Text(
        "Content-Type 不受支持，请查看可用类型。", "Content-Type not supported; see accepted."
    )


class BodyTooLarge(InvalidInput):
    """The body is larger than this route takes."""

    code = "body_too_large"
    status = 413
    title = Text("提交的内容过大", "The body is too large")
    citizen = Text("提交的内容或文件过大，请压缩后重试。", "The content or file is too large.")
    clerk = Text("请求体超过该接口的上限。", "The body exceeds the limit of this route.")


class MethodNotAllowed(InvalidInput):
    """The address exists, but not with this method."""

    code = "method_not_allowed"
    status = 405
    title = Text("不支持的请求方法", "Method not allowed")


class RouteNotFound(NotFound):
    """There is no such address."""

    code = "route_not_found"
    title = Text("接口地址不存在", "No such address")


class FieldsInvalid(InvalidInput):
    """Fields or parameters of the request are missing, unknown or of the wrong type."""

    code = "fields_invalid"
    title = Text("请求字段有误", "Fields are invalid")


_BEARER_ERROR: Final = "Bearer error="
_BY_STATUS: Final[Mapping[int, type[Failure]]] = {
    400: MalformedJson,
    401: Unauthenticated,
    403: Forbidden,
    404: RouteNotFound,
    405: MethodNotAllowed,
    413: BodyTooLarge,
    415: WrongContentType,
}


def english(request: Request) -> bool:
    """Tell whether the caller wants English; Chinese is the default."""
    return request.headers.get("accept-language", "").strip().lower().startswith("en")


def problem(failure: Failure, *, in_english: bool, trace_id: str) -> tuple[int, dict[str, Any]]:
    """Return the status and the document of a failure."""

    def say(text: Text) -> str:
        return text.en if in_english else text.zh

    document = {
        **failure.extras,
        "type": f"/problems/{failure.code}",
        "title": say(failure.title),
        "status": failure.status,
        "code": failure.code,
        "detail": failure.detail,
        "citizen": say(failure.citizen),
        "clerk": say(failure.clerk),
        "trace_id": trace_id,
    }
    return failure.status, document


def render(request: Request, failure: Failure) -> Response:
    """Return the response of a failure."""
    trace_id = str(request.scope.get("trace_id", ""))
    status, document = problem(failure, in_english=english(request), trace_id=trace_id)
    headers: dict[str, str] = {}
    if failure.retry_after is not None:
        headers["Retry-After"] = str(failure.retry_after)
    if status == Unauthenticated.status:
        headers["WWW-Authenticate"] = "Bearer"
    headers.update(failure.headers)
    told, scheme = headers.get("WWW-Authenticate", ""), request.headers.get("authorization", "")
    if told.startswith(_BEARER_ERROR) and scheme[:5].lower() == "dpop ":
        # A challenge names the scheme of the token that it answers (RFC 9449, 7.1; RFC 9470, 3).
        headers["WWW-Authenticate"] = f'DPoP algs="ES256", {told.removeprefix("Bearer ")}'
    return JSONResponse(document, status, headers, media_type=MEDIA_TYPE)


def fields_of(errors: list[Any]) -> list[dict[str, str]]:
    """Return what is wrong field by field, without repeating what was sent."""
    return [
        {
            "field": ".".join(str(part) for part in error["loc"]) or "body",
            "fault": str(error["type"]),
            "message": str(error["msg"]),
        }
        for error in errors
    ]


async def _on_failure(request: Request, exc: Exception) -> Response:
    if not isinstance(exc, Failure):  # pragma: no cover - registered for Failure only
        raise exc
    return render(request, exc)


async def _on_validation(request: Request, exc: Exception) -> Response:
    errors = list(exc.errors()) if isinstance(exc, RequestValidationError) else []
    return render(request, FieldsInvalid("parameters are invalid", fields=fields_of(errors)))


async def _on_http(request: Request, exc: Exception) -> Response:
    status = exc.status_code if isinstance(exc, HTTPException) else 500
    response = render(request, _BY_STATUS.get(status, Failure)())
    if isinstance(exc, HTTPException) and exc.headers is not None:
        response.headers.update(exc.headers)
    return response


async def _on_crash(request: Request, exc: Exception) -> Response:
    _log.error("request_crashed", error=type(exc).__name__, exc_info=exc)
    return render(request, Failure())


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(Failure, _on_failure)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_crash)
