"""Where two domains' types meet: applicant, holder, purpose, payer, seal order, scope."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

import e_license
import payments
from gateway.cases import translate
from gateway.cases.model import DocumentKind, Unsealed
from gateway.catalog.model import ApplicantType
from identity import (
    Aal,
    ActingRole,
    Ial,
    IdType,
    Org,
    Person,
    Principal,
    StaffMember,
    StaffRole,
    UserType,
)
from kernel.money import fen
from tests.unit.cases.samples import (
    COMPANY,
    ID_NUMBER,
    NOW,
    PERSON,
    ROAD,
    USCC,
    case_of,
    document_of,
    item,
)


def principal(**changes: Any) -> Principal:
    fields: dict[str, Any] = {
        "sub": "P_0001",
        "idp": "sd_jis",
        "user_type": UserType.NATURAL_PERSON,
        "upstream_sub": "jis-u-000001",
        "person": Person(
            name="张明轩",
            id_type=IdType.RESIDENT_ID,
            id_number=ID_NUMBER,
            mobile="13800000001",
        ),
        "ial": Ial.REAL_PERSON,
        "aal": Aal(1),
        "amr": (),
        "auth_time": NOW,
    }
    return Principal(**{**fields, **changes})


def test_person_applies_for_itself():
    assert translate.applicant_of(principal()) == PERSON


def test_organisation_applies_and_the_human_operates():
    org = Org(name="山东一窗示例科技有限公司", uscc=USCC)
    acting = principal(user_type=UserType.LEGAL_PERSON, org=org, acting_role=next(iter(ActingRole)))
    assert translate.applicant_of(acting) == COMPANY


@pytest.mark.parametrize("id_type", list(IdType))
def test_every_kind_of_identity_document_has_a_code(id_type: IdType):
    person = replace(principal().person, id_type=id_type)
    code = translate.applicant_of(principal(person=person)).id_type
    assert e_license.IdDocType(code)


def test_holder_is_always_the_applicant():
    assert translate.holder_of(PERSON).code == ID_NUMBER
    assert translate.holder_of(COMPANY).code == USCC


def test_purpose_comes_from_item_and_case():
    purpose = translate.purpose_of(replace(item(), name="长" * 1000), "case_0001")
    assert (purpose.item_code, purpose.reference) == (ROAD, "case_0001")
    assert len(purpose.item_name) <= 200
    assert len(purpose.cause) <= 200
    assert purpose.auth_basis is e_license.AuthBasis.HOLDER_ONLINE_CONSENT


def test_bill_of_a_person_and_of_an_organisation():
    road = item()
    order = translate.order_of(case_of(road), road)
    (line,) = order.items
    assert (line.amount_fen, line.quantity) == (fen(8000), Decimal(4))
    assert order.original_fen == fen(8000)
    assert order.payer == payments.Payer("张明轩", "13800000001", "")
    by_company = translate.order_of(case_of(road, COMPANY), road)
    assert by_company.payer.credit_code == USCC


def test_seal_order_names_seal_leave_and_person():
    road = item()
    document = document_of(DocumentKind.GRANT)
    order = translate.seal_order_of(document, case_of(road), road, Unsealed(b"ofd", 1, 2.5, 3.5))
    assert (order.document_id, order.version, order.seal_code) == ("doc_0001", 1, "37010200000106")
    assert (order.stamp.page, order.stamp.centre_x, order.stamp.centre_y) == (1, 2.5, 3.5)
    assert order.authorisation.grant_id == f"37010200000106:{road.basic_code}"
    assert order.authorisation.expires_at > NOW
    assert order.signer.uid == order.actor == "staff:clerk-1"
    assert translate.seal_order_of(
        document, case_of(road), road, Unsealed(b"ofd", 1, 2.5, 3.5)
    ) == (order)


@pytest.mark.parametrize("role", list(StaffRole))
def test_scope_of_staff(role: StaffRole):
    member = StaffMember("m1", "测试员", role, "11370102MB9000066L", "370102")
    scope = translate.scope_of(member)
    assert (scope.actor, scope.region) == ("staff:m1", "370102")
    whole = role in {StaffRole.CLERK, StaffRole.OPS, StaffRole.AUDITOR}
    assert scope.department == ("" if whole else "11370102MB9000066L")


def test_applicants_types_are_those_of_the_catalogue():
    assert {PERSON.type, COMPANY.type} == set(ApplicantType)
