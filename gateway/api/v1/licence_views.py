"""What the interface shows of issued licences (已发证照)."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import BaseModel, Field

import e_license
from gateway.api.v1.shapes import Named, shown


class IssuedView(BaseModel):
    """One version of an issued licence, without anything personal."""

    licence_id: str
    identifier: str = Field(description="电子证照标识 (GB/T 36904)")
    type_code: str
    name: str
    number: str = Field(description="证照编号")
    issuer: str
    edition: int = Field(description="版本号; one more with every re-issue")
    state: str = Field(description="State today; EXPIRED is computed from the term")
    state_label: Named
    valid_from: str
    valid_to: str | None = Field(description="Last day; null is 长期")
    issued_at: str | None
    sha256: str
    sm3: str
    verdict: str = Field(description="Verdict of the gateway's own verification of the seal")

    @classmethod
    def of(cls, licence: e_license.issuing.IssuedLicence, today: date) -> IssuedView:
        return cls(**_shared(licence, today))


class OwnLicenceView(IssuedView):
    """The same for its holder, with the code that lets others check it."""

    check_code: str

    @classmethod
    def of(cls, licence: e_license.issuing.IssuedLicence, today: date) -> OwnLicenceView:
        return cls(**_shared(licence, today), check_code=licence.check_code)


class StaffLicenceView(IssuedView):
    """The same for its department."""

    reference: str = Field(description="Case id")
    previous: str = Field(description="Id of the version that this one replaces")
    lacks: list[str] = Field(description="Catalogue columns still empty; none: ready to be sent")

    @classmethod
    def of(cls, licence: e_license.issuing.IssuedLicence, today: date) -> StaffLicenceView:
        record = e_license.issuing.index_record(licence, "I", "")
        return cls(
            **_shared(licence, today),
            reference=licence.reference,
            previous=licence.previous,
            lacks=list(e_license.issuing.lacking(record)),
        )


def _shared(licence: e_license.issuing.IssuedLicence, today: date) -> dict[str, Any]:
    state = licence.state_on(today)
    label = e_license.STATE_TEXTS[state]
    return {
        "licence_id": licence.licence_id,
        "identifier": licence.identifier,
        "type_code": licence.type_code,
        "name": licence.type_name,
        "number": licence.number,
        "issuer": licence.issuer.name,
        "edition": licence.edition,
        "state": state.value,
        "state_label": Named(zh=label.zh, en=label.en),
        "valid_from": licence.valid_from.isoformat(),
        "valid_to": None if licence.valid_to is None else licence.valid_to.isoformat(),
        "issued_at": shown(licence.issued_at),
        "sha256": licence.sha256,
        "sm3": licence.sm3,
        "verdict": licence.verdict,
    }
