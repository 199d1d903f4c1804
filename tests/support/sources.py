"""The repository as text: its modules, parsed, and its other files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gateway", "adapters", "identity", "e_license", "e_seal", "payments", "kernel")
DOMAINS = ("identity", "e_license", "e_seal", "payments")
# What is not ours or not source.
SKIPPED = {".git", ".venv", "node_modules", "var", "dist", "build", "__pycache__"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def where(self) -> str:
        """The path from the root, as one writes it."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def name(self) -> str:
        """The name by which it is imported."""
        return self.where.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def functions(self) -> Iterator[Function]:
        """Every function, methods and nested ones too."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Every call with the written name of what is called."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func), node


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """Every module below these folders."""
    found = []
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not SKIPPED.intersection(path.parts):
                text = path.read_text(encoding="utf-8")
                found.append(Module(path, text, ast.parse(text, filename=str(path))))
    return tuple(found)


def files() -> Iterator[Path]:
    """Every file that is or may be committed."""
    folders = [ROOT]
    while folders:
        for path in sorted(folders.pop().iterdir()):
            hidden_cache = path.name.startswith(".") and path.name.endswith("_cache")
            if path.name in SKIPPED or hidden_cache or path.is_symlink():
                continue
            if path.is_dir():
                folders.append(path)
            else:
                yield path
