"""From an order to its act, and from an act to the request that the province is sent."""

from datetime import datetime

from e_seal.media import restored
from e_seal.model import (
    ActKind,
    ActState,
    Papers,
    SealAct,
    SealOrder,
    SignatureForm,
    SignRequest,
    content_digest,
)
from kernel.ids import IdSource


def drafted(order: SealOrder, page_count: int, ids: IdSource, now: datetime) -> SealAct:
    """The new act of an order."""
    return SealAct(
        act_id=ids.new("seal"),
        request_id=ids.new("sign"),
        reference=order.reference,
        item_code=order.item_code,
        document_id=order.document_id,
        document_version=order.version,
        name=order.name,
        page_count=page_count,
        content_digest=content_digest(order.content),
        seal_code=order.seal_code,
        stamp=order.stamp,
        signer=order.signer,
        authorisation=order.authorisation,
        state=ActState.DRAFT,
        created_at=now,
        updated_at=now,
        kind=order.kind,
        riding_y=order.riding_y,
        media_type=order.media_type,
    )


def same_order(known: SealAct, act: SealAct) -> bool:
    """Whether two acts of one document version want the same done to the same bytes."""
    return _wanted(known) == _wanted(act)


def _wanted(act: SealAct) -> tuple[object, ...]:
    return act.content_digest, act.seal_code, act.kind, act.riding_y, act.media_type


def request_of(act: SealAct, papers: Papers) -> SignRequest:
    """What is sent to the province: the same bytes each time. Raises Problem without papers."""
    prepared = restored(act, papers)
    return SignRequest(
        request_id=act.request_id,
        reference=act.reference,
        item_code=act.item_code,
        seal_code=act.seal_code,
        digest=prepared.digest,
        property_info=prepared.property_info,
        sign_time=prepared.prepared_at,
        signer=act.signer,
        authorisation=act.authorisation,
        document_id=act.document_id,
        document_name=act.name,
        page_count=act.page_count,
        form=SignatureForm.CMS if act.kind is ActKind.LOCK else SignatureForm.SES,
    )
