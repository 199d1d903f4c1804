"""Shows whoever scans a document's code what that document is (文书核验页面); needs no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from datetime import date
from html import escape
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

import e_license
from e_seal import VERDICTS, Verdict
from gateway.api.callers import Services
from gateway.api.limiter import TooManyRequests
from gateway.api.v1.public_documents import limited
from gateway.cases.errors import DocumentNotFound
from gateway.cases.model import Checked, DocumentKind
from kernel.clock import beijing, beijing_day
from kernel.errors import Failure, Text
from kernel.gbcodes import LICENCE_ROOT

router = APIRouter(include_in_schema=False)

_STYLE: Final = (
    "body{font:16px/1.6 system-ui,sans-serif;max-width:44rem;margin:0 auto;padding:1rem;"
    "color:#1d2129;background:#fff}h1{font-size:1.4rem}"
    ".result{padding:.6rem 1rem;border-left:.4rem solid;font-size:1.2rem}"
    ".good{border-color:#0a7d33;background:#eaf6ee}.bad{border-color:#b3261e;background:#fbecea}"
    ".unsure{border-color:#8a6100;background:#fdf5e0}dt{color:#4e5969;margin-top:.7rem}"
    "dd{margin:0;overflow-wrap:anywhere}.digest{font-family:monospace}[lang=en]{color:#4e5969}"
)
_POLICY: Final = (
    "default-src 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TITLE: Final = Text("文书核验", "Check of a document")
_COMPARE: Final = Text(
    "请将以上内容与您手中的文书逐项核对。本页只说明该编号的文书由本机关签发；"
    "电子文件是否被改动，请在验章页面核验。",
    "Compare this with the document at hand. This page only says that a document with this number "
    "was issued; whether a file was changed, the verification page tells.",
)
_TO_VERIFY: Final = Text("打开验章页面", "Open the verification page")
_NOT_FOUND: Final = Text(
    "没有与该编号和校验码相符的文书。请核对文书上的编号与校验码；刚签发的文书可能尚在用章。",
    "No document has this number and code. Please compare both with what is printed; a document "
    "that was issued just now may still be waiting for its seal.",
)
_MOOD: Final[Mapping[Verdict, str]] = {
    Verdict.VALID: "good",
    Verdict.VALID_WITH_WARNINGS: "good",
    Verdict.INVALID: "bad",
    Verdict.INDETERMINATE: "unsure",
}
_KINDS: Final[Mapping[DocumentKind, str]] = {
    DocumentKind.RECEIPT: "Receipt of the application",
    DocumentKind.ACCEPTANCE: "Notice of acceptance",
    DocumentKind.NON_ACCEPTANCE: "Notice of non-acceptance",
    DocumentKind.CORRECTION: "Request to complete the materials",
    DocumentKind.SPECIAL_PROCEDURE: "Notice of a special procedure",
    DocumentKind.EXTENSION: "Notice of an extended time limit",
    DocumentKind.GRANT: "Decision to grant",
    DocumentKind.REFUSAL: "Decision to refuse",
    DocumentKind.DELIVERY: "Proof of delivery",
}


@router.api_route("/check/{number}", methods=["GET", "HEAD"])
async def check_page(
    request: Request, services: Services, number: str, code: str = ""
) -> HTMLResponse:
    """Answer the page of a sealed document whose number and code (校验码) somebody has.

    Any other number or code gets one and the same page; both count with the public interface.
    """
    try:
        limited(request, services)
        if number.startswith(f"{LICENCE_ROOT}."):
            licence = await services.results.check(number, code)
            return _answer(200, _licence(licence, beijing_day(services.clock.now())))
        checked = await services.papers.check(number, code)
    except (DocumentNotFound, e_license.issuing.IssuedNotFound) as refusal:
        return _refused(refusal, _NOT_FOUND)
    except TooManyRequests as refusal:
        return _refused(refusal, refusal.citizen)
    return _answer(200, _shown(checked))


def _refused(refusal: Failure, why: Text) -> HTMLResponse:
    body = f'<p class="result bad">{_both(refusal.title)}</p><p>{_both(why)}</p>'
    answer = _answer(refusal.status, body)
    if refusal.retry_after is not None:
        answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer


def _shown(checked: Checked) -> str:
    verdict = Verdict(checked.verdict)
    sealed_at = checked.sealed_at
    kind = Text(checked.title, _KINDS[checked.kind])
    rows = [
        (Text("文书", "Document"), _both(kind)),
        (Text("编号", "Number"), escape(checked.number)),
        (Text("机关", "Department"), escape(checked.department)),
        (Text("签发日期", "Issued on"), beijing_day(checked.issued_at).isoformat()),
        (
            Text("用章时间（北京时间）", "Sealed at (Beijing time)"),
            "" if sealed_at is None else f"{beijing(sealed_at):%Y-%m-%d %H:%M:%S}",
        ),
        (Text("文件摘要 SM3", "Digest SM3"), _digest(checked.sm3)),
        (Text("文件摘要 SHA-256", "Digest SHA-256"), _digest(checked.sha256)),
    ]
    told = Text("电子印章：", "Seal: "), VERDICTS[verdict]
    result = Text(told[0].zh + told[1].zh, told[0].en + told[1].en)
    return (
        f'<p class="result {_MOOD[verdict]}">{_both(result)}</p><dl>{_listed(rows)}</dl>'
        f'<p>{_both(_COMPARE)}</p><p><a href="/verify">{_both(_TO_VERIFY)}</a></p>'
    )


def _licence(licence: e_license.issuing.IssuedLicence, today: date) -> str:
    state = licence.state_on(today)
    end = licence.valid_to
    rows = [
        (Text("证照", "Licence"), escape(licence.type_name)),
        (Text("电子证照标识", "Identifier"), escape(licence.identifier)),
        (Text("证照编号", "Number"), escape(licence.number)),
        (Text("颁发机构", "Issuer"), escape(licence.issuer.name)),
        (Text("有效期起始", "Valid from"), licence.valid_from.isoformat()),
        (Text("有效期截止", "Valid to"), "长期" if end is None else end.isoformat()),
        (Text("文件摘要 SM3", "Digest SM3"), _digest(licence.sm3)),
    ]
    mood = "good" if state is e_license.LicenceState.VALID else "bad"
    result = _both(e_license.STATE_TEXTS[state])
    return (
        f'<p class="result {mood}">{result}</p><dl>{_listed(rows)}</dl>'
        f'<p>{_both(_COMPARE)}</p><p><a href="/verify">{_both(_TO_VERIFY)}</a></p>'
    )


def _listed(rows: Iterable[tuple[Text, str]]) -> str:
    return "".join(f"<dt>{_both(name)}</dt><dd>{value}</dd>" for name, value in rows)


def _digest(value: str) -> str:
    return f'<span class="digest">{escape(value)}</span>'


def _both(text: Text) -> str:
    return f'{escape(text.zh)} <span lang="en">{escape(text.en)}</span>'


def _answer(status: int, body: str) -> HTMLResponse:
    page = (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex">'
        f"<title>{escape(_TITLE.zh)} {escape(_TITLE.en)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{_both(_TITLE)}</h1>{body}</main></body></html>"
    )
    return HTMLResponse(page, status, headers={"Content-Security-Policy": _POLICY})
