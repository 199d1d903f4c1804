"""Around every request: trace id, language, headers, one log line, metrics, health."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from gateway.api.hot import HotReads
from gateway.api.middleware import Surroundings
from gateway.main import create_app
from tests.api.world import PERSONAL, Caller, World, ok, refused, submitted

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


async def test_trace_of_the_caller_goes_on(world: World, citizen: Caller):
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    answer = await citizen.send("GET", "/v1/cases/x", headers=headers)
    assert refused(answer, 404, "case_not_found")["trace_id"] == TRACE
    assert world.book.named("request")[-1]["trace_id"] == TRACE


async def test_large_files_get_more_time(world: World):
    granted: list[float] = []

    @asynccontextmanager
    async def deadline(given: float) -> AsyncIterator[None]:
        granted.append(given)
        yield

    container = replace(world.container, deadline=deadline, metrics=CollectorRegistry())
    transport = httpx.ASGITransport(create_app(container))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as browser:
        for path in ("/v1/documents:verify", "/v1/public/documents:verify"):
            await browser.post(path)
        await browser.post("/v1/public/documents:preview?page=1")
        await browser.post("/v1/cases")
    assert granted == [120, 120, 120, 20]


@pytest.mark.parametrize(
    "value", ["", "garbage", f"ff-{TRACE}-{SPAN}-01", f"00-{TRACE.upper()}-{SPAN}-01", "00-1-2-3"]
)
async def test_trace_that_is_not_one_is_replaced(citizen: Caller, value: str):
    answer = await citizen.send("GET", "/v1/me", headers={"traceparent": value})
    assert answer.headers["x-trace-id"] not in {TRACE, TRACE.upper(), ""}


async def test_every_request_has_its_own_trace(citizen: Caller):
    traces = {(await citizen.get("/v1/me")).headers["x-trace-id"] for _ in range(3)}
    assert len(traces) == 3


@pytest.mark.parametrize(
    ("language", "title"),
    [
        (None, "接口地址不存在"),
        ("zh-CN", "接口地址不存在"),
        ("fr", "接口地址不存在"),
        ("en", "No such address"),
        ("en-GB,en;q=0.9", "No such address"),
        ("EN", "No such address"),
    ],
)
async def test_language(world: World, language: str | None, title: str):
    headers = {} if language is None else {"Accept-Language": language}
    answer = await world.http.get("/v1/nothing", headers=headers)
    problem = refused(answer, 404, "route_not_found")
    assert problem["title"] == title
    assert re.search(r"[一-鿿]", problem["citizen"] + problem["clerk"]) is None or (
        title == "接口地址不存在"
    )


async def test_answers_are_neither_cached_nor_sniffed(world: World, citizen: Caller):
    for answer in (await citizen.get("/v1/me"), await world.http.get("/v1/nothing")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


async def test_log_and_metrics_know_templates_only(world: World, citizen: Caller):
    case_id = await submitted(world, citizen)
    await citizen.get(f"/v1/cases/{case_id}/documents/doc_secret/content")
    await citizen.get("/v1/items/370102199003071238")
    await world.http.get("/nowhere/13800000001")
    await world.http.get("/auth/cb/sd_jis/one-time-secret")
    lines = world.book.named("request")
    assert {line["route"] for line in lines} >= {
        "/v1/cases/{case_id}/submit",
        "/v1/cases/{case_id}/documents/{document_id}/content",
        "/v1/items/{item_code}",
        "/auth/cb/{idp}/{state}",
        "unknown",
    }
    assert all(set(line) >= {"method", "route", "status", "ms", "trace_id"} for line in lines)
    shown = (await world.http.get("/metrics")).text
    assert 'route="/v1/cases/{case_id}/submit",status="2xx"' in shown
    for text in (shown, str(lines)):
        for hidden in (case_id, "doc_secret", "one-time-secret", "370102199003071238", "nowhere"):
            assert hidden not in text
        assert not [secret for secret in PERSONAL | world.secrets if secret in text]


async def test_metrics_of_upstreams_and_pushes(world: World, citizen: Caller):
    answer = await world.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "onewindow_http_request_seconds_bucket" in answer.text
    assert "sd_jis" in answer.text


@pytest.mark.parametrize("method", ["get", "head", "post"])
async def test_unknown_routes_share_one_label(world: World, method: str):
    for number in range(5):
        await world.http.request(method, f"/scan/{number}.php")
    shown = (await world.http.get("/metrics")).text
    routes = set(re.findall(r'onewindow_http_request_seconds_count\{[^}]*route="([^"]*)"', shown))
    assert "unknown" in routes
    assert not [route for route in routes if "scan" in route]


async def test_invented_methods_make_no_labels(world: World):
    for number in range(3):
        await world.http.request(f"X{number}", "/v1/me")
    shown = (await world.http.get("/metrics")).text
    assert 'method="X1"' not in shown


async def test_health_of_a_sound_system(world: World):
    for path in ("/health/live", "/health/ready", "/health/startup"):
        assert ok(await world.http.get(path))["status"] == "ok"
    found = ok(await world.http.get("/health/dependencies"))
    assert found["status"] == "ok", found
    assert {one["name"]: one["hard"] for one in found["dependencies"]} == {
        "database": True,
        "sd_jis": False,
        "sd_certshare": False,
        "sd_seal": False,
        "cnnontax_tcp": False,
        "face": False,
    }
    assert all(one["layer"] == "" for one in found["dependencies"])


async def test_health_names_the_system_and_layer_at_fault(world: World):
    world.town.fault("sd_certshare", "html", times=0)
    found = ok(await world.http.get("/health/dependencies"))
    assert found["status"] == "degraded"
    (down,) = [one for one in found["dependencies"] if one["status"] != "ok"]
    assert (down["name"], down["status"]) == ("sd_certshare", "down")
    assert down["layer"]
    assert ok(await world.http.get("/health/ready"))["status"] == "ok"


async def test_crash_is_a_problem_and_a_log_line(world: World):
    """What no handler foresaw is still told in full, without its message."""
    assert isinstance(world.app, HotReads)
    surroundings = world.app._app
    assert isinstance(surroundings, Surroundings)
    inner = surroundings._app
    assert isinstance(inner, FastAPI)

    @inner.get("/crash/{secret}")
    async def crash(secret: str) -> None:
        raise RuntimeError("张明轩 370102199003071238")

    transport = httpx.ASGITransport(world.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/crash/hidden", headers={"Accept-Language": "en"})
    assert answer.status_code == 500
    problem = answer.json()
    assert (problem["code"], problem["title"]) == ("internal_error", "Internal error")
    assert problem["trace_id"] == answer.headers["x-trace-id"]
    assert "张明轩" not in answer.text
    (crashed,) = world.book.named("request_crashed")
    assert crashed["error"] == "RuntimeError"
    line = world.book.named("request")[-1]
    assert (line["route"], line["status"]) == ("/crash/{secret}", 500)
