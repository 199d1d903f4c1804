"""The documentation as text: its pages, their links, and the shell commands that they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.sources import ROOT

READMES = (ROOT / "README.md", ROOT / "README.zh-CN.md")
FENCE = re.compile(r"^```(?P<language>[\w-]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
# What a reader pastes into a shell beside a running demonstration, and what starts programs.
PROGRAMS = (".venv/bin/onewindow", "make")


def pages() -> list[Path]:
    """Every page that we wrote."""
    return [*READMES, *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(path: Path, language: str = "sh") -> list[str]:
    """The fenced blocks of a page in one language."""
    text = path.read_text(encoding="utf-8")
    return [found["body"] for found in FENCE.finditer(text) if found["language"] == language]


def commands(block: str) -> Iterator[str]:
    """The commands of a block: continued lines joined, comments and empty lines left out."""
    for line in block.replace("\\\n", " ").splitlines():
        bare = re.sub(r"(^|\s)#.*$", "", line).strip()
        if bare:
            yield " ".join(bare.split())


def starts_programs(block: str) -> bool:
    """Whether every command of a block is one of ours."""
    return all(command.split()[0] in PROGRAMS for command in commands(block))


def session(path: Path) -> list[str]:
    """The blocks of a page that are pasted into one shell, in their order."""
    return [block for block in blocks(path) if not starts_programs(block)]
