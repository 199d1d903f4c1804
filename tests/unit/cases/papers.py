"""What documents say beyond their case, and a case that has everything that they may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.cases import forms
from gateway.cases.forms.values import DETAILS
from gateway.cases.model import Case, CaseMaterial, CaseState, MaterialSource
from gateway.catalog.model import Item
from tests.unit.cases.samples import NOW, case_of

CHECK_URL = "https://yichuang.example.gov.cn/check"
MORE = {
    "corrections": "1. 施工方案及平面图：未加盖设计单位印章。\n2. 不动产权证书：请补充附图页。",
    "correction_deadline": "2026年3月16日",
    "procedure": "专家评审",
    "procedure_days": "15",
    "extension_days": "10",
    "extended_until": "2026年3月30日",
    "reason_of_extension": "现场踏勘涉及多个部门会商",
}
DELIVERED = (("准予行政许可决定书", "〔2026〕370102准000001号"),)
assert set(MORE) == DETAILS


def issue(details: Mapping[str, str] | None = None) -> forms.Issue:
    return forms.Issue(CHECK_URL, DELIVERED, MORE if details is None else details)


def whole_case(item: Item, **changes: Any) -> Case:
    """A case that went all the way."""
    materials = tuple(
        CaseMaterial(
            material.code,
            MaterialSource.LICENCE if material.licence_types else MaterialSource.UPLOAD,
            NOW,
        )
        for material in item.materials
    )
    fields: dict[str, Any] = {
        "state": CaseState.DECIDED,
        "decided_at": NOW,
        "fee_paid": bool(item.fees),
        "materials": materials,
    }
    return case_of(item, **{**fields, **changes})
