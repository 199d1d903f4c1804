"""The documentation: its commands, paths and words exist, its generated parts are new."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from adapters.kit.registry import Registry
from docs import generate
from gateway.cli.main import app
from tests.support.documents import (
    FENCE,
    PROGRAMS,
    READMES,
    blocks,
    commands,
    pages,
    session,
    starts_programs,
)
from tests.support.sources import PACKAGES, ROOT, files, modules

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
DECISION_HEADINGS = ["Context", "Decision", "Alternatives", "Consequences", "Evidence"]
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
PATH = re.compile(r"`(?P<path>(?:[\w.-]+/)+[\w.-]*)`")
# Written by the user's own run, or standing for something else.
NOT_OURS = ("application/", "var/", "v1/", "simulator/", "vectors/", "crypto/", "db/", "health/")
LOCAL_ADDRESS = re.compile(
    r"/(root|home|work|Users)/|https?://(?!127\.0\.0\.1|[\w.]*example)[\w.]+"
)
PAGES = pages()
by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def shown(page: Path) -> Iterator[str]:
    for block in blocks(page):
        yield from commands(block)


def command_named(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the first words name, and what is left for it."""
    found: Any = typer.main.get_command(app)
    while words and (inner := getattr(found, "commands", None)):
        assert words[0] in inner, f"no command {words[0]}"
        found, words = inner[words[0]], words[1:]
    assert not hasattr(found, "commands"), "a group, not a command"
    return found, words


def check_onewindow(words: list[str]) -> None:
    found, left = command_named(words)
    options = {
        name: parameter
        for parameter in found.params
        for name in parameter.opts
        if parameter.param_type_name == "option"
    }
    arguments = [one for one in found.params if one.param_type_name == "argument"]
    given = 0
    while left:
        word, left = left[0], left[1:]
        if not word.startswith("-"):
            given += 1
            continue
        assert word in options, f"no option {word}"
        if not options[word].is_flag:
            assert left, f"{word} needs a value"
            left = left[1:]
    assert given == len(arguments)
    used = set(words)
    for parameter in options.values():
        assert not parameter.required or used.intersection(parameter.opts), parameter.name


def check_make(words: list[str]) -> None:
    for word in words:
        if "=" not in word:
            assert word in TARGETS, f"no target {word}"
    for variable in (word.partition("=")[0] for word in words if "=" in word):
        assert f"$({variable})" in MAKEFILE, f"no variable {variable}"


def check(command: str) -> None:
    words = command.split()
    if words[0] == "make":
        check_make(re.sub(r'"[^"]*"', "x", command).split()[1:])
    else:
        assert words[0].removeprefix(".venv/bin/") == "onewindow", f"who tests this? {command}"
        check_onewindow(words[1:])


def test_the_checks_bite():
    for wrong in (
        "make nothing",
        "make test ARG=1",
        "onewindow serve --nothing",
        "ls",
        "onewindow db",
    ):
        with pytest.raises(AssertionError):
            check(wrong)
    with pytest.raises(AssertionError):
        check("onewindow adapter new only_a_name")


@by_page
def test_every_command_is_accounted_for(page):
    for block in blocks(page):
        if page in READMES and not starts_programs(block):
            continue  # run as a whole by tests/journeys/test_readme.py
        for command in commands(block):
            check(command)


def test_the_readmes_have_a_session_to_run():
    for readme in READMES:
        run = session(readme)
        assert len(run) >= 4
        assert any("curl" in block for block in run)
        for block in run:
            assert not [line for line in commands(block) if line.split()[0] in PROGRAMS]


@by_page
def test_shell_blocks_are_marked(page):
    # A block in another language, or in none, would escape the tests.
    languages = {found["language"] for found in FENCE.finditer(page.read_text(encoding="utf-8"))}
    assert languages <= {"js", "sh", "mermaid", "toml"}


def test_both_readmes_have_the_same_commands():
    english, chinese = ([*shown(readme)] for readme in READMES)
    assert english == chinese
    assert {"make demo", "make test", "make demo ARGS=--once"} <= set(english)


def test_both_readmes_have_the_same_shape():
    def shape(page: Path) -> list[str]:
        text = page.read_text(encoding="utf-8")
        return [line.split()[0] for line in text.splitlines() if re.match(r"#+ |\| --|\|--", line)]

    assert shape(READMES[0]) == shape(READMES[1])


def test_generated_parts_are_new():
    assert generate.stale() == [], "run: .venv/bin/python docs/generate.py"


def test_every_generated_part_is_shown():
    marks = [
        found["name"]
        for page in PAGES
        for found in generate.MARK.finditer(page.read_text(encoding="utf-8"))
    ]
    assert sorted(marks) == sorted(generate.PARTS)


