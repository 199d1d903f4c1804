"""All SQL of the e-seal domain."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, insert, select, update

from e_seal import tables as t
from e_seal.model import (
    ActKind,
    ActState,
    Authorisation,
    FailureReason,
    FirstUse,
    MediaType,
    Papers,
    Revocation,
    SealAct,
    Signer,
    StampPosition,
)
from e_seal.states import ACT
from kernel.crypto.fields import FieldCipher, Place
from kernel.db.base import require_one, upsert
from kernel.db.work import connection
from kernel.work import Work

_MICROMETRES: Final = 1000
_PAPERS: Final = tuple(field.name for field in fields(Papers))
_FINAL: Final = sorted(str(state) for state in ACT.terminal)


class SqlActs:
    """Keeps seal acts in the database (e_seal.ports.ActRepository), their papers encrypted."""

    def __init__(self, cipher: FieldCipher) -> None:
        self._cipher = cipher

    async def add(self, work: Work, act: SealAct, papers: Papers) -> bool:
        conn = connection(work)
        row = upsert(conn, t.act).values(
            act_id=act.act_id,
            reference=act.reference,
            item_code=act.item_code,
            document_id=act.document_id,
            document_version=act.document_version,
            name=act.name,
            page_count=act.page_count,
            content_digest=act.content_digest,
            seal_code=act.seal_code,
            stamp_page=act.stamp.page,
            stamp_x_um=round(act.stamp.centre_x * _MICROMETRES),
            stamp_y_um=round(act.stamp.centre_y * _MICROMETRES),
            signer_uid=act.signer.uid,
            signer_certificate=act.signer.certificate_serial,
            grant_id=act.authorisation.grant_id,
            grant_approver=act.authorisation.approver,
            grant_expires_at=act.authorisation.expires_at,
            grant_proof=act.authorisation.proof,
            kind=act.kind,
            riding_y_um=_micrometres(act.riding_y),
            media_type=act.media_type,
            created_at=act.created_at,
            version=act.version,
            **_changing(act),
        )
        row = row.on_conflict_do_nothing(index_elements=["document_id", "document_version"])
        if (await conn.execute(row.returning(t.act.c.id))).first() is None:
            return False
        await conn.execute(insert(t.papers).values(self._sealed(act.act_id, papers)))
        return True

    async def get(self, work: Work, act_id: str, *, lock: bool = False) -> SealAct | None:
        return await self._one(work, t.act.c.act_id == act_id, lock=lock)

    async def by_document(self, work: Work, document_id: str, version: int) -> SealAct | None:
        key = (t.act.c.document_id == document_id) & (t.act.c.document_version == version)
        return await self._one(work, key, lock=False)

    async def by_reference(self, work: Work, reference: str) -> list[SealAct]:
        statement = select(t.act).where(t.act.c.reference == reference).order_by(t.act.c.id)
        return [_act(row) for row in await connection(work).execute(statement)]

    async def page(
        self, work: Work, reference: str | None, before: int | None, limit: int
    ) -> Sequence[tuple[int, SealAct]]:
        statement = select(t.act).order_by(t.act.c.id.desc()).limit(limit)
        if reference is not None:
            statement = statement.where(t.act.c.reference == reference)
        if before is not None:
            statement = statement.where(t.act.c.id < before)
        return [(row.id, _act(row)) for row in await connection(work).execute(statement)]

    async def save(self, work: Work, act: SealAct) -> SealAct:
        saved = replace(act, version=act.version + 1)
        statement = (
            update(t.act)
            .where(t.act.c.act_id == act.act_id, t.act.c.version == act.version)
            .values(version=saved.version, **_changing(saved))
        )
        require_one(await connection(work).execute(statement))
        return saved

    async def papers(self, work: Work, act_id: str) -> Papers:
        statement = select(t.papers).where(t.papers.c.act_id == act_id)
        row = (await connection(work).execute(statement)).one()._asdict()
        return Papers(**{name: self._opened(act_id, name, row[name]) for name in _PAPERS})

    async def save_papers(self, work: Work, act_id: str, papers: Papers) -> None:
        statement = (
            update(t.papers).where(t.papers.c.act_id == act_id).values(self._sealed(act_id, papers))
        )
        require_one(await connection(work).execute(statement))

    async def unfinished(self, work: Work, after: str, limit: int) -> list[str]:
        statement = (
            select(t.act.c.act_id)
            .where(t.act.c.state.not_in(_FINAL), t.act.c.act_id > after)
            .order_by(t.act.c.act_id)
            .limit(limit)
        )
        return list((await connection(work).execute(statement)).scalars())

    async def add_revocations(self, work: Work, found: Sequence[Revocation]) -> list[Revocation]:
        conn = connection(work)
        new: list[Revocation] = []
        for item in found:
            row = upsert(conn, t.revocation).values(
                seal_code=item.code, seal_name=item.name, revoked_at=item.revoked_at
            )
            row = row.on_conflict_do_nothing(index_elements=["seal_code", "revoked_at"])
            if (await conn.execute(row.returning(t.revocation.c.id))).first() is not None:
                new.append(item)
        return new

    async def revocation(self, work: Work, seal_code: str) -> Revocation | None:
        statement = (
            select(t.revocation)
            .where(t.revocation.c.seal_code == seal_code)
            .order_by(t.revocation.c.revoked_at)
            .limit(1)
        )
        row = (await connection(work).execute(statement)).first()
        return None if row is None else Revocation(row.seal_code, row.seal_name, row.revoked_at)

    async def newest_revocation(self, work: Work) -> datetime | None:
        column = t.revocation.c.revoked_at
        statement = select(column).order_by(column.desc()).limit(1)
        return (await connection(work).execute(statement)).scalar()

    def _sealed(self, act_id: str, papers: Papers) -> Mapping[str, Any]:
        row: dict[str, Any] = {"act_id": act_id}
        for name in _PAPERS:
            value = getattr(papers, name)
            if isinstance(value, bytes):
                value = self._cipher.encrypt_bytes(value, _place(act_id, name))
            row[name] = value
        return row

    def _opened(self, act_id: str, name: str, value: Any) -> Any:
        # Earlier releases stored the bytes as they are; none of them begins like a cell.
        if isinstance(value, bytes) and self._cipher.is_cell(value):
            return self._cipher.decrypt_bytes(value, _place(act_id, name))
        return value

    async def _one(self, work: Work, where: ColumnElement[bool], *, lock: bool) -> SealAct | None:
        statement = select(t.act).where(where)
        if lock:
            statement = statement.with_for_update()
        row = (await connection(work).execute(statement)).first()
        return None if row is None else _act(row)


def _changing(act: SealAct) -> Mapping[str, Any]:
    first = act.first_use
    return {
        "request_id": act.request_id,
        "state": act.state,
        "digest": act.digest,
        "signing_at": act.signing_at,
        "signed_at": act.signed_at,
        "failure": act.failure,
        "failure_detail": act.failure_detail,
        "updated_at": act.updated_at,
        "first_request_id": None if first is None else first.request_id,
        "first_digest": None if first is None else first.digest,
        "first_signed": None if first is None else first.is_signed,
    }


def _place(act_id: str, column: str) -> Place:
    return Place(t.papers.name, column, act_id)


def _act(row: Row[Any]) -> SealAct:
    return SealAct(
        act_id=row.act_id,
        request_id=row.request_id,
        reference=row.reference,
        item_code=row.item_code,
        document_id=row.document_id,
        document_version=row.document_version,
        name=row.name,
        page_count=row.page_count,
        content_digest=row.content_digest,
        seal_code=row.seal_code,
        stamp=StampPosition(
            row.stamp_page, row.stamp_x_um / _MICROMETRES, row.stamp_y_um / _MICROMETRES
        ),
        signer=Signer(row.signer_uid, row.signer_certificate),
        authorisation=Authorisation(
            row.grant_id, row.grant_approver, row.grant_expires_at, row.grant_proof
        ),
        state=ActState(row.state),
        created_at=row.created_at,
        updated_at=row.updated_at,
        digest=row.digest,
        signing_at=row.signing_at,
        failure=None if row.failure is None else FailureReason(row.failure),
        failure_detail=row.failure_detail,
        version=row.version,
        kind=ActKind(row.kind),
        riding_y=None if row.riding_y_um is None else row.riding_y_um / _MICROMETRES,
        media_type=MediaType(row.media_type),
        signed_at=row.signed_at,
        first_use=(
            None
            if row.first_request_id is None
            else FirstUse(row.first_request_id, row.first_digest, row.first_signed)
        ),
    )


def _micrometres(value: float | None) -> int | None:
    return None if value is None else round(value * _MICROMETRES)
