"""npm sm-crypto verifies signature value, seal and digest, with a DER reader of its own."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.peers.conftest import HERE, SIGNATURE, VALUE, Shown, find, package

pytestmark = pytest.mark.peers


def judge(ofd: bytes, folder: Path) -> dict[str, bool]:
    node = find("nodejs", "node", "nodejs")
    package("sm-crypto")
    with zipfile.ZipFile(io.BytesIO(ofd)) as archive:
        (folder / "value.dat").write_bytes(archive.read(VALUE))
        (folder / "Signature.xml").write_bytes(archive.read(SIGNATURE))
    done = subprocess.run(
        [node, HERE / "sm_crypto.cjs", folder / "value.dat", folder / "Signature.xml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, bool] = json.loads(done.stdout)
    return found


def test_what_we_seal_is_good(shown: Shown, tmp_path: Path) -> None:
    assert judge(shown.good, tmp_path) == {"digest": True, "value": True, "seal": True}


def test_what_was_changed_is_not(shown: Shown, tmp_path: Path) -> None:
    assert judge(shown.bad_value, tmp_path) == {"digest": True, "value": False, "seal": True}
    assert judge(shown.bad_xml, tmp_path) == {"digest": False, "value": True, "seal": True}
    assert judge(shown.forged_seal, tmp_path) == {"digest": True, "value": True, "seal": False}
