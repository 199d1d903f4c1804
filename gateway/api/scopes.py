"""Which scope (授权范围) a token needs for each route of the interface; a route that is not here is
open to no applicant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ANY: Final = ""
"""Any token of a citizen."""

REQUIRED: Final[Mapping[tuple[str, str], str]] = {
    ("GET", "/v1/me"): ANY,
    ("POST", "/v1/auth/logout"): ANY,
    ("POST", "/v1/auth/step-up"): ANY,
    ("POST", "/v1/auth/step-up/{step_up_id}/result"): ANY,
    ("GET", "/v1/me/mandates"): ANY,
    ("POST", "/v1/me/mandates"): "mandate.write",
    ("POST", "/v1/me/mandates/{mandate_id}/revoke"): "mandate.write",
    ("GET", "/v1/me/organisations"): "profile",
    ("GET", "/v1/me/payables"): "pay.read",
    ("POST", "/v1/prechecks"): "case.read",
    ("GET", "/v1/me/licence-uses"): ANY,
    ("POST", "/v1/documents:verify"): ANY,
    ("GET", "/v1/events"): "event.read",
    ("GET", "/v1/events/stream"): "event.read",
    ("POST", "/v1/cases"): "case.write",
    ("GET", "/v1/cases"): "case.read",
    ("GET", "/v1/cases/{case_id}"): "case.read",
    ("GET", "/v1/cases/{case_id}/timeline"): "case.read",
    ("PUT", "/v1/cases/{case_id}/form"): "case.write",
    ("POST", "/v1/cases/{case_id}/submit"): "case.submit",
    ("POST", "/v1/cases/{case_id}/withdraw"): "case.submit",
    ("POST", "/v1/cases/{case_id}/discard"): "case.write",
    ("POST", "/v1/cases/{case_id}/collect"): "case.submit",
    ("PUT", "/v1/cases/{case_id}/materials/{code}"): "material.write",
    ("POST", "/v1/cases/{case_id}/materials/{code}/licence"): "licence.use",
    ("POST", "/v1/cases/{case_id}/materials/{code}/exemption"): "material.write",
    ("GET", "/v1/cases/{case_id}/documents"): "case.read",
    ("GET", "/v1/cases/{case_id}/documents/{document_id}/content"): "case.read",
    ("GET", "/v1/cases/{case_id}/documents/{document_id}/preview"): "case.read",
    ("GET", "/v1/cases/{case_id}/licences"): "case.read",
    ("GET", "/v1/cases/{case_id}/licences/{licence_id}/content"): "case.read",
    ("POST", "/v1/cases/{case_id}/payments"): "pay.create",
    ("GET", "/v1/cases/{case_id}/payments"): "pay.read",
    ("GET", "/v1/cases/{case_id}/payments/{bill_id}"): "pay.read",
    ("GET", "/v1/cases/{case_id}/payments/{bill_id}/events"): "pay.read",
    ("POST", "/v1/cases/{case_id}/payments/{bill_id}/void"): "pay.create",
    ("POST", "/v1/cases/{case_id}/payments/{bill_id}/refunds"): "pay.create",
    ("GET", "/v1/cases/{case_id}/payments/{bill_id}/refunds"): "pay.read",
    ("GET", "/v1/cases/{case_id}/payments/{bill_id}/receipt"): "pay.read",
}

NOT_GRANTED: Final = frozenset({("POST", "/v1/me/organisations/{organisation_id}/switch")})
"""Open to the token of the simple login only: a switch ends the session, and with it every grant;
a relying party signs the citizen in again instead.
"""
