"""The harness itself, end to end with tiny counts: the real server, a file, a comparison."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from bench.harness import complaints
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


def test_errors_spoil_a_run_and_figures_do_not(capsys: pytest.CaptureFixture[str]):
    good = {"case": "case status", "database": "sqlite", "round": 0, "errors": 0, "samples": []}
    good |= {"generator_us": 50.0, "rps": 100.0}
    bad = good | {"errors": 2, "samples": ["HTTP/1.1 503"]}
    assert complaints([good], Console()) == 0
    assert complaints([good | {"rps": 19_000.0}], Console()) == 0
    assert "generator was the limit" in capsys.readouterr().out
    assert complaints([good, bad], Console()) == 1
    assert "HTTP/1.1 503" in capsys.readouterr().out


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
