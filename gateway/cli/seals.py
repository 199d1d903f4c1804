"""onewindow seal: verify sealed documents, and say how this machine computes SM2."""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from e_seal import (
    FINDINGS,
    NOT_CHECKED,
    VERDICTS,
    Code,
    Finding,
    Report,
    Source,
    TrustStore,
    Verdict,
    verify_file,
)
from gateway.bootstrap.trust import trust_from, trust_of
from gateway.cli.shared import Config, fail
from gateway.settings import BadSettings, load
from kernel.clock import SystemClock
from kernel.crypto import sm2

app = typer.Typer(help="电子印章。 Electronic seals.", no_args_is_help=True)

UNREADABLE: Final = "UNREADABLE"
_GOOD: Final = frozenset({Verdict.VALID, Verdict.VALID_WITH_WARNINGS})
_NOT_VALID, _NOT_READ = 1, 2
_MAGIC: Final = (b"PK", b"%PDF-")


@app.command("verify")
def verify(
    files: Annotated[list[Path], typer.Argument(help="OFD 或 PDF 文件。 OFD or PDF files.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="每个文件一行 JSON。 One JSON object per file.")
    ] = False,
    trust: Annotated[
        list[Path] | None,
        typer.Option(
            help="信任的根证书 (PEM)，可多次给出。 PEM file of trusted roots; repeatable."
        ),
    ] = None,
    crl: Annotated[
        Path | None,
        typer.Option(help="证书撤销列表的文件或目录。 A revocation list, or a folder of them."),
    ] = None,
    config: Config = None,
) -> None:
    """验章：逐个文件给出结论与全部发现。 Verify documents: the verdict and every finding.

    Ends with 0 when all are valid, 1 when one is not, 2 when one cannot be read.
    """
    store = _store(trust, crl, config)
    status = 0
    for file in files:
        answer = _answer(file, store)
        result = answer["result"]
        if result not in _GOOD:
            status = max(status, _NOT_READ if result == UNREADABLE else _NOT_VALID)
        if as_json:
            typer.echo(json.dumps(answer, ensure_ascii=False))
        else:
            _show(answer)
    raise typer.Exit(status)


@app.command("backend")
def backend() -> None:
    """显示 SM2 实现与自检结果。 Show which SM2 implementation is at work, and its self-test."""
    typer.echo(str(sm2.backend_report()))


def _store(trust: list[Path] | None, crl: Path | None, config: Path | None) -> TrustStore:
    """Trust what the command line says, else what the settings say, else nobody."""
    try:
        if trust or crl:
            return trust_from(trust or (), revocation_lists=crl)
        try:
            options = load(config).seal
        except BadSettings:
            if config is not None:
                raise
            typer.secho(
                "没有可用的配置，也没有 --trust：证书链无法判断。 "
                "No usable settings and no --trust: certificates cannot be decided.",
                err=True,
            )
            return TrustStore()
        return trust_of(options)
    except BadSettings as exc:
        fail(f"配置有误 / settings: {exc}")


@contextmanager
def _opened(file: Path) -> Iterator[Source]:
    with file.open("rb") as stream:
        if file.stat().st_size == 0:
            yield b""
            return
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            yield mapped


def _answer(file: Path, store: TrustStore) -> dict[str, Any]:
    try:
        with _opened(file) as source:
            is_document = any(source[: len(magic)] == magic for magic in _MAGIC)
            report = verify_file(source, trust=store, now=SystemClock().now())
    except (OSError, ValueError) as exc:
        problem = (exc.strerror if isinstance(exc, OSError) else None) or "unreadable"
        finding = Finding(Code.OFD_MALFORMED, problem)
        return {"file": str(file), "result": UNREADABLE, "findings": [_finding(finding, ())]}
    result = report.verdict if is_document else UNREADABLE
    return {"file": str(file), "result": str(result), **_parts(report)}


def _parts(report: Report) -> dict[str, Any]:
    return {
        "findings": [_finding(finding, where) for finding, where in report.placed()],
        "signatures": [
            {
                "id": one.id,
                "type": one.type,
                "seal_code": one.seal_code,
                "seal_name": one.seal_name,
                "signer": one.signer,
                "signed_at": None if one.signed_at is None else one.signed_at.isoformat(),
                "covered": sorted(one.covered),
            }
            for one in report.signatures
        ],
        "not_checked": list(report.not_checked),
    }


def _finding(finding: Finding, where: tuple[str, ...]) -> dict[str, Any]:
    text = FINDINGS[finding.code]
    return {
        "code": str(finding.code),
        "severity": str(finding.code.severity),
        "where": list(where),
        "text": {"zh": text.zh, "en": text.en},
        "detail": finding.detail,
    }


def _show(answer: dict[str, Any]) -> None:
    result = answer["result"]
    text = VERDICTS[Verdict(result)] if result != UNREADABLE else None
    said = f"{text.zh} / {text.en}" if text else "无法读取 / Unreadable"
    typer.echo(f"{answer['file']}: {result} {said}")
    for one in answer.get("signatures", ()):
        typer.echo(f"  {one['seal_name'] or one['signer'] or one['id']} {one['signed_at'] or ''}")
    for one in answer["findings"]:
        where = " ".join(one["where"])
        typer.echo(f"  {one['severity']} {one['code']} {where}")
        typer.echo(f"    {one['text']['zh']} {one['text']['en']} ({one['detail']})")
    for name in answer.get("not_checked", ()):
        text = NOT_CHECKED[name]
        typer.echo(f"  未检查 / not checked: {text.zh} / {text.en}")
