"""ofdkit reads the text that we wrote, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.conftest import HEAD, LINES, PAGES, TAGGED, Shown, missing

pytestmark = pytest.mark.peers


def read(ofd: bytes, folder: Path) -> tuple[int, str, list[str]]:
    """Number of pages, title and lines of text."""
    try:
        import ofdkit
    except ModuleNotFoundError:
        missing("ofdkit", "ofdkit is not installed")
    path = folder / "sealed.ofd"
    path.write_bytes(ofd)
    found = ofdkit.open(path)
    try:
        assert found.warnings == []
        lines = [line for line in found.text().splitlines() if line.strip()]
        return len(found.pages), found.info.title, lines
    finally:
        found.close()


def test_the_text_is_what_was_written(shown: Shown, tmp_path: Path) -> None:
    assert read(shown.good, tmp_path) == (PAGES, LINES[0], [*LINES] * PAGES)


def test_templates_attachments_and_tags_do_not_stand_in_its_way(
    shown: Shown, tmp_path: Path
) -> None:
    pages, title, lines = read(shown.rich, tmp_path)
    assert (pages, title) == (1, LINES[0])
    assert [line for line in lines if line != HEAD] == list(TAGGED.values())
