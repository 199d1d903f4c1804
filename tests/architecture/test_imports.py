"""Who may import whom: the contracts hold, and each of them can be broken."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.sources import PACKAGES, ROOT, Module, modules

# (contract, module to write, what it does)
VIOLATIONS = [
    ("layers", "kernel/bad.py", "import identity"),
    ("layers", "payments/bad.py", "import identity"),
    ("layers", "e_seal/bad.py", "import adapters.kit"),
    ("inside-domains", "payments/model.py", "import payments.ports"),
    ("inside-e-seal", "e_seal/asn1/bad.py", "import e_seal.ofd"),
    ("no-web-in-domains", "identity/bad.py", "import httpx"),
    ("no-sql-in-rules", "payments/service.py", "import payments.repository"),
    ("gateway-uses-doors", "gateway/api/bad.py", "import payments.model"),
    ("upstreams-apart", "adapters/upstreams/one/bad.py", "import adapters.upstreams.two"),
    ("inside-adapters", "adapters/kit/bad.py", "import adapters.upstreams.one"),
    ("inside-adapters", "adapters/sandbox/bad.py", "import adapters.kit"),
    ("inside-adapters", "adapters/dialects/bad.py", "import adapters.sandbox"),
    ("dialects-are-bytes", "adapters/dialects/bad.py", "import payments"),
    ("simulators-apart", "adapters/upstreams/one/simulator.py", "import adapters.kit"),
    (
        "simulators-apart",
        "adapters/upstreams/one/simulator.py",
        "import adapters.upstreams.one.mapping",
    ),
    ("adapters-behind-bootstrap", "gateway/api/bad.py", "import adapters.kit"),
    ("adapters-see-ports", "adapters/upstreams/one/bad.py", "import payments.service"),
    ("client-in-its-room", "adapters/upstreams/one/bad.py", "import httpx"),
    ("inside-gateway", "gateway/cases/bad.py", "import gateway.api"),
    ("no-cycles", "gateway/cases/bad.py", "import gateway.catalog"),
]

# Who may write SQL and who may name tables and repositories, by the module's name.
SQL_ROOMS = re.compile(r"kernel\.db\..*|.*\.(\w+_)?(tables|repository)|gateway\.bootstrap(\..*)?")

SKELETON = {
    "payments/model.py": "",
    "payments/ports.py": "",
    "payments/service.py": "import payments.model",
    "payments/repository.py": "import sqlalchemy",
    "payments/tables.py": "import sqlalchemy",
    "e_seal/asn1/__init__.py": "",
    "e_seal/ofd/__init__.py": "",
    "adapters/dialects/__init__.py": "",
    "adapters/kit/__init__.py": "import httpx",
    "adapters/sandbox/__init__.py": "",
    "adapters/upstreams/__init__.py": "",
    "adapters/upstreams/one/__init__.py": "",
    "adapters/upstreams/one/adapter.py": "import adapters.kit",
    "adapters/upstreams/one/mapping.py": "",
    "adapters/upstreams/one/options.py": "",
    "adapters/upstreams/one/simulator.py": "",
    "adapters/upstreams/two/__init__.py": "",
    "gateway/bootstrap/__init__.py": "import adapters.kit\nimport payments.repository",
    "gateway/main.py": "",
    "gateway/api/__init__.py": "",
    "gateway/console/__init__.py": "",
    "gateway/portal/__init__.py": "",
    "gateway/worker/__init__.py": "",
    "gateway/cases/__init__.py": "",
    "gateway/catalog/__init__.py": "import gateway.cases",
    "gateway/availability/__init__.py": "",
    "gateway/events/__init__.py": "",
    "kernel/db/__init__.py": "import sqlalchemy",
}


def lint(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [
        Path(sys.executable).with_name("lint-imports"),
        "--no-logo",
        *arguments,
    ]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def write(root: Path, where: str, text: str) -> None:
    path = root / where
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def skeleton(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small lawful copy of the layout, under the repository's own contracts."""
    root = tmp_path_factory.mktemp("skeleton")
    shutil.copy(ROOT / "pyproject.toml", root)
    for package in PACKAGES:
        write(root, f"{package}/__init__.py", "")
    for where, text in SKELETON.items():
        write(root, where, text)
    return root


def test_the_contracts_hold_here():
    done = lint(ROOT, "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_skeleton_is_lawful(skeleton):
    done = lint(skeleton, "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("contract", "where", "text"), VIOLATIONS)
def test_the_contract_that_should_catch_it_does(skeleton, tmp_path, contract, where, text):
    root = tmp_path / "broken"
    shutil.copytree(skeleton, root)
    before = SKELETON.get(where, "")
    write(root, where, f"{before}\n{text}")
    done = lint(root, "--no-cache", "--contract", contract)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "0 kept, 1 broken" in done.stdout


def test_every_contract_has_a_violation():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {contract["id"] for contract in settings["tool"]["importlinter"]["contracts"]}
    assert contracts == {contract for contract, _, _ in VIOLATIONS}


@pytest.mark.parametrize("package", [*PACKAGES, "migrations"])
def test_the_name_means_our_package(package):
    # Names such as gateway and payments are generic: an installed one must not win.
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin == str(ROOT / package / "__init__.py")


def imported(module: Module) -> set[str]:
    """Return the names of what a module imports, with the names taken from each."""
    found = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_sql_is_written_in_its_rooms():
    found = {
        module.name
        for module in modules(*PACKAGES)
        if any(name.split(".")[0] == "sqlalchemy" for name in imported(module))
    }
    assert "kernel.db.engine" in found
    assert {name for name in found if not SQL_ROOMS.fullmatch(name)} == set()


def test_tables_and_repositories_are_named_by_owners_and_bootstrap():
    rooms = {module.name for module in modules(*PACKAGES) if SQL_ROOMS.fullmatch(module.name)}
    rooms = {name for name in rooms if not name.startswith(("kernel.", "gateway.bootstrap"))}
    found = {
        f"{module.name} imports {name}"
        for module in modules(*PACKAGES)
        if not SQL_ROOMS.fullmatch(module.name)
        for name in imported(module) & rooms
    }
    assert found == set()
