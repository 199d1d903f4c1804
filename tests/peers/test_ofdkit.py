"""ofdkit reads the text that we wrote, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.conftest import LINES, PAGES, Shown, missing

pytestmark = pytest.mark.peers


def test_the_text_is_what_was_written(shown: Shown, tmp_path: Path) -> None:
    try:
        import ofdkit
    except ModuleNotFoundError:
        missing("ofdkit", "ofdkit is not installed")
    path = tmp_path / "sealed.ofd"
    path.write_bytes(shown.good)
    found = ofdkit.open(path)
    try:
        assert len(found.pages) == PAGES
        assert found.info.title == LINES[0]
        assert found.warnings == []
        assert [line for line in found.text().splitlines() if line.strip()] == [*LINES] * PAGES
    finally:
        found.close()
