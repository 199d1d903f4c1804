"""The harness itself, end to end with tiny counts: the real server, a file, a comparison."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.report import comparison_table
from tests.support.sources import ROOT


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_quick_run_measures_writes_and_compares(tmp_path: Path):
    done = bench(
        tmp_path, "--quick", "--database", "sqlite", "--cases", "20", "--only", "accept a case"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = (tmp_path / "var" / "bench").glob("*.json")
    document = json.loads(file.read_text("utf-8"))
    (accepted,) = document["rounds"]
    assert accepted["errors"] == 0
    assert 0 < accepted["requests"] <= 18  # a tenth of the 20 cases was the warm-up's
    assert accepted["cpu_us"] > 0
    assert document["machine"]["python"]
    # Nothing else stays behind: the databases and their tokens are gone.
    assert [path.name for path in (tmp_path / "var" / "bench").iterdir()] == [file.name]
    table = comparison_table(document, document)
    assert table.row_count == 4
