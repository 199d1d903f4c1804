"""What the judges are shown: a sealed document and what became of it, and how they are found.

A judge that cannot be had is left out with its reason, on a contributor's machine. In continuous
integration (``CI=true``) it must be there, unless ``PEERS_MISSING`` names it: what .ci/run could
not install.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

from adapters.sandbox.seals.local import LocalSeals
from adapters.sandbox.store import Store
from e_seal import Authorisation, SignatureForm, Signer, SignRequest
from e_seal.asn1.issue import Holder, Request, issue_root
from e_seal.ofd import writer
from e_seal.ofd.package import Package, read_package
from e_seal.ses import write
from e_seal.ses.read import read_seal
from e_seal.signing import PreparedSignature, Stamp, embed, prepare, riding_stamps
from e_seal.signing_lock import prepare_lock
from kernel.clock import FrozenClock
from kernel.crypto import sm2
from tests.conftest import START

HERE = Path(__file__).parent
SEAL = "37010000000104"
LINES = ("受理通知书", "办件编号 370100-0001", "申请单位：示例单位")
PAGES = 3
HEAD = "济南市行政审批服务局"
TAGGED = {"办件编号": "370100-0002", "申请单位": "示例单位"}
"""By the custom tag that says what the line is."""
PAGE = (210.0, 297.0)
STAMP = Stamp(0, 120, 200, 42, 42)
RIDING_Y = 120.0
VALUE = "Doc_0/Signs/Sign_0/SignedValue.dat"
SIGNATURE = "Doc_0/Signs/Sign_0/Signature.xml"
FIRST_PAGE = "Doc_0/Pages/Page_0/Content.xml"


def find(name: str, *programs: str) -> str:
    """Return the first of these programs, or leave the judge out; ``name``: Debian's package."""
    found = next(filter(None, map(shutil.which, programs)), None)
    if found is None:
        missing(name, f"{programs[0]} is not installed")
    return found


def package(name: str) -> Path:
    """Return the folder of an npm package that tests/peers/setup installed."""
    folder = HERE / "node_modules" / name
    if not folder.is_dir():
        missing("npm", f"npm package {name} is not there; run tests/peers/setup")
    return folder


def missing(name: str, reason: str) -> NoReturn:
    """Fail in continuous integration, leave the judge out elsewhere."""
    if os.environ.get("CI") == "true" and name not in os.environ.get("PEERS_MISSING", "").split():
        pytest.fail(f"{reason}; continuous integration needs it")
    pytest.skip(reason)


@dataclass(frozen=True)
class Shown:
    """A document, sealed by the sandbox's local keys, and its variants."""

    good: bytes
    rich: bytes
    """With a template, attachments and custom tags."""
    locked: bytes
    bad_page: bytes
    bad_value: bytes
    bad_xml: bytes
    forged_seal: bytes


def _request(frozen: PreparedSignature, number: int, form: SignatureForm) -> SignRequest:
    return SignRequest(
        request_id=f"peer-{number}",
        reference="case-1",
        item_code="370100-0131",
        seal_code=SEAL,
        digest=frozen.digest,
        property_info=frozen.property_info,
        sign_time=START,
        signer=Signer("staff-1"),
        authorisation=Authorisation("grant-1", "staff-2", START + timedelta(hours=1)),
        document_id="doc-1",
        document_name=LINES[0],
        page_count=PAGES,
        form=form,
    )


def _document() -> bytes:
    lines = [writer.Text(28, 40 + 20 * row, line, 6) for row, line in enumerate(LINES)]
    fields = writer.Attachment("fields", "fields.xml", b"<fields/>")
    model = writer.Document(
        doc_id=writer.doc_id_of("peer_0001"),
        title=LINES[0],
        pages=[writer.Page(tuple(lines))] * PAGES,
        attachments=[fields],
    )
    return writer.write(model, START)


def _rich() -> bytes:
    """A document with everything that ours may have below, beside and behind its text."""
    head = writer.Page((writer.Text(28, 30, HEAD, 5), writer.line(28, 32, 182, 32)))
    tagged = [
        writer.Text(28, 60 + 20 * row, line, 6, tag=name)
        for row, (name, line) in enumerate(TAGGED.items())
    ]
    model = writer.Document(
        doc_id=writer.doc_id_of("peer_0002"),
        title=LINES[0],
        pages=[writer.Page(tuple(tagged), template=0)],
        templates=[head],
        attachments=[
            writer.Attachment("fields", "fields.xml", b"<fields/>"),
            writer.Attachment("附件", "table.csv", "名称,数量\n示例,1\n".encode()),
        ],
        tags=writer.TagSchema("fields", "fields", "urn:onewindow:fields"),
    )
    return writer.write(model, START)


def _changed(ofd: bytes, name: str, old: bytes, new: bytes) -> bytes:
    entries = dict(read_package(ofd).entries)
    assert old in entries[name]
    entries[name] = entries[name].replace(old, new)
    return Package(entries).to_bytes(START)


def _forged(seal: bytes) -> bytes:
    """A seal that a stranger made for itself: everything right but the maker's signature."""
    found = read_seal(seal)
    request = Request(
        subject=(("C", "CN"), ("CN", found.code)),
        serial=1,
        not_before=START - timedelta(days=1),
        not_after=START + timedelta(days=1),
    )
    stranger = issue_root(request, sm2.generate())
    draft = write.SealDraft(
        code=found.code,
        name=found.name,
        signers=[stranger.certificate],
        created_at=START,
        valid_from=START,
        valid_until=START + timedelta(days=1),
        picture=found.picture,
    )
    impostor = Holder(stranger.key, found.maker_certificate)
    made = write.make_seal(draft, impostor)
    frozen = prepare(_document(), made, [STAMP], at=START)
    value = write.make_signature(made, frozen.digest, frozen.property_info, START, stranger)
    return embed(frozen, value)


@cache
def _made(folder: Path) -> tuple[LocalSeals, FrozenClock]:
    clock = FrozenClock(START)
    return LocalSeals(Store(folder), clock), clock


@pytest.fixture(scope="session")
def seals(tmp_path_factory: pytest.TempPathFactory) -> LocalSeals:
    """The sandbox's seal system, in this process."""
    return _made(tmp_path_factory.mktemp("seals"))[0]


@pytest.fixture
async def shown(seals: LocalSeals) -> Shown:
    """The documents that every judge sees."""
    seal = (await seals.get_seal(SEAL)).data
    stamps = [STAMP, *riding_stamps([PAGE] * PAGES, RIDING_Y, 42, 42)]
    frozen = prepare(_document(), seal, stamps, at=START)
    value = await seals.sign_digest(_request(frozen, 1, SignatureForm.SES))
    good = embed(frozen, value)
    frozen = prepare(_rich(), seal, [STAMP], at=START)
    rich = embed(frozen, await seals.sign_digest(_request(frozen, 3, SignatureForm.SES)))
    lock = prepare_lock(good, seal, at=START)
    cms = await seals.sign_digest(_request(lock, 2, SignatureForm.CMS))
    spoilt = value[:-1] + bytes([value[-1] ^ 1])
    return Shown(
        good=good,
        rich=rich,
        locked=embed(lock, cms),
        bad_page=_changed(good, FIRST_PAGE, "示例单位".encode(), "别的单位".encode()),
        bad_value=_changed(good, VALUE, value, spoilt),
        bad_xml=_changed(good, SIGNATURE, b"OneWindow", b"OneWindoe"),
        forged_seal=_forged(seal),
    )
