"""Plays one case from declaration to delivery, as a citizen and a clerk, step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from gateway.cli.demo.installation import Installation
from gateway.cli.demo.portal import Caller, DemoFailed, pay_at_bank, sign_in
from kernel.ids import IdSource
from kernel.money import fen, format_yuan

ITEM: Final = "11370102MB9000066L4000117010000"
ACCOUNT: Final = "jis-u-000001"
FORM: Final = {
    "location": "济南市历下区泉城路示例段",
    "area_m2": "4",
    "until": "2027-06-30",
}
_PLAN: Final = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)
_SECONDS: Final = 30.0

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Played:
    """What came of the case."""

    case: dict[str, Any]
    documents: list[Path]
    verdicts: list[str]
    timeline: list[dict[str, Any]]
    pay_code: str


def play(installation: Installation, ids: IdSource, tell: Tell) -> Played:
    """Play the case. Raises DemoFailed in one sentence."""
    with httpx.Client(base_url=installation.url, timeout=_SECONDS) as http:
        tell("公民登录（统一身份认证）· The citizen signs in at the province")
        token, name = sign_in(installation.url, installation.return_to, ACCOUNT, ids)
        citizen = Caller(http, token, ids)
        clerk = Caller(http, installation.tokens["clerk"], ids)
        approver = Caller(http, installation.tokens["approver"], ids)
        case_id = _declare(citizen, name, tell)
        tell("窗口收件、受理 · The clerk receives and accepts")
        clerk.post(f"/v1/staff/cases/{case_id}/receive")
        clerk.post(f"/v1/staff/cases/{case_id}/accept")
        pay_code = _pay(citizen, case_id, tell)
        tell("审批人作出决定 · The approver decides")
        approver.post(f"/v1/staff/cases/{case_id}/decide", {"outcome": "GRANTED"})
        return _collect(citizen, case_id, installation.folder, pay_code, tell)


def _declare(citizen: Caller, name: str, tell: Tell) -> str:
    tell(f"{name} 预检：哪些材料可由证照免提交 · Pre-check: which materials do licences replace")
    outlook = citizen.post(
        "/v1/prechecks", {"item_code": ITEM, "form": FORM, "licence_consent": True}
    )
    fee = format_yuan(fen(outlook["fee_fen"]))
    tell(f"需自备材料 {outlook['to_bring']} 份，费用 {fee} 元 · to bring, and the fee in yuan")
    case = citizen.post("/v1/cases", {"item_code": ITEM, "channel": "PC_WEB", "form": FORM})
    path = f"/v1/cases/{case['case_id']}"
    for material in outlook["materials"]:
        target = f"{path}/materials/{material['code']}"
        if material["replaced"]:
            tell(f"电子证照代替“{material['name']['zh']}” · A licence replaces a material")
            citizen.post(f"{target}/licence", {"consent": True})
        else:
            tell(f"上传“{material['name']['zh']}” · A file is uploaded")
            citizen.put(target, _PLAN, "application/pdf")
    submitted = citizen.post(f"{path}/submit")
    tell(f"已申报，收件编号 {submitted['receipt_no']} · Submitted")
    return str(case["case_id"])


def _pay(citizen: Caller, case_id: str, tell: Tell) -> str:
    path = f"/v1/cases/{case_id}"
    tell("部门审查（仿真部门）· The simulated department reviews")
    citizen.wait(path, lambda case: case["state"] == "AWAITING_PAYMENT", "review")
    bill = citizen.post(f"{path}/payments")
    tell(f"缴款识别码 {bill['pay_code']}，在仿真银行缴费 · Paying {bill['amount_yuan']} yuan")
    pay_at_bank(bill["pay_url"])
    citizen.wait(path, lambda case: bool(case["fee_paid"]), "payment confirmation")
    tell("财政确认到款（推送、签名、对额）· The finance system confirmed the payment")
    return str(bill["pay_code"])


def _collect(citizen: Caller, case_id: str, folder: Path, pay_code: str, tell: Tell) -> Played:
    path = f"/v1/cases/{case_id}"
    tell("电子印章签章、验章 · Documents are sealed and verified")
    citizen.wait(path, lambda case: case["state"] == "DELIVERING", "sealed decision")
    _sealed(citizen, path)
    tell("申请人签收，生成送达回证 · The citizen confirms receipt; delivery is put on record")
    case = citizen.post(f"{path}/collect")
    if case["state"] != "DELIVERED":
        raise DemoFailed(f"办件停在 {case['state']} / the case ended in {case['state']}")
    listed = _sealed(citizen, path)
    place = folder / "documents"
    place.mkdir(exist_ok=True)
    saved = []
    for document in listed:
        file = place / f"{document['kind'].lower()}-{document['document_id']}.ofd"
        file.write_bytes(citizen.raw(f"{path}/documents/{document['document_id']}/content"))
        saved.append(file)
    timeline = citizen.get(f"{path}/timeline")
    return Played(case, saved, [d["verdict"] for d in listed], timeline, pay_code)


def _sealed(citizen: Caller, path: str) -> list[dict[str, Any]]:
    """Wait until every document of the case is sealed, and return them."""
    found: list[dict[str, Any]] = citizen.wait(
        f"{path}/documents",
        lambda listed: all(document["state"] == "SEALED" for document in listed),
        "sealed documents",
    )
    return found
