"""GET /check/{number}: the page behind a document's QR code, for anybody, without a script."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from urllib.parse import quote

import httpx
import pytest

from gateway.api.limiter import PER_MINUTE
from gateway.cases.model import DocumentKind
from gateway.portal.check import _KINDS
from tests.api.test_documents import check, received
from tests.api.town import HOST
from tests.api.world import PERSONAL, Caller, World, ok, refused


@pytest.fixture
async def page(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of somebody in the street; refusals are pages here, not problems."""
    transport = httpx.ASGITransport(world.app, client=(HOST, 51000))
    async with httpx.AsyncClient(base_url=world.town.gateway_url, transport=transport) as browser:
        yield browser


class Found(HTMLParser):
    """The words of a page, and the tags that it uses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.style = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style" and not self.style:
            self.style = data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def path(number: str) -> str:
    return f"/check/{quote(number, safe='')}"


async def test_the_page_says_what_the_interface_answers(
    world: World, citizen: Caller, page: httpx.AsyncClient
):
    _, receipt = await received(world, citizen)
    number, code = receipt["number"], receipt["check_code"]
    answer = await page.get(path(number), params={"code": code})
    assert (answer.status_code, answer.headers["content-type"]) == (
        200,
        "text/html; charset=utf-8",
    )
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    found = Found(answer.text)
    told = ok(await check(world, number, code))
    for name in ("number", "title", "department", "issued_on", "sha256", "sm3"):
        assert told[name] in found.text, name
    assert told["sealed_at"][:10] in found.text
    assert "电子印章：有效 Seal: Valid" in found.text
    assert "Receipt of the application" in found.text
    assert not [secret for secret in (*PERSONAL, code) if secret in answer.text]
    spaced = f" {code[:4].lower()} {code[4:]}"
    assert (await page.get(path(number), params={"code": spaced})).text == answer.text
    head = await page.head(path(number), params={"code": code})
    assert (head.status_code, head.headers["content-length"]) == (
        200,
        answer.headers["content-length"],
    )


async def test_the_page_needs_nothing_but_itself(page: httpx.AsyncClient):
    answer = await page.get(path("x"))
    found = Found(answer.text)
    assert not found.tags & {"script", "img", "link", "iframe", "form", "object"}
    policy = answer.headers["content-security-policy"]
    digest = base64.b64encode(hashlib.sha256(found.style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_whoever_guesses_gets_one_and_the_same_page(
    world: World, citizen: Caller, page: httpx.AsyncClient
):
    _, receipt = await received(world, citizen)
    answers = [
        await page.get(path(number), params=params)
        for number, params in [
            (receipt["number"], {"code": "22222222"}),
            (receipt["number"], {"code": "<script>alert(1)</script>"}),
            (receipt["number"], {"code": "9" * 500}),
            (receipt["number"], {}),
            ("〔2026〕370100收999999号", {"code": receipt["check_code"]}),
            ("<b>x", {"code": "-" * 8}),
        ]
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert "没有" in Found(answers[0].text).text


async def test_page_and_interface_count_together(world: World, page: httpx.AsyncClient):
    for number in range(PER_MINUTE):
        if number % 2:
            refused(await check(world, "x", "x"), 404, "document_not_found")
        else:
            assert (await page.get(path("x"))).status_code == 404
    late = await page.get(path("x"))
    assert late.status_code == 429
    assert int(late.headers["retry-after"]) >= 1
    assert "频繁" in Found(late.text).text
    refused(await check(world, "x", "x"), 429, "too_many_requests")


def test_every_kind_has_an_english_name():
    assert set(_KINDS) == set(DocumentKind)
    assert all(re.fullmatch(r"[A-Z][A-Za-z -]+", name) for name in _KINDS.values())
