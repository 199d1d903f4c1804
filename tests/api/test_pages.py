"""The packaged files of the page /verify: types, policy, and how long a browser may keep them."""

from __future__ import annotations

import re

import pytest

from tests.api.world import World, refused

FILES = {
    "/verify": "text/html; charset=utf-8",
    "/verify/verify.js": "text/javascript; charset=utf-8",
    "/verify/verify.css": "text/css; charset=utf-8",
    "/verify/icon.svg": "image/svg+xml",
}
OURS = re.compile(r'(?:href|src)="([^"]+)"')


@pytest.mark.parametrize("path", FILES)
async def test_files_are_served_and_asked_for_again(world: World, path: str):
    answer = await world.http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == FILES[path]
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    tag = answer.headers["etag"]
    for known in (tag, f'"other", W/{tag}'):
        again = await world.http.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    changed = await world.http.get(path, headers={"If-None-Match": '"other"'})
    assert changed.content == answer.content
    head = await world.http.head(path)
    assert (head.status_code, head.headers["etag"]) == (200, tag)


async def test_the_page_names_files_that_may_be_kept(world: World):
    page = (await world.http.get("/verify")).text
    named = OURS.findall(page)
    assert {address.partition("?")[0] for address in named} == {*FILES} - {"/verify"}
    for address in named:
        answer = await world.http.get(address)
        assert "immutable" in answer.headers["cache-control"]
        old = await world.http.get(address[:-1] + "-")
        assert old.headers["cache-control"] == "no-cache"


async def test_the_files_hold_no_foreign_address_and_no_inline_code(world: World):
    for path in FILES:
        text = (await world.http.get(path)).text.replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text
        assert "https://" not in text
        assert " style=" not in text
        assert " on" not in " ".join(re.findall(r"<[^>]+>", text)) or path.endswith(".js")


@pytest.mark.parametrize("path", ["/verify/", "/verify/pages.py", "/verify/..%2fpages.py"])
async def test_nothing_else_is_served(world: World, path: str):
    answer = await world.http.get(path)
    if answer.status_code == 307:
        assert answer.headers["location"].endswith("/verify")
    else:
        refused(answer, 404, "route_not_found")
