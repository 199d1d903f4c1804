"""Completes the OpenAPI document: bodies that are read strictly, and the problem of every error."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel

from gateway.api.body import JsonBody
from gateway.api.problems import MEDIA_TYPE, Problem

_REF: Final = "#/components/schemas/{model}"
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "1 to 255 visible ASCII characters; the same key and body give the same answer",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_STRANGERS: Final = (
    "/v1/public/bills:lookup",
    "/v1/public/documents:verify",
    "/v1/public/documents:preview",
)
_WITHOUT_KEY: Final = frozenset(
    {
        *("/v1/auth/token", "/v1/auth/logout", "/v1/prechecks"),
        *("/v1/documents:verify", *_STRANGERS),
        "/v1/availability:batch",
        *("/v1/staff/session", "/v1/staff/session/password", "/v1/staff/session/factor"),
        "/v1/staff/password",
        *("/v1/staff/sessions/{session_id}", "/v1/staff/accounts/{staff_id}/activation"),
        "/v1/auth/step-up/{step_up_id}/result",
    }
)
_WITHOUT_TOKEN: Final = frozenset(
    {
        "/v1/auth/login",
        "/v1/auth/token",
        "/v1/items",
        "/v1/items/{item_code}",
        "/v1/items/{item_code}/availability",
        "/v1/availability:batch",
        "/v1/availability/stream",
        "/v1/regions/{region}/availability",
        "/v1/staff/session/password",
        "/v1/staff/session/factor",
        "/v1/public/documents/{number}",
        "/v1/public/licences/{identifier}",
        "/v1/.well-known/gw-keys",
        *_STRANGERS,
    }
)


def install(app: FastAPI) -> None:
    """Make the application describe itself with what FastAPI cannot see."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    schemas: dict[str, Any] = found.setdefault("components", {}).setdefault("schemas", {})
    _add(schemas, Problem)
    found["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": "__Host-sid"},
    }
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                # Routers carry their prefix themselves: the route's path is the whole path.
                operation = found["paths"][route.path_format][method.lower()]
                _complete(operation, route, method, schemas)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return found


def _complete(
    operation: dict[str, Any], route: APIRoute, method: str, schemas: dict[str, Any]
) -> None:
    for dependant in route.dependant.dependencies:
        if isinstance(dependant.call, JsonBody):
            model = dependant.call.model
            _add(schemas, model)
            reference = {"$ref": _REF.format(model=model.__name__)}
            operation["requestBody"] = {
                "required": True,
                "content": {"application/json": {"schema": reference}},
            }
    responses = operation["responses"]
    responses.pop("422", None)
    responses["default"] = {
        "description": "A problem (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}}},
    }
    if method in {"POST", "PUT", "DELETE"} and route.path_format not in _WITHOUT_KEY:
        operation.setdefault("parameters", []).append(_KEY)
    if route.path_format.startswith("/v1/") and route.path_format not in _WITHOUT_TOKEN:
        operation["security"] = [{"bearer": []}]
        if route.path_format.startswith("/v1/staff/"):
            operation["security"].append({"session": []})


def _add(schemas: dict[str, Any], model: type[BaseModel]) -> None:
    schema = model.model_json_schema(ref_template=_REF)
    schemas.update(schema.pop("$defs", {}))
    schemas[model.__name__] = schema
