"""ofd.js 0.2.6 in headless Chromium: digests, values, and the seal as a person sees it."""

from __future__ import annotations

import base64
import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from tests.peers.conftest import HERE, PAGE, PAGES, RIDING_Y, STAMP, Shown, find, package

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("chromium")]

WIDTH = 840
PER_MM = WIDTH / PAGE[0]
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--allow-file-access-from-files", "--virtual-time-budget=15000"),
)
_SAID = re.compile(r'<pre id="said"[^>]*>(.*?)</pre>', re.DOTALL)


class Browser:
    """One page load for each file."""

    def __init__(self, folder: Path) -> None:
        self._program = find("chromium", "chromium", "chromium-browser", "google-chrome")
        self._library = package("ofd.js") / "lib" / "ofd.umd.min.js"
        self._folder = folder

    def _load(self, ofd: bytes, *flags: str) -> str:
        page = (HERE / "judge.html").read_text("utf-8")
        values = {
            "LIBRARY": self._library.as_uri(),
            "OFD": base64.b64encode(ofd).decode(),
            "WIDTH": str(WIDTH),
        }
        for name, value in values.items():
            page = page.replace(f"@{name}@", value)
        path = self._folder / "judge.html"
        path.write_text(page, "utf-8")
        done = subprocess.run(
            [
                self._program,
                *FLAGS,
                f"--user-data-dir={self._folder / 'profile'}",
                *flags,
                path.as_uri(),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def judge(self, ofd: bytes) -> dict[str, Any]:
        """What ofd.js found: pages, stamps with their verdicts, digests by signature."""
        said = _SAID.search(self._load(ofd, "--dump-dom"))
        assert said is not None
        found: dict[str, Any] = json.loads(html.unescape(said[1]))
        return found

    def picture(self, ofd: bytes) -> Image.Image:
        """What a person sees."""
        path = self._folder / "picture.png"
        height = round(PAGE[1] * PER_MM * PAGES) + 200
        self._load(ofd, f"--window-size={WIDTH},{height}", f"--screenshot={path}")
        return Image.open(path).convert("RGB")


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return Browser(tmp_path)


def test_what_we_seal_is_good(browser: Browser, shown: Shown) -> None:
    found = browser.judge(shown.good)
    assert found.get("pages") == PAGES, found
    # The seal itself, and a strip of it on every page.
    assert [stamp["verified"] for stamp in found["stamps"]] == [True] * (1 + PAGES)
    assert list(found["digests"].values()) == [True]


def test_a_locked_document_is_good_too(browser: Browser, shown: Shown) -> None:
    found = browser.judge(shown.locked)
    assert [stamp["verified"] for stamp in found["stamps"]] == [True] * (1 + PAGES)
    assert all(found["digests"].values())


def test_templates_attachments_and_tags_are_good_too(browser: Browser, shown: Shown) -> None:
    found = browser.judge(shown.rich)
    assert found.get("pages") == 1, found
    assert [stamp["verified"] for stamp in found["stamps"]] == [True]
    assert list(found["digests"].values()) == [True]


def test_what_was_changed_is_not(browser: Browser, shown: Shown) -> None:
    assert list(browser.judge(shown.bad_page)["digests"].values()) == [False]
    assert not any(stamp["verified"] for stamp in browser.judge(shown.bad_value)["stamps"])


def red(picture: Image.Image, page: int, box: tuple[float, float, float, float]) -> float:
    """The share of red points in a box (x, y, width, height in mm) of a page."""
    x, y, width, height = (value * PER_MM for value in box)
    top = y + page_top(picture, page)
    part = picture.crop((round(x), round(top), round(x + width), round(top + height)))
    # Full red, hardly any green or blue.
    masks = [
        channel.point(lambda level, at=limit, more=above: 255 * ((level > at) is more))
        for channel, limit, above in zip(
            part.split(), (180, 90, 90), (True, False, False), strict=True
        )
    ]
    inked = ImageChops.darker(ImageChops.darker(masks[0], masks[1]), masks[2])
    return inked.histogram()[255] / (part.width * part.height)


def page_top(picture: Image.Image, page: int) -> float:
    """Pages lie one below the other without a gap."""
    return page * round(PAGE[1] * PER_MM)


def test_the_seal_is_seen_where_it_was_put(browser: Browser, shown: Shown) -> None:
    picture = browser.picture(shown.good)
    seal = (STAMP.x, STAMP.y, STAMP.width, STAMP.height)
    assert red(picture, 0, seal) > 0.1
    # The five-pointed star in its middle.
    assert red(picture, 0, (STAMP.x + 18, STAMP.y + 18, 6, 6)) > 0.6
    assert red(picture, 0, (28, 30, 80, 160)) == 0
    assert red(picture, 1, seal) == 0
    strip = 42 / PAGES
    for page in range(PAGES):
        edge = (PAGE[0] - strip, RIDING_Y, strip, 42)
        assert red(picture, page, edge) > 0.05, page
        assert red(picture, page, (PAGE[0] - 42, RIDING_Y, 42 - strip - 1, 42)) == 0, page
