"""Writes the parts of the documentation that the code knows best, between marks in the pages."""  # noqa: INP001

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("gateway", "adapters", "identity", "e_license", "e_seal", "payments", "kernel")
PAGES: Final = (
    "docs/api.md",
    "docs/operations-guide.md",
    "docs/portal-guide.md",
    "docs/states.md",
    "README.md",
    "README.zh-CN.md",
)
MARK: Final = re.compile(
    r"(?P<open><!-- generated: (?P<name>[a-z-]+) -->\n)(?P<body>.*?)(?P<close><!-- end -->)",
    re.DOTALL,
)
_MACHINES: Final[Mapping[str, str]] = {
    "case": "办件 case",
    "payments.pay": "缴款单 bill, pay axis",
    "identity.login": "登录 login",
    "identity.session": "会话 session",
    "e_seal.act": "用印 seal act",
}
"""Titles of the machines that everybody asks for, in this order; any other comes after them."""

Row = tuple[str, ...]


def table(head: Row, rows: Iterable[Row]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in lines
    )


def _parsed() -> Iterator[tuple[Path, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path, ast.parse(path.read_text("utf-8"))


def _import_everything() -> None:
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix().removesuffix(".py").removesuffix("/__init__")
        import_module(name.replace("/", "."))


# --- errors


def _below(root: type[Any]) -> Iterator[type[Any]]:
    yield root
    for child in root.__subclasses__():
        yield from _below(child)


def failures() -> list[type[Any]]:
    """Return every error that a caller may be told, by code."""
    _import_everything()
    root = import_module("kernel.errors").Failure
    found = {kind for kind in _below(root) if kind.__module__.split(".")[0] in PACKAGES}
    return sorted(found, key=lambda kind: str(kind.code))


def errors() -> str:
    """Return the table of error codes."""
    rows = [
        (
            f"`{kind.code}`",
            str(kind.status),
            "" if kind.retry_after is None else f"{kind.retry_after} s",
            kind.title.zh,
            kind.title.en,
            kind.citizen.zh,
            f"`{kind.__module__}`",
        )
        for kind in failures()
    ]
    head = ("code", "HTTP", "Retry-After", "title zh", "title en", "citizen zh", "defined in")
    return table(head, rows)


# --- states


def _machines() -> Mapping[str, tuple[str, Any]]:
    """Return module and table of every state machine, by its name."""
    _import_everything()
    kind = import_module("kernel.states").StateTable
    found = {
        table.name: (name, table)
        for name, module in sorted(sys.modules.items())
        if name.split(".")[0] in PACKAGES
        for table in vars(module).values()
        if isinstance(table, kind) and name.endswith(".states")
    }
    return {name: found[name] for name in (*_MACHINES, *sorted(set(found) - set(_MACHINES)))}


def states() -> str:
    """Return every state table as a diagram."""
    parts = [
        f"## {_MACHINES.get(name, name)}\n\n`{name}` in `{module}`.\n\n"
        f"```mermaid\n{machine.diagram()}```\n"
        for name, (module, machine) in _machines().items()
    ]
    return "\n" + "\n".join(parts) + "\n"


def case_states() -> str:
    """Return what a portal shows for each state of a case."""
    module = import_module("gateway.cases.states")
    rows = [
        (
            f"`{state.name}`",
            module.LABELS[state].zh,
            module.LABELS[state].en,
            f"`{module.PUBLIC[state].name}`",
            ", ".join(f"`{after.name}`" for after in module.TABLE.allowed(state)) or "final",
        )
        for state in module.LABELS
    ]
    return table(("state", "zh", "en", "public_state", "may follow"), rows)


def bill_states() -> str:
    """Return what a portal shows for each public status of a bill."""
    labels = import_module("payments.states").LABELS
    return table(
        ("status", "zh", "en"),
        [(f"`{status.name}`", text.zh, text.en) for status, text in labels.items()],
    )


# --- settings


def _documented(model: type[BaseModel]) -> dict[str, str]:
    """Return the sentence that stands below each field in the source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    found: dict[str, str] = {}
    body = getattr(tree, "body", [])
    for field, after in pairwise(body):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[field.target.id] = " ".join(str(after.value.value).split())
    return found


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _plain(annotation: Any) -> str:
    """Return a type as one writes it, without modules and without constraints."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _plain(parts[0])
    if origin in {Union, UnionType}:
        return " | ".join(_plain(part) for part in parts)
    if origin is not None:
        inner = ", ".join("..." if part is Ellipsis else _plain(part) for part in parts)
        return f"{origin.__name__}[{inner}]"
    if annotation is type(None):
        return "None"
    return str(getattr(annotation, "__name__", annotation))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    return f"`{value}`" if value not in (None, "", (), [], {}) else "none"


def _bounds(field: FieldInfo) -> str:
    found = []
    for rule in field.metadata:
        for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
            limit = getattr(rule, name, None)
            if limit is not None:
                found.append(f"{sign} {limit}")
    return ", ".join(found)


def _fields(model: type[BaseModel], prefix: str) -> Iterator[Row]:
    sentences = _documented(model)
    for name, field in model.model_fields.items():
        where = f"{prefix}{name}"
        # A mapping or list of sections is described by the section; one section by its fields.
        inner = next(_models(field.annotation), None)
        if inner is None:
            about = " ".join(filter(None, (sentences.get(name, ""), _bounds(field))))
            yield f"`{where}`", f"`{_plain(field.annotation)}`", _default(field), about
        elif str(field.annotation).startswith(("dict", "tuple", "list")):
            yield from _fields(
                inner, f"{where}.<name>." if "dict" in str(field.annotation) else f"{where}[]."
            )
        else:
            yield from _fields(inner, f"{where}.")


def settings() -> str:
    """Return every setting with its type, default, meaning and bounds."""
    rows = list(_fields(import_module("gateway.settings").Settings, ""))
    return table(("setting", "type", "default", "meaning, bounds"), rows)


# --- metrics, tasks, commands


def metrics() -> str:
    """Return every metric that some process shows."""
    rows = []
    for path, tree in _parsed():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            texts = [arg for arg in node.args if isinstance(arg, ast.Constant)]
            if len(texts) < 2 or not str(texts[0].value).startswith("onewindow_"):
                continue
            labels = next((arg for arg in node.args if isinstance(arg, ast.Tuple)), None)
            names = [] if labels is None else [ast.literal_eval(part) for part in labels.elts]
            rows.append(
                (
                    f"`{texts[0].value!s}{'_total' if node.func.id == 'Counter' else ''}`",
                    node.func.id.lower(),
                    ", ".join(names),
                    str(texts[1].value),
                    f"`{path.relative_to(ROOT).as_posix()}`",
                )
            )
    return table(("metric", "kind", "labels", "meaning", "made in"), sorted(rows))


def tasks() -> str:
    """Return every kind of task that the worker knows."""
    registry = import_module("kernel.db.task_kinds").TaskRegistry()
    # The steps are closures over the container; only their names and limits are read here.
    import_module("gateway.worker.steps").register(registry, None)
    periods = {cron.kind: str(cron.every) for cron in registry.crons}
    rows = [
        (f"`{kind.name}`", str(len(kind.steps)), str(kind.max_attempts), periods.get(name, ""))
        for name, kind in sorted(registry.kinds.items())
    ]
    return table(("kind", "steps", "attempts per step", "every"), rows)


def commands() -> str:
    """Return every command of the command line."""
    import typer  # noqa: PLC0415 - only this table needs it

    main = typer.main.get_command(import_module("gateway.cli.main").app)
    rows: list[Row] = []

    def walk(command: Any, words: str) -> None:
        inner = getattr(command, "commands", None)
        if inner is not None:
            for name, child in inner.items():
                walk(child, f"{words} {name}")
            return
        options = [
            max(parameter.opts, key=len)
            if parameter.param_type_name == "option"
            else parameter.name.upper()
            for parameter in command.params
            if parameter.name != "help"
        ]
        rows.append(
            (
                f"`{words}`",
                " ".join(f"`{option}`" for option in options),
                (command.help or "").split("\n")[0],
            )
        )

    walk(main, "onewindow")
    return table(("command", "arguments, options", "what it does"), rows)


def endpoints() -> str:
    """Return every route of the interface with its first sentence."""
    # Describing the interface needs no services.
    document = import_module("gateway.main").create_api(None).openapi()
    rows = [
        (
            operation.get("tags", [""])[0],
            f"`{method.upper()}`",
            f"`{path}`",
            operation.get("description", "").split("\n")[0],
        )
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    return table(("group", "method", "path", "what it does"), rows)


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "errors": errors,
    "states": states,
    "case-states": case_states,
    "bill-states": bill_states,
    "settings": settings,
    "metrics": metrics,
    "tasks": tasks,
    "commands": commands,
    "endpoints": endpoints,
}


def renewed(text: str) -> str:
    """Return a page with every generated part as the code has it now."""
    return MARK.sub(lambda found: found["open"] + PARTS[found["name"]]() + found["close"], text)


def stale() -> list[str]:
    """Return the pages whose generated parts are not what the code says."""
    found = []
    for name in PAGES:
        text = (ROOT / name).read_text("utf-8")
        if renewed(text) != text:
            found.append(name)
    return found


def main() -> None:
    """Rewrite the pages that are stale."""
    sys.path.insert(0, str(ROOT))
    for name in PAGES:
        path = ROOT / name
        text = path.read_text("utf-8")
        path.write_text(renewed(text), "utf-8")


if __name__ == "__main__":
    main()
