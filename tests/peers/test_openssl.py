"""The openssl command verifies digest, signature value and seal: nothing of ours reads the DER."""

from __future__ import annotations

import io
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.conftest import START
from tests.peers.conftest import SIGNATURE, VALUE, Shown, find

pytestmark = pytest.mark.peers

ID = "distid:1234567812345678"
_OFFSET = re.compile(r"^\s*(\d+):d=1 ", re.MULTILINE)


class OpenSsl:
    """The recipe: cut the structure at its offsets, then ``dgst -sm3 -verify``."""

    def __init__(self, folder: Path) -> None:
        self._program = find("openssl", "openssl")
        self._folder = folder

    def _run(self, *arguments: str) -> tuple[int, str]:
        command = [self._program, *arguments]
        done = subprocess.run(
            command, cwd=self._folder, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout

    def cut(self, name: str, number: int, target: str) -> str:
        """Write the element at depth 1 with this number to a file: of strings, the content."""
        _, listing = self._run("asn1parse", "-inform", "DER", "-in", name)
        offset = _OFFSET.findall(listing)[number]
        code, _ = self._run(
            *("asn1parse", "-inform", "DER", "-in", name, "-strparse", offset),
            *("-noout", "-out", target),
        )
        assert code == 0
        return target

    def verifies(self, message: str, certificate: str, signature: str) -> bool:
        """Whether the certificate's key made the signature over the message."""
        _, key = self._run("x509", "-inform", "DER", "-in", certificate, "-pubkey", "-noout")
        (self._folder / "key.pem").write_text(key, "ascii")
        code, _ = self._run(
            *("dgst", "-sm3", "-verify", "key.pem", "-sigopt", ID),
            *("-signature", signature, message),
        )
        return code == 0

    def digest(self, name: str) -> str:
        """SM3 of a file."""
        return self._run("dgst", "-sm3", "-r", name)[1].split()[0]

    def judge(self, ofd: bytes) -> dict[str, bool]:
        """Whether digest, value and seal of the first signature hold."""
        with zipfile.ZipFile(io.BytesIO(ofd)) as archive:
            (self._folder / "value.der").write_bytes(archive.read(VALUE))
            (self._folder / "Signature.xml").write_bytes(archive.read(SIGNATURE))
        self.cut("value.der", 0, "tbs.der")
        value = self.verifies(
            "tbs.der", self.cut("value.der", 1, "signer.cer"), self.cut("value.der", 3, "sig.der")
        )
        self.cut("tbs.der", 1, "seal.der")
        self.cut("seal.der", 0, "info.der")
        seal = self.verifies(
            "info.der", self.cut("seal.der", 1, "maker.cer"), self.cut("seal.der", 3, "seal.sig")
        )
        _, listing = self._run("asn1parse", "-inform", "DER", "-in", "tbs.der", "-dump")
        dumped = re.findall(r"^\s+[0-9a-f]{4} - ((?:[0-9a-f]{2}[ -]?)+)", listing, re.MULTILINE)
        octets = re.sub(r"[ -]", "", "".join(dumped))
        return {"digest": self.digest("Signature.xml") in octets, "value": value, "seal": seal}


@pytest.fixture
def openssl(tmp_path: Path) -> OpenSsl:
    return OpenSsl(tmp_path)


def test_what_we_seal_is_good(openssl: OpenSsl, shown: Shown) -> None:
    assert openssl.judge(shown.good) == {"digest": True, "value": True, "seal": True}
    assert openssl.judge(shown.locked) == {"digest": True, "value": True, "seal": True}


def test_what_was_changed_is_not(openssl: OpenSsl, shown: Shown) -> None:
    assert openssl.judge(shown.bad_value) == {"digest": True, "value": False, "seal": True}
    assert openssl.judge(shown.bad_xml) == {"digest": False, "value": True, "seal": True}
    assert openssl.judge(shown.forged_seal) == {"digest": True, "value": True, "seal": False}


def test_certificates_lead_to_the_root(openssl: OpenSsl, shown: Shown, seals, tmp_path) -> None:
    openssl.judge(shown.good)
    at = str(int(START.timestamp()))
    (tmp_path / "root.pem").write_text(seals.trust_anchors_pem, "ascii")
    for name in ("signer", "maker"):
        code, pem = openssl._run("x509", "-inform", "DER", "-in", f"{name}.cer")
        assert code == 0
        (tmp_path / f"{name}.pem").write_text(pem, "ascii")
        arguments = ("-CAfile", "root.pem", "-vfyopt", ID, "-attime", at, f"{name}.pem")
        code, said = openssl._run("verify", *arguments)
        assert code == 0, said