def test_every_state_table_is_drawn():
    page = (ROOT / "docs" / "states.md").read_text(encoding="utf-8")
    found = [
        str(ast.literal_eval(call.args[0]))
        for module in modules(*PACKAGES)
        for name, call in module.calls()
        if name == "StateTable"
    ]
    assert len(found) >= 5
    assert [name for name in found if f"\n`{name}` in `" not in page] == []


def test_every_level_is_the_one_that_the_pages_claim():
    registry = Registry.discover()
    levels = {str(registry.manifest(name).level) for name in registry.names()}
    assert levels == {"draft"}, "README, README.zh-CN and docs/adapter-guide.md say draft"


def test_a_stale_part_is_noticed():
    text = (ROOT / "docs" / "states.md").read_text(encoding="utf-8")
    assert generate.renewed(text.replace("DRAFT --> SUBMITTED", "DRAFT --> DECIDED")) == text


@by_page
def test_links_lead_somewhere(page):
    for found in LINK.finditer(FENCE.sub("", page.read_text(encoding="utf-8"))):
        target, _, anchor = found["target"].partition("#")
        aim = (page.parent / target).resolve() if target else page
        assert aim.exists(), found["target"]
        if anchor:
            headings = re.findall(r"^#+ (.*)$", aim.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, anchor


@by_page
def test_paths_exist(page):
    for found in PATH.finditer(page.read_text(encoding="utf-8")):
        path = found["path"]
        if path.startswith(NOT_OURS) or "…" in path or path.startswith("."):
            continue
        assert (ROOT / path).exists(), path


@by_page
def test_pages_name_no_machine_and_no_stranger(page):
    assert LOCAL_ADDRESS.findall(page.read_text(encoding="utf-8")) == []


def sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize(
    ("heading", "first"),
    [
        ("`POST /v1/cases/{case_id}/payments`", "gateway/api/v1/payments.py"),
        ("A pushed payment confirmation", "adapters/upstreams/cnnontax_tcp/listener.py"),
    ],
)
def test_a_request_passes_through_eight_files_at_most(heading, first):
    page = (ROOT / "docs" / "newcomer.md").read_text(encoding="utf-8")
    steps = re.findall(r"^\d+\. `([^`]+)`: (.*)$", sections(page)[heading], re.MULTILINE)
    assert steps[0][0] == first
    assert 3 <= len(steps) <= 8
    assert len({path for path, _ in steps}) == len(steps)
    for path, said in steps:
        text = (ROOT / path).read_text(encoding="utf-8")
        names = [name for name in re.findall(r"`([\w.]+)`", said) if "/" not in name]
        assert names, f"{path}: names nothing to look for"
        for name in names:
            assert any(part in text for part in (name, name.split(".")[-1])), f"{path}: no {name}"


@cache
def words_of_the_code() -> frozenset[str]:
    found: set[str] = set()
    for module in modules(*PACKAGES):
        found |= set(re.findall(r"\w+", module.text)) | {module.name.split(".")[-1]}
    return frozenset(found)


def test_the_glossary_names_what_is_there():
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| (.+?) \| `(\w+)` \|$", page, re.MULTILINE)
    assert len(rows) > 80
    assert [name for _, _, name in rows if name not in words_of_the_code()] == []
    for chinese, english, _ in rows:
        assert re.search(r"[\u4e00-\u9fff]", chinese), chinese
        assert not re.search(r"[\u4e00-\u9fff]", english), english
    terms = [chinese for chinese, _, _ in rows]
    assert len(set(terms)) == len(terms)
    undefined = len(re.findall(r"^\| [^|]*[\u4e00-\u9fff]", page, re.MULTILINE)) - len(rows)
    assert undefined == page.count("| 中文 |"), "a row that the pattern does not read"


def test_decisions_have_their_five_headings():
    folder = ROOT / "docs" / "decisions"
    names = sorted(path.name for path in folder.iterdir())
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(1, len(names) + 1)]
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for name in names:
        text = (folder / name).read_text(encoding="utf-8")
        assert text.startswith(f"# {name[:4]} "), name
        assert list(sections(text)) == DECISION_HEADINGS, name
        assert f"(decisions/{name})" in index


def test_every_mark_of_ours_is_in_the_list():
    listed = (ROOT / "docs" / "decisions" / "0011-what-is-ours.md").read_text(encoding="utf-8")
    marked = {
        path.relative_to(ROOT).as_posix()
        for path in files()
        if path.suffix == ".py"
        and path.relative_to(ROOT).parts[0] in PACKAGES
        and re.search(r"\bOURS\b", path.read_text(encoding="utf-8"))
    }
    folders = {"/".join(path.split("/")[:3]) for path in marked if "upstreams" in path}
    assert folders
    assert [folder for folder in folders if f"{folder}/" not in listed] == []
