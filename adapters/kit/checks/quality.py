"""The quality rules of an upstream's folder (质量分级) that a machine can judge without
running it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.kit.manifest import MANIFEST_FILE, BadManifest, Manifest, Port, load

README_SECTIONS: Final = {
    "what it is": ("what it is", "这是什么"),
    "specification": ("specification", "依据"),
    "credentials": ("credentials", "凭据"),
    "deviations": ("deviations", "偏差"),
    "removal": ("removal", "移除"),
}
"""Sections of README.md; a heading may be in either language and may say more."""
RAW_NETWORK: Final = frozenset(
    [
        "httpx",
        "httpx_aiohttp",
        "aiohttp",
        "requests",
        "urllib3",
        "urllib.request",
        "http.client",
        "socket",
        "ssl",
        "grpc",
    ]
)
BANNED_CALLS: Final = frozenset(
    [
        *("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"),
        *("os.environ", "os.getenv", "os.urandom", "uuid.uuid4", "uuid4", "uuid.uuid1"),
    ]
)
BANNED_MODULES: Final = frozenset({"random", "secrets"})
DOMAINS: Final = frozenset(port.domain for port in Port)
_SIMULATOR_MAY: Final = ("adapters.sandbox", "adapters.dialects", "kernel")
_SECRET_FIELD: Final = re.compile(r"secret|password|passwd|private_key|token$", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """One rule and whether the folder keeps it."""

    rule: str
    title: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class _Source:
    """One Python file of the folder."""

    path: Path
    tree: ast.Module
    package: str

    @property
    def is_simulator(self) -> bool:
        return self.path.parts[-1].startswith("simulator") or "simulator" in self.path.parts[:-1]

    def imports(self) -> Iterator[tuple[str, int]]:
        """Yield every imported module with its line; relative imports as their full names."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    base = f"{self.package}.{base}".rstrip(".")
                yield base, node.lineno
                yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


Rule = Callable[["_Folder"], list[str]]


@dataclass(frozen=True)
class _Folder:
    path: Path
    manifest: Manifest
    package: str
    sources: tuple[_Source, ...]

    def source(self, name: str) -> _Source | None:
        return next((s for s in self.sources if s.path == Path(name)), None)


def check_folder(path: Path, package: str | None = None) -> tuple[Finding, ...]:
    """Return one finding per rule for an upstream's folder; only M1 when the manifest is
    unusable.
    """
    try:
        manifest = load(path / MANIFEST_FILE)
    except BadManifest as exc:
        return (
            Finding(
                "M1", "the manifest is valid, folder and name agree", ok=False, detail=str(exc)
            ),
        )
    package = package or f"adapters.upstreams.{path.name}"
    folder = _Folder(path, manifest, package, tuple(_sources(path, package)))
    findings = [Finding("M1", "the manifest is valid, folder and name agree", ok=True, detail="")]
    for rule, title, judge in _RULES:
        faults = judge(folder)
        findings.append(Finding(rule, title, not faults, "; ".join(faults)))
    return tuple(findings)


def _sources(path: Path, package: str) -> Iterator[_Source]:
    for file in sorted(path.rglob("*.py")):
        inner = file.relative_to(path)
        own = ".".join([package, *inner.parts[:-1]])
        yield _Source(inner, ast.parse(file.read_text("utf-8"), str(file)), own)


def _owner(folder: _Folder) -> list[str]:
    return [] if folder.manifest.owner else ["owner is empty"]


def _specification(folder: _Folder) -> list[str]:
    spec = folder.manifest.spec
    return [f"spec.{name} is to be filled in" for name, said in spec if said.upper() == "TODO"]


