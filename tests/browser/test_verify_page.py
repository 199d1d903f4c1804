"""/verify in a browser: drop a file, read the verdict, look at pages, keep the report."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.api.test_documents import received
from tests.api.world import Caller, World
from tests.browser.chromium import Page
from tests.unit.e_seal.documents import changed, seal_again
from tests.unit.e_seal.pdfs import classic
from tests.unit.e_seal.samples import document
from tests.unit.e_seal.samples import world as keys

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("chromium")]

STATE = "document.documentElement.dataset.state"
DONE = f"{STATE} === 'done'"
DRAWN = "!document.getElementById('picture').hidden"
FOCUSED = "document.activeElement.id"
TAB = ("Tab", 9)


async def ours(world: World, citizen: Caller) -> bytes:
    """A document that this gateway has sealed."""
    case_id, receipt = await received(world, citizen)
    path = f"/v1/cases/{case_id}/documents/{receipt['document_id']}/content"
    return (await citizen.get(path)).content


def kept(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def appeared(path: Path) -> Any:
    """Wait for a file that the browser is writing; it gets its name when it is complete."""
    for _ in range(400):
        if path.exists():
            return json.loads(path.read_text("utf-8"))
        time.sleep(0.05)
    raise AssertionError(
        f"no {path.name} among {sorted(one.name for one in path.parent.iterdir())}"
    )


def too_large(path: Path) -> Path:
    """A file of which only the first octets take room."""
    with path.open("wb") as file:
        file.write(b"PK\3\4")
        file.truncate(50 * 1024 * 1024 + 1)
    return path


async def test_a_good_file_and_then_a_tampered_one(
    world: World, citizen: Caller, page: Page, site: str, files: Path
):
    content = await ours(world, citizen)
    good = kept(files, "收件凭证.ofd", content)
    body = "Doc_0/Pages/Page_0/Content.xml"
    bad = kept(files, "改过.ofd", changed(content, {body: b"<Page/>"}))
    await page.open(f"{site}/verify")
    await page.drop(good)
    await page.until(f"{DONE} && {DRAWN}")
    assert await page.text("#word") == "有效"
    assert await page.text("#verdict .sign") == "✓"
    assert "收件凭证.ofd" in await page.text("#which")
    seals = await page.text("#seals")
    assert "（北京时间）" in seals
    assert "个部分" in seals
    assert "没有发现问题" in await page.text("#findings")
    assert "印章现状" in await page.text("#unchecked")
    assert await page.run("document.getElementById('picture').width") == 992

    await page.drop(bad)
    await page.until(f"{DONE} && document.getElementById('word').innerText === '无效'")
    assert await page.text("#verdict .sign") == "✕"
    findings = await page.text("#findings .error")
    assert "REF_MODIFIED" in findings
    assert "被签署的文件在签章后被改动" in findings
    await page.run("document.getElementById('language').click()")
    assert await page.text("#word") == "Invalid"
    assert "Parts were changed after signing." in await page.text("#findings .error")
    assert await page.run("document.documentElement.lang") == "en"


async def test_pages_are_turned(page: Page, site: str, files: Path):
    await page.open(f"{site}/verify?lang=en")
    path = kept(files, "three.ofd", seal_again(document(3), keys()))
    await page.choose("#file", path)
    await page.until(f"{DONE} && {DRAWN}")
    assert await page.text("#number") == "Page 1 of 3"
    seen = "document.getElementById('picture').toDataURL()"
    first = await page.run(seen)
    assert await page.run("document.getElementById('before').disabled")
    await page.run("document.getElementById('after').click()")
    await page.until(f"document.getElementById('number').innerText === 'Page 2 of 3' && {DRAWN}")
    assert await page.run(seen) != first
    await page.run("document.getElementById('before').click()")
    await page.until(f"document.getElementById('number').innerText === 'Page 1 of 3' && {DRAWN}")
    assert await page.run(seen) == first


async def test_the_report_can_be_kept(page: Page, site: str, files: Path):
    await page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(files))
    await page.open(f"{site}/verify")
    await page.drop(kept(files, "three.ofd", seal_again(document(3), keys())))
    await page.until(DONE)
    await page.run("document.getElementById('save').click()")
    report = await asyncio.to_thread(appeared, files / "three-report.json")
    assert (report["file"], report["verdict"]) == ("three.ofd", "INVALID")
    assert {finding["code"] for finding in report["findings"]} == {
        "SEAL_MAKER_UNTRUSTED",
        "SIGNER_CHAIN_UNTRUSTED",
    }
    assert len(report["signatures"][0]["covered"]) == 13


async def test_what_cannot_be_checked_is_said_in_one_sentence(page: Page, site: str, files: Path):
    await page.open(f"{site}/verify")
    for path, said in (
        (kept(files, "photo.jpg", b"\xff\xd8\xff\xe0"), "这不是 OFD 或 PDF 文件"),
        (kept(files, "empty.ofd", b""), "文件是空的"),
        (too_large(files / "large.ofd"), "文件超过 50 MB"),
    ):
        await page.drop(path)
        await page.until(f"document.getElementById('failed').innerText.includes('{said}')")
        assert await page.run(f"{STATE} === 'failed'")
        assert await page.run("document.getElementById('result').hidden")
    await page.drop(kept(files, "a.pdf", classic()))
    await page.until(DONE)
    assert "PDF 不生成页面图像" in await page.text("#blank")
    assert "NOT_SIGNED" in await page.text("#findings")


async def test_too_many_requests_and_a_server_that_is_away(
    world: World, page: Page, site: str, files: Path
):
    path = kept(files, "three.ofd", seal_again(document(3), keys()))
    await page.open(f"{site}/verify")
    # One request an hour from now: until then, as the limiter sees it, the address is overdrawn.
    world.clock.shift += timedelta(hours=1)
    headers = {"Content-Type": "application/ofd"}
    await world.http.post("/v1/public/documents:verify", content=b"", headers=headers)
    world.clock.shift -= timedelta(hours=1)
    await page.drop(path)
    await page.until(f"{STATE} === 'failed'")
    assert "操作过于频繁，请等待" in await page.text("#failed")
    offline = {"latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    await page.call("Network.emulateNetworkConditions", offline=True, **offline)
    await page.drop(path)
    await page.until("document.getElementById('failed').innerText.includes('连接不上服务器')")
    # The browser itself tells of answers that are errors; nothing else may be told.
    page.faults = [fault for fault in page.faults if "Failed to load resource" not in fault]


@pytest.mark.parametrize(("width", "height"), [(360, 740), (390, 844), (1366, 768)])
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_it_fits_on_every_screen(
    page: Page, site: str, files: Path, width: int, height: int, language: str
):
    await page.window(width, height, mobile=width < 500)
    await page.open(f"{site}/verify?lang={language}")
    await page.drop(kept(files, "one.ofd", seal_again(document(3), keys())))
    await page.until(f"{DONE} && {DRAWN}")
    await page.run("document.querySelector('details').open = true")
    assert await page.run("document.documentElement.scrollWidth") <= width
    await page.dark()
    back = await page.run("getComputedStyle(document.body).backgroundColor")
    await page.dark("light")
    assert back != await page.run("getComputedStyle(document.body).backgroundColor")


async def test_it_can_be_used_with_keys_alone(page: Page, site: str, files: Path):
    await page.open(f"{site}/verify")
    reached = []
    for _ in range(2):
        await page.press(*TAB)
        reached.append(await page.run(FOCUSED))
    assert reached == ["language", "file"]
    outline = "getComputedStyle(document.getElementById('drop')).outlineStyle"
    assert await page.run(outline) == "solid"
    await page.choose("#file", kept(files, "three.ofd", seal_again(document(3), keys())))
    await page.until(f"{DONE} && {DRAWN}")
    assert await page.run(FOCUSED) == "verdict"
    await page.press(*TAB)
    assert await page.run(FOCUSED) == "after"
    await page.press("\r", 13)
    await page.until("document.getElementById('number').innerText.startsWith('第 2 页')")
