"""The one place where two domains' types meet: who logged in becomes applicant, holder, payer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import e_license
import e_seal
import payments
from gateway.cases.model import Applicant, Case, Document, StaffScope, Unsealed
from gateway.catalog.model import ApplicantType, FeeRule, Item
from identity import IdType, Mandate, Principal, StaffMember, StaffRole

_DOCUMENT_TYPES: Final[Mapping[IdType, e_license.IdDocType]] = {
    IdType.RESIDENT_ID: e_license.IdDocType.CITIZEN_ID,
    IdType.HK_MACAO_PERMIT: e_license.IdDocType.HONG_KONG_MACAO_TRAVEL_PERMIT,
    IdType.TAIWAN_PERMIT: e_license.IdDocType.TAIWAN_TRAVEL_PERMIT,
    IdType.FOREIGN_PERMANENT: e_license.IdDocType.FOREIGN_PERMANENT_RESIDENT,
}
_WHOLE_REGION: Final = frozenset({StaffRole.CLERK, StaffRole.OPS, StaffRole.AUDITOR})
FEE_VERSION: Final = "1"
_LEAVE_TO_SEAL: Final = timedelta(days=30)


def applicant_of(principal: Principal, mandate: Mandate | None = None) -> Applicant:
    """Return who applies: the organisation where somebody acts for one, else the person.

    With a mandate it is whom the mandate represents, and the caller is the operator.
    """
    person, org = principal.person, principal.org
    if mandate is not None:
        person, org = mandate.person, mandate.org
    operator = principal.person
    if org is not None:
        return Applicant(
            type=ApplicantType.LEGAL_PERSON,
            name=org.name,
            id_type=e_license.IdDocType.UNIFIED_SOCIAL_CREDIT_CODE,
            id_number=org.uscc,
            operator_name=operator.name,
            operator_id_number=operator.id_number,
            mobile=operator.mobile or "",
        )
    return Applicant(
        type=ApplicantType.NATURAL_PERSON,
        name=person.name,
        id_type=_DOCUMENT_TYPES[person.id_type],
        id_number=person.id_number,
        operator_name=operator.name,
        operator_id_number=operator.id_number,
        mobile=operator.mobile or "",
    )


def holder_of(applicant: Applicant) -> e_license.Holder:
    """Return whose licences may replace materials: the applicant's own."""
    return e_license.Holder(e_license.IdDocType(applicant.id_type), applicant.id_number)


def basis_of(applicant: Applicant) -> e_license.AuthBasis:
    """Return the legal basis of an applicant's own consent: who acts for another is its agent."""
    if applicant.operator_id_number != applicant.id_number:
        return e_license.AuthBasis.ENTRUSTED
    return e_license.AuthBasis.HOLDER_ONLINE_CONSENT


def purpose_of(
    item: Item,
    reference: str,
    basis: e_license.AuthBasis = e_license.AuthBasis.HOLDER_ONLINE_CONSENT,
) -> e_license.Purpose:
    """Return why a licence is read: always filled from the item and the case, never by a client."""
    return e_license.Purpose(
        item_code=item.code,
        item_name=item.name[:200],
        reference=reference,
        cause=f"办理“{item.name}”免提交材料"[:200],
        auth_basis=basis,
    )


def order_of(case: Case, item: Item) -> payments.BillOrder:
    """Return what is to be billed for a case: quantity × standard per fee."""
    form = case.content.form
    applicant = case.content.applicant
    by_person = applicant.type is ApplicantType.NATURAL_PERSON
    return payments.BillOrder(
        reference=case.case_id,
        fee_version=FEE_VERSION,
        payer=payments.Payer(
            name=applicant.name,
            mobile=applicant.mobile,
            credit_code="" if by_person else applicant.id_number,
        ),
        items=tuple(_line(fee, form) for fee in item.fees),
    )


def _line(fee: FeeRule, form: dict[str, str]) -> payments.BillItem:
    return payments.BillItem(
        item_code=fee.code,
        name=fee.name,
        amount_fen=fee.amount(form),
        quantity=fee.quantity(form),
        unit=fee.unit,
    )


def seal_order_of(
    document: Document, case: Case, item: Item, unsealed: Unsealed
) -> e_seal.SealOrder:
    """Return what is to be sealed, by whom, and with whose leave."""
    seal_code = item.department.seal_code
    return e_seal.SealOrder(
        reference=case.case_id,
        item_code=item.code,
        document_id=document.document_id,
        version=document.version,
        name=document.number,
        content=unsealed.ofd,
        seal_code=seal_code,
        stamp=e_seal.StampPosition(unsealed.page, unsealed.centre_x, unsealed.centre_y),
        signer=e_seal.Signer(uid=document.actor),
        authorisation=e_seal.Authorisation(
            grant_id=f"{seal_code}:{item.basic_code}",
            approver=document.actor,
            expires_at=document.created_at + _LEAVE_TO_SEAL,
        ),
        actor=document.actor,
    )


def award_of(case: Case, item: Item, actor: str) -> e_license.issuing.Award:
    """Return what a favourable decision grants: the applicant's licence, with the form's values."""
    applicant, department = case.content.applicant, item.department
    holder = e_license.issuing.LicenceHolder(
        applicant.name, e_license.IdDocType(applicant.id_type), applicant.id_number
    )
    return e_license.issuing.Award(
        reference=case.case_id,
        type_code=item.result_licence_type,
        issuer=e_license.issuing.Issuer(department.uscc, department.name, department.region),
        holders=(holder,),
        values=case.content.form,
        actor=actor,
    )


def licence_order_of(
    licence: e_license.issuing.IssuedLicence, item: Item, composed: e_license.issuing.Composed
) -> e_seal.SealOrder:
    """Return the order to seal a licence, with the leave that its department's documents have."""
    seal_code = item.department.seal_code
    return e_seal.SealOrder(
        reference=licence.reference,
        item_code=item.code,
        document_id=licence.licence_id,
        version=1,
        name=licence.number,
        content=composed.content,
        seal_code=seal_code,
        stamp=e_seal.StampPosition(*composed.stamp),
        signer=e_seal.Signer(uid=licence.actor),
        authorisation=e_seal.Authorisation(
            grant_id=f"{seal_code}:{item.basic_code}",
            approver=licence.actor,
            expires_at=licence.created_at + _LEAVE_TO_SEAL,
        ),
        actor=licence.actor,
    )


def scope_of(member: StaffMember) -> StaffScope:
    """Return what a member of staff may see: clerks their region, others their own department."""
    return StaffScope(
        actor=f"staff:{member.id}",
        region=member.region,
        department="" if member.role in _WHOLE_REGION else member.department,
    )
