"""Makes the folder of a new upstream (新接入): complete enough to run, honest about what
is still to be written.
"""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Final

from adapters.kit.manifest import Port, parse

TEMPLATES: Final = Path(__file__).parent / "templates"
_PORT_MODULES: Final = {
    Port.IDENTITY: "identity.ports.IdentityProvider",
    Port.E_LICENSE: "e_license.ports.LicenceProvider",
    Port.E_SEAL: "e_seal.ports.SealProvider",
    Port.PAYMENTS: "payments.ports.NontaxProvider",
    Port.SEAL_STATUS: "e_seal.ports.SealStatusSource",
    Port.SECOND_FACTOR: "identity.factor_ports.SecondFactor",
    Port.DATA_CHECK: "e_license.check_ports.DataCheck",
}


class FolderExists(FileExistsError):
    """There is something at the new folder's place; nothing was written."""


def new_adapter(root: Path, name: str, port: str) -> list[Path]:
    """Write the folder ``root/name`` from the templates and return its files.

    Raises BadManifest for a name that is not allowed, ValueError for a port that does not
    exist and FolderExists.
    """
    served = Port(port)
    words = {
        "name": name,
        "port": served.value,
        "protocol": _PORT_MODULES[served],
        "class_name": "".join(part.capitalize() for part in name.split("_")),
    }
    _require_allowed(name, served)
    folder = root / name
    if folder.exists():
        raise FolderExists(f"{folder} exists already")
    written: list[Path] = []
    for template in sorted(TEMPLATES.rglob("*.template")):
        target = folder / template.relative_to(TEMPLATES).with_suffix("")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(template.read_text("utf-8")).substitute(words), "utf-8")
        written.append(target)
    return written


def _require_allowed(name: str, port: Port) -> None:
    """Let the manifest's own rules judge the name before anything is written."""
    parse(
        {
            "name": name,
            "title": {"zh": "新接入", "en": "new"},
            "port": port.value,
            "port_version": 1,
            "region": "370000",
            "owner": "nobody",
            "operations": {"status": {"safe": True}},
            "spec": {"title": "TODO", "version": "TODO", "dated": "2000", "origin": "TODO"},
        },
        name,
    )
