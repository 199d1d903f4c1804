"""Where the sample files are, and a small seal world of its own for the e-seal tests."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from e_seal.asn1 import issue
from e_seal.asn1.chain import TrustStore
from e_seal.ofd import writer
from e_seal.ses import write
from e_seal.ses.model import Picture
from kernel.crypto import sm2

VECTORS = Path(__file__).parents[2] / "vectors" / "eseal"
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SEAL_CODE = "37010000000017"


def sample(name: str) -> bytes:
    return (VECTORS / name).read_bytes()


def key(number: int) -> sm2.PrivateKey:
    """A fixed private key, so that runs can be repeated."""
    return sm2.PrivateKey.from_scalar((0x1000 + number).to_bytes(32))


@dataclass(frozen=True)
class World:
    """A root, a seal maker, a signer and the seal they made."""

    root: issue.Holder
    maker: issue.Holder
    signer: issue.Holder
    seal: bytes

    @property
    def trust(self) -> TrustStore:
        return TrustStore.of([self.root.certificate])


def request(name: str, serial: int, **changes: object) -> issue.Request:
    fields: dict[str, object] = {
        "subject": (("C", "CN"), ("O", "测试"), ("CN", name)),
        "serial": serial,
        "not_before": NOW - timedelta(days=30),
        "not_after": NOW + timedelta(days=330),
    }
    return issue.Request(**{**fields, **changes})  # type: ignore[arg-type]


def draft(signer: bytes, **changes: object) -> write.SealDraft:
    fields: dict[str, object] = {
        "code": SEAL_CODE,
        "name": "济南市行政审批服务局审批专用章",
        "signers": [signer],
        "created_at": NOW - timedelta(days=29),
        "valid_from": NOW - timedelta(days=29),
        "valid_until": NOW + timedelta(days=300),
        "picture": Picture("png", sample("StampImg.png"), 42, 42),
    }
    return write.SealDraft(**{**fields, **changes})  # type: ignore[arg-type]


@cache
def world() -> World:
    root = issue.issue_root(request("测试根", 1, is_ca=True, usages=issue.CA_USAGES), key(1))
    maker = issue.issue(request("测试制章系统", 2), key(2), root)
    signer = issue.issue(request(SEAL_CODE, 3), key(3), root)
    return World(root, maker, signer, write.make_seal(draft(signer.certificate), maker))


@cache
def document(pages: int = 1) -> bytes:
    """A small OFD with text, a line, a picture and an attachment."""
    items = (
        writer.Text(28, 40, "受理通知书 No. 12", 6),
        writer.line(28, 45, 180, 45),
        writer.Image(150, 250, 20, 20, sample("StampImg.png")),
    )
    attachment = writer.Attachment("fields", "fields.xml", "<受理号>12</受理号>".encode())
    model = writer.Document(
        doc_id=writer.doc_id_of("doc_0001"),
        title="受理通知书",
        pages=[writer.Page(items)] * pages,
        attachments=[attachment],
        custom={"办件编号": "370100-1"},
    )
    return writer.write(model, NOW)
