"""What no committed file may hold: addresses of package indexes, and secrets."""

from __future__ import annotations

import re

import pytest

from tests.support.sources import ROOT, files

PINS = sorted((ROOT / "requirements").glob("*.txt"))
REGISTRY = re.compile(
    r"https?://[^\s\"']*(pypi|pythonhosted|npmjs|npmmirror|registry\.npm|/simple\b)"
    r"|--(extra-)?index-url|--find-links|file://"
)
PINNED = re.compile(r"[a-z0-9][a-z0-9._-]*(\[[a-z,]+\])?==[^\s;]+")
LOCK_NAMES = re.compile(r"(^|[-.])lock(\.|$)|^requirements.*\.txt$|^constraints.*\.txt$|^\.npmrc$")
PRIVATE_KEY = re.compile(r"-----BEGIN (EC |RSA |ENCRYPTED )?PRIVATE KEY-----")


def lock_files():
    return [path for path in files() if LOCK_NAMES.search(path.name)] + PINS


def test_the_patterns_bite():
    assert REGISTRY.search("--index-url " + "https://example.org/simple")
    assert REGISTRY.search('"resolved": "https://' + 'registry.npmjs.org/x/-/x.tgz"')
    assert LOCK_NAMES.search("uv.lock")
    assert LOCK_NAMES.search("package-lock.json")


@pytest.mark.parametrize("path", lock_files(), ids=lambda path: path.name)
def test_pins_name_no_package_index(path):
    assert REGISTRY.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", PINS, ids=lambda path: path.name)
def test_every_pin_has_a_version_and_hashes(path):
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) > 50
    for line in lines:
        assert PINNED.match(line), line[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), line[:80]


def test_the_runtime_is_pinned_the_same_in_both():
    def pins(name):
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        return {line.rstrip("\\ ") for line in text.splitlines() if "==" in line}

    assert pins("runtime.txt") <= pins("dev.txt")


def test_no_private_key_is_committed():
    # Keys of vectors and of simulated people are data of tests; everybody knows them.
    found = [
        path
        for path in files()
        if "tests" not in path.relative_to(ROOT).parts
        and path.stat().st_size < 1 << 20
        and (
            path.suffix in {".key", ".p12", ".pfx"}
            or PRIVATE_KEY.search(path.read_bytes().decode("utf-8", "replace"))
        )
    ]
    assert found == []
