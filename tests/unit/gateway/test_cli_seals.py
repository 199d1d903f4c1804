"""onewindow seal verify: one JSON object per file, and a status that scripts can use."""

from __future__ import annotations

import json
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from e_seal import embed_pdf, prepare_pdf
from e_seal.asn1 import issue
from e_seal.ses.write import make_seal, make_signature
from e_seal.signing import Stamp
from gateway.cli.seals import app
from kernel.clock import SystemClock
from tests.unit.e_seal import make
from tests.unit.e_seal.documents import seal_again
from tests.unit.e_seal.pdfs import FILES
from tests.unit.e_seal.samples import VECTORS, World, document, draft, key, request
from tests.unit.e_seal.tampered import CASES

ROOT = VECTORS / "generated" / "root.pem"
SAMPLES = VECTORS / "samples"


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, words)])


def objects(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def present() -> World:
    """A seal world that is valid today, whenever that is."""
    now = SystemClock().now()
    period = {"not_before": now - timedelta(days=30), "not_after": now + timedelta(days=30)}
    wanted = request("今天的根", 1, is_ca=True, usages=issue.CA_USAGES, **period)
    root = issue.issue_root(wanted, key(80))
    maker = issue.issue(request("制章", 2, **period), key(81), root)
    signer = issue.issue(request("签章人", 3, **period), key(82), root)
    made = draft(
        signer.certificate,
        created_at=now - timedelta(days=20),
        valid_from=now - timedelta(days=20),
        valid_until=now + timedelta(days=20),
    )
    return World(root, maker, signer, make_seal(made, maker))


@pytest.fixture
def files(tmp_path: Path, present: World) -> Path:
    good = seal_again(document(), present, at=SystemClock().now())
    (tmp_path / "good.ofd").write_bytes(good)
    (tmp_path / "tampered.ofd").write_bytes(CASES["entry-duplicated"].make())
    (tmp_path / "text.ofd").write_text("no document")
    (tmp_path / "empty.ofd").touch()
    pem = ssl.DER_cert_to_PEM_cert(present.root.certificate)
    (tmp_path / "root.pem").write_text(f"# 今天的根\n{pem}", "utf-8")
    return tmp_path


def test_a_valid_document(files: Path):
    result = run(files / "good.ofd", "--json", "--trust", files / "root.pem")
    assert result.exit_code == 0, result.output
    (found,) = objects(result)
    assert (found["result"], found["findings"]) == ("VALID", [])
    assert found["signatures"][0]["seal_name"] == "济南市行政审批服务局审批专用章"
    assert found["not_checked"] == ["certificate_revocation", "seal_status"]


def test_one_object_per_file_and_the_worst_status(files: Path):
    good, tampered = files / "good.ofd", files / "tampered.ofd"
    result = run(good, tampered, "--json", "--trust", files / "root.pem")
    assert result.exit_code == 1
    first, second = objects(result)
    assert (first["file"], second["file"]) == (str(good), str(tampered))
    assert (first["result"], second["result"]) == ("VALID", "INVALID")
    (finding,) = second["findings"]
    assert finding.keys() >= {"code", "severity", "where", "text"}
    assert (finding["code"], finding["severity"]) == ("OFD_UNSAFE", "error")
    assert finding["text"].keys() == {"zh", "en"}


def sealed_pdf(world: World) -> bytes:
    now = SystemClock().now().replace(microsecond=0)
    frozen = prepare_pdf(FILES["classic"], world.seal, Stamp(0, 100, 200, 42, 42), at=now)
    value = make_signature(world.seal, frozen.digest, frozen.property_info, now, world.signer)
    return embed_pdf(frozen, value)


def test_pdf_files_are_told_by_their_first_bytes(files: Path, present: World):
    good = sealed_pdf(present)
    (files / "good.bin").write_bytes(good)
    (files / "tampered.pdf").write_bytes(good.replace(b"100 700", b"100 701"))
    (files / "cut.pdf").write_bytes(good[:40])
    (files / "bare.pdf").write_bytes(FILES["modern"])
    names = ("good.bin", "good.ofd", "tampered.pdf", "cut.pdf", "bare.pdf")
    paths = [files / name for name in names]
    result = run(*paths, "--json", "--trust", files / "root.pem")
    assert result.exit_code == 1
    found = objects(result)
    verdicts = [one["result"] for one in found]
    assert verdicts == ["VALID", "VALID", "INVALID", "INVALID", "INVALID"]
    assert found[0].keys() == found[1].keys()
    (signature,) = found[0]["signatures"]
    assert (signature["id"], signature["type"]) == ("Seal1", "Seal")
    assert signature["seal_name"] == "济南市行政审批服务局审批专用章"
    assert found[0]["not_checked"] == found[1]["not_checked"]
    (finding,) = found[2]["findings"]
    assert (finding["code"], finding["where"]) == ("DATA_HASH_MISMATCH", ["Seal1"])
    assert [one["code"] for one in found[3]["findings"]] == ["PDF_MALFORMED"]
    assert [one["code"] for one in found[4]["findings"]] == ["NOT_SIGNED"]


@pytest.mark.parametrize("name", ["text.ofd", "empty.ofd", "absent.ofd", "."])
def test_what_cannot_be_read(files: Path, name: str):
    result = run(files / name, files / "good.ofd", "--json", "--trust", files / "root.pem")
    assert result.exit_code == 2
    first, second = objects(result)
    assert (first["result"], second["result"]) == ("UNREADABLE", "VALID")
    assert first["findings"][0]["code"] == "OFD_MALFORMED"


def test_without_settings_certificates_stay_undecided():
    result = run(SAMPLES / "999.ofd", "--json")
    assert result.exit_code == 1
    assert "--trust" in result.stderr
    (found,) = objects(result)
    assert found["result"] == "INDETERMINATE"


def test_revocation_lists_count(files: Path, present: World):
    now = SystemClock().now()
    lists = files / "lists"
    lists.mkdir()
    words = ("--json", "--trust", files / "root.pem", "--crl", lists)
    assert objects(run(files / "good.ofd", *words))[0]["result"] == "INDETERMINATE"
    day = timedelta(days=1)
    (lists / "root.crl").write_bytes(make.crl(present.root, {}, now - day, now + day))
    assert objects(run(files / "good.ofd", *words))[0]["result"] == "VALID"
    data = make.crl(present.root, {3: now - day}, now - day, now + 2 * day)
    (lists / "root.crl").write_bytes(data)
    assert objects(run(files / "good.ofd", *words))[0]["result"] == "INVALID"


def test_for_people_the_texts_are_in_both_languages():
    result = run(VECTORS / "generated" / "bad_page.ofd", "--trust", ROOT)
    assert result.exit_code == 1
    assert "INVALID 无效 / Invalid" in result.stdout
    assert "error REF_MODIFIED Doc_0/" in result.stdout
    assert "被签署的文件在签章后被改动。 Parts were changed after signing." in result.stdout
    assert "未检查 / not checked" in result.stdout


def test_trust_that_cannot_be_read_is_one_sentence(files: Path):
    for name in ("absent.pem", "."):
        result = run(files / "good.ofd", "--trust", files / name)
        assert result.exit_code == 1
        assert result.stderr.startswith("配置有误 / settings: seal:")
