"""Samples of awards and issued licences."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from e_license import IdDocType, issuing

TYPE = "11370102MB9000066L001"
ISSUER = issuing.Issuer("11370102MB9000066L", "济南市历下区行政审批服务局", "370102")
HOLDER = issuing.LicenceHolder("测试人", IdDocType.CITIZEN_ID, "370102199003071238")
VALUES = {"location": "泉城路示例段", "area_m2": "4", "until": "2027-06-30"}


def award(**changes: Any) -> issuing.Award:
    """Return what a decision grants."""
    made = issuing.Award("case-1", TYPE, ISSUER, (HOLDER,), VALUES, "staff:1")
    return replace(made, **changes)


def licence(**changes: Any) -> issuing.IssuedLicence:
    """Return a minted licence."""
    made = issuing.IssuedLicence(
        licence_id="lic_1",
        identifier="1.2.156.3005.2.x",
        type_code=TYPE,
        type_name="城镇道路占用、挖掘许可证",
        issuer=ISSUER,
        serial="20261124000000000001",
        edition=1,
        number="3701022026001000001",
        reference="case-1",
        state=issuing.IssuedState.NOT_ACTIVE,
        version=1,
        check_code="22222222",
        valid_from=date(2026, 11, 24),
        valid_to=date(2027, 6, 30),
        created_at=datetime(2026, 11, 24, tzinfo=UTC),
        actor="staff:1",
        content=issuing.Content((HOLDER,), {"ZYDD": "泉城路", "ZYMJ": "4"}),
    )
    return replace(made, **changes)