def _simulator(folder: _Folder) -> list[str]:
    name = folder.manifest.simulator
    source = folder.source(f"{name}.py") or folder.source(f"{name}/__init__.py")
    if source is None:
        return [f"there is no {name}.py"]
    offered = {getattr(node, "name", "") for node in source.tree.body} | {
        alias.asname or alias.name
        for node in source.tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    faults = [
        f"{name} has no {wanted}()" for wanted in ("provision", "create") if wanted not in offered
    ]
    for part in folder.sources:
        if part.is_simulator:
            faults += [
                f"{part.path}:{line} imports {module}"
                for module, line in part.imports()
                if not _simulator_may(module, folder.package)
            ]
    return faults


def _simulator_may(module: str, package: str) -> bool:
    if module == package or module.startswith(f"{package}."):
        inner = module.removeprefix(package).lstrip(".").split(".")[0]
        return inner in {"", "wire"} or inner.startswith("simulator")
    top = module.split(".", maxsplit=1)[0]
    if top == "adapters":
        return module == "adapters" or module.startswith(_SIMULATOR_MAY)
    return top not in DOMAINS | {"gateway", "httpx", "aiohttp"}


def _only_the_kit(folder: _Folder) -> list[str]:
    return [
        f"{source.path}:{line} imports {module}"
        for source in folder.sources
        if not source.is_simulator
        for module, line in source.imports()
        if module in RAW_NETWORK or module.split(".")[0] in RAW_NETWORK
    ]


def _only_its_port(folder: _Folder) -> list[str]:
    forbidden = (DOMAINS - {folder.manifest.port.domain}) | {"gateway"}
    return [
        f"{source.path}:{line} imports {module}"
        for source in folder.sources
        for module, line in source.imports()
        if module.split(".")[0] in forbidden
        or (
            module.startswith("adapters.upstreams.")
            and not f"{module}.".startswith(f"{folder.package}.")
        )
    ]


def _unknown_codes(folder: _Folder) -> list[str]:
    told = any(
        isinstance(node, ast.Attribute) and node.attr == "unknown"
        for source in folder.sources
        if not source.is_simulator
        for node in ast.walk(source.tree)
    )
    return [] if told else ["no file reports unknown codes through kit.unknown"]


def _nothing_ambient(folder: _Folder) -> list[str]:
    faults: list[str] = []
    for source in folder.sources:
        faults += [
            f"{source.path}:{node.lineno} uses {_dotted(node)}"
            for node in ast.walk(source.tree)
            if isinstance(node, ast.Attribute) and _dotted(node) in BANNED_CALLS
        ]
        faults += [
            f"{source.path}:{line} imports {module}"
            for module, line in source.imports()
            if module in BANNED_MODULES
        ]
    return faults


def _dotted(node: ast.Attribute) -> str:
    inner = node.value
    left = inner.id if isinstance(inner, ast.Name) else getattr(inner, "attr", "")
    return f"{left}.{node.attr}"


def _secrets_by_name(folder: _Folder) -> list[str]:
    faults = []
    used: set[str] = set()
    for source in folder.sources:
        if source.is_simulator:
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Subscript) and _is_secrets(node.value):
                if isinstance(node.slice, ast.Constant):
                    used.add(str(node.slice.value))
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "get"
                and _is_secrets(node.func.value)
            ):
                faults.append(f"{source.path}:{node.lineno} gives a secret a default")
    faults += [
        f"secret {name} is not in the manifest" for name in sorted(used - folder.manifest.secrets)
    ]
    options = folder.source(folder.manifest.options.partition(":")[0] + ".py")
    if options is not None:
        faults += [
            f"{options.path}:{node.lineno} {node.target.id} belongs to the secrets"
            for node in ast.walk(options.tree)
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and _SECRET_FIELD.search(node.target.id)
        ]
    return faults


def _is_secrets(node: ast.expr) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == "secrets") or (
        isinstance(node, ast.Name) and node.id == "secrets"
    )


def _personal_data(folder: _Folder) -> list[str]:
    manifest = folder.manifest
    if manifest.personal_data and not manifest.redact.names:
        return ["personal data is declared but redact names no field that holds it"]
    if manifest.redact.names and not manifest.personal_data:
        return ["redact names fields but personal_data is empty"]
    return []


def _readme(folder: _Folder) -> list[str]:
    try:
        text = (folder.path / "README.md").read_text("utf-8")
    except FileNotFoundError:
        return ["there is no README.md"]
    headings = [line.lstrip("# ").lower() for line in text.splitlines() if line.startswith("#")]
    return [
        f"README.md has no section '{section}'"
        for section, words in README_SECTIONS.items()
        if not any(word in heading for heading in headings for word in words)
    ]


def _vectors(folder: _Folder) -> list[str]:
    return [] if any(folder.path.glob("vectors/*.toml")) else ["vectors/ has no *.toml"]


_RULES: Final[tuple[tuple[str, str, Rule], ...]] = (
    ("M2", "it has an owner", _owner),
    ("M3", "the document it was written from is recorded", _specification),
    ("M4", "a simulator that shares only wire with the adapter", _simulator),
    ("M5", "only the kit's client reaches the network", _only_the_kit),
    ("M6", "unknown codes are reported", _unknown_codes),
    ("M7", "no clock, randomness or environment of its own", _nothing_ambient),
    ("M8", "secrets by name, without defaults", _secrets_by_name),
    ("M9", "personal data is declared and redacted", _personal_data),
    ("M10", "the README has its sections", _readme),
    ("P1", "it knows no port but its own and no other upstream", _only_its_port),
    ("V1", "golden vectors are there", _vectors),
)
