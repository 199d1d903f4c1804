"""Documents that are sealed, signed again, and signed without a seal."""

import base64
from collections.abc import Callable
from datetime import datetime
from functools import cache

from e_seal.ofd import package, writer, xml
from e_seal.ofd.reader import OFD_XML
from e_seal.ses import write
from e_seal.signing import Stamp, embed, prepare
from kernel.crypto import sm3
from tests.unit.e_seal.samples import NOW, World, document, world

LIST = "Doc_0/Signs/Signatures.xml"
FOLDER = "Doc_0/Signs/Sign_0"
SIGNATURE = f"{FOLDER}/Signature.xml"
VALUE = f"{FOLDER}/SignedValue.dat"
SEAL = f"{FOLDER}/Seal.esl"
STAMP = Stamp(0, 120, 200, 42, 42)


@cache
def sealed(w: World | None = None, *, lock: bool = False) -> bytes:
    return seal_again(document(), w or world(), lock=lock)


def seal_again(
    ofd: bytes, w: World, *, lock: bool = False, at: datetime = NOW, path: str = ""
) -> bytes:
    """Seal a document, or seal it once more; ``path`` is a wrong path to be signed."""
    frozen = prepare(ofd, w.seal, [STAMP], at=at, lock=lock)
    told = path or frozen.property_info
    return embed(frozen, write.make_signature(w.seal, frozen.digest, told, at, w.signer))


@cache
def with_scan() -> bytes:
    """Sealed, with two megabytes of an attached scan that no compression makes smaller."""
    noise = b"".join(sm3.digest(number.to_bytes(4)) for number in range(65_536))
    model = writer.Document(
        doc_id=writer.doc_id_of("doc_0002"),
        title="附件",
        pages=[writer.Page((writer.Text(28, 40, "附件", 6),))],
        attachments=[writer.Attachment("scan", "scan.bin", noise)],
    )
    return seal_again(writer.write(model, NOW), world())


def changed(ofd: bytes, changes: dict[str, bytes | None]) -> bytes:
    """Replace, add (bytes) and remove (None) entries."""
    entries = {**package.read_package(ofd).entries, **changes}
    kept = {name: data for name, data in entries.items() if data is not None}
    return package.Package(kept).to_bytes(NOW)


def signature_xml(names: list[str], entries: dict[str, bytes], folder: str, method: str) -> bytes:
    listed = [
        xml.tag(
            "Reference",
            {"FileRef": f"/{name}"},
            xml.leaf("CheckValue", base64.b64encode(sm3.digest(entries[name])).decode()),
        )
        for name in names
    ]
    info = xml.tag(
        "SignedInfo",
        None,
        xml.tag("Provider", {"ProviderName": "another"}),
        xml.leaf("SignatureMethod", "1.2.156.10197.1.501"),
        xml.leaf("SignatureDateTime", NOW.strftime("%Y-%m-%d %H:%M:%S")),
        xml.tag("References", {"CheckMethod": method}, *listed),
    )
    return xml.document(
        "Signature", None, info, xml.leaf("SignedValue", f"/{folder}/SignedValue.dat")
    )


def signed_without_seal(value: Callable[[bytes], bytes], *, lock: bool = True) -> bytes:
    """A document with one entry of Type="Sign", whose value is made over Signature.xml."""
    entries = dict(package.read_package(document()).entries)
    line = {"ID": "s001", "Type": "Sign", "BaseLoc": f"/{SIGNATURE}"}
    entries[LIST] = xml.document(
        "Signatures", None, xml.leaf("MaxSignId", "s001"), xml.tag("Signature", line)
    )
    announced = f"<ofd:Signatures>/{LIST}</ofd:Signatures></ofd:DocBody>".encode()
    entries[OFD_XML] = entries[OFD_XML].replace(b"</ofd:DocBody>", announced)
    names = [name for name in entries if lock or name != LIST]
    content = signature_xml(names, entries, FOLDER, "SM3")
    signed = {SIGNATURE: content, VALUE: value(content)}
    return package.Package({**entries, **signed}).to_bytes(NOW)
