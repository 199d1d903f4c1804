"""The contract (OpenAPI 3.1): the committed document is the application's, and is true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.api.scopes import NOT_GRANTED, REQUIRED
from gateway.container import Container
from gateway.main import create_api
from tests.api.world import World

SNAPSHOT = Path(__file__).parents[2] / "docs" / "openapi.json"
REWRITE = "python -m tests.api.test_openapi"
METHODS = {"get", "put", "post", "delete", "patch"}
WRITES = {"put", "post", "delete", "patch"}
KEYLESS = {"/v1/auth/token", "/v1/auth/logout", "/v1/prechecks"}
KEYLESS |= {"/v1/auth/step-up/{step_up_id}/result"}
KEYLESS |= {"/v1/documents:verify", "/v1/public/bills:lookup"}
KEYLESS |= {"/v1/public/documents:verify", "/v1/public/documents:preview"}
KEYLESS |= {"/v1/staff/session", "/v1/staff/session/password", "/v1/staff/session/factor"}
KEYLESS |= {"/v1/availability:batch"}
KEYLESS |= {"/v1/staff/password", "/v1/staff/sessions/{session_id}"}
KEYLESS |= {"/v1/staff/accounts/{staff_id}/activation"}
"""Writes that may be repeated without a key: they create nothing."""
BODYLESS = {"submit", "withdraw", "discard", "collect", "payments", "logout"}
BODYLESS |= {"unsubscribe", "redeliver"}
BODYLESS |= {"receive", "accept", "take", "void", "confirm", "approve", "fetch"}
BODYLESS |= {"session", "{session_id}", "activation", "close", "unlock", "refuse"}
BODYLESS |= {"revoke", "result", "switch", "cancel"}

PUBLIC_STREAMS = {"/v1/availability/stream"}
"""Open to everybody, and they never end."""

Operation = tuple[str, str, dict[str, Any]]


def described() -> dict[str, Any]:
    """Return the application's document; no service is needed for it."""
    services: Container = object()  # type: ignore[assignment]
    return create_api(services).openapi()


def text_of(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


DOCUMENT = described()


def operations() -> Iterator[Operation]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            assert method in METHODS
            yield method, path, operation


OPERATIONS = list(operations())
NAMES = [f"{method} {path}" for method, path, _ in OPERATIONS]
each = pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        schema = DOCUMENT["components"]["schemas"][name]
    return schema


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_committed_document_is_the_applications():
    assert SNAPSHOT.read_text("utf-8") == text_of(DOCUMENT), (
        f"the interface has changed; if that was meant, run: {REWRITE}"
    )


def test_shape():
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert DOCUMENT["info"]["title"]
    assert DOCUMENT["info"]["version"]
    assert len(OPERATIONS) >= 30
    identifiers = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(identifiers)) == len(identifiers)


def test_every_reference_leads_somewhere_and_every_schema_is_used():
    used = set(references(DOCUMENT))
    known = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert used == known


@each
def test_operation(method: str, path: str, operation: dict[str, Any]):
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    assert any(status.startswith(("2", "3")) for status in operation["responses"])
    problem = operation["responses"]["default"]["content"]["application/problem+json"]["schema"]
    assert set(resolved(problem)["required"]) == {
        *("type", "title", "status", "code", "detail", "citizen", "clerk", "trace_id"),
    }
    assert "422" not in operation["responses"]


@each
def test_path_parameters(method: str, path: str, operation: dict[str, Any]):
    named = set(re.findall(r"\{(\w+)\}", path))
    described = [p for p in operation.get("parameters", []) if p["in"] == "path"]
    assert {parameter["name"] for parameter in described} == named
    assert all(parameter["required"] for parameter in described)


@each
def test_idempotency_key(method: str, path: str, operation: dict[str, Any]):
    headers = [p["name"] for p in operation.get("parameters", []) if p["in"] == "header"]
    wanted = method in WRITES and path not in KEYLESS
    assert headers == (["Idempotency-Key"] if wanted else [])


@each
def test_request_body(method: str, path: str, operation: dict[str, Any]):
    if method not in WRITES or path.rpartition("/")[2] in BODYLESS:
        assert "requestBody" not in operation
        return
    body = operation["requestBody"]
    assert body["required"] is True
    for media_type, content in body["content"].items():
        schema = resolved(content["schema"])
        if media_type == "application/json":
            assert schema["additionalProperties"] is False
            assert schema["properties"]
        else:
            assert (schema["type"], schema["format"]) == ("string", "binary")


@each
def test_applicants_routes_say_their_scope(method: str, path: str, operation: dict[str, Any]):
    if "security" in operation and not path.startswith(("/v1/staff", "/v1/clients")):
        assert (method.upper(), path) in REQUIRED.keys() | NOT_GRANTED


def filled(path: str) -> str:
    return "/".join("x" if part.startswith("{") else part for part in path.split("/"))


async def test_documented_security_is_enforced(world: World):
    scheme = DOCUMENT["components"]["securitySchemes"]["bearer"]
    assert scheme == {"type": "http", "scheme": "bearer"}
    for method, path, operation in OPERATIONS:
        if path in PUBLIC_STREAMS:
            continue
        answer = await world.http.request(method, filled(path))
        assert (answer.status_code == 401) is ("security" in operation), f"{method} {path}"


async def test_document_is_served(world: World):
    answer = await world.http.get("/openapi.json")
    assert answer.json() == DOCUMENT


if __name__ == "__main__":
    SNAPSHOT.parent.mkdir(exist_ok=True)
    SNAPSHOT.write_text(text_of(DOCUMENT), "utf-8")
