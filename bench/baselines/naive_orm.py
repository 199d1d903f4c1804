"""The naive baseline: FastAPI with the SQLAlchemy ORM, as most tutorials write it.

One write (token, nested dependencies, body model, one SELECT, one INSERT, response model) and one
read by id. Naive in its use of the ORM only: event loop, HTTP parser, pool and SQLite's pragmas are
the ones that the gateway uses, since a baseline that is slow by its settings would prove nothing.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import uuid4

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import JSON, DateTime, ForeignKey, String, event, select
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

DATABASE_VARIABLE: Final = "ONEWINDOW_BENCH_DATABASE"
TOKEN: Final = "naive-token"
ITEM: Final = "item-0001"


class Base(DeclarativeBase):
    """The baseline's own tables."""


class ItemRow(Base):
    __tablename__ = "naive_item"
    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    department: Mapped[str] = mapped_column(String(50))


class CaseRow(Base):
    __tablename__ = "naive_case"
    case_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    item_code: Mapped[str] = mapped_column(ForeignKey("naive_item.code"))
    applicant: Mapped[str] = mapped_column(String(200))
    owner: Mapped[str] = mapped_column(String(64), index=True)
    state: Mapped[str] = mapped_column(String(24))
    form: Mapped[dict[str, str]] = mapped_column(JSON)
    materials: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class MaterialIn(BaseModel):
    code: Annotated[str, Field(max_length=20)]
    name: Annotated[str, Field(max_length=200)]


class CaseIn(BaseModel):
    item_code: str
    applicant: Annotated[str, Field(max_length=200)]
    form: dict[str, str]
    materials: list[MaterialIn]


class CaseOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    case_id: str
    item_code: str
    applicant: str
    owner: str
    state: str
    form: dict[str, str]
    materials: list[MaterialIn]
    created_at: datetime


def engine_of(url: str) -> AsyncEngine:
    """Return an engine with the gateway's pool and pragmas."""
    if not url.startswith("sqlite"):
        return create_async_engine(url, pool_size=20, max_overflow=0, pool_pre_ping=True)
    engine = create_async_engine(url, pool_size=1, max_overflow=0)

    @event.listens_for(engine.sync_engine, "connect")
    def _pragmas(connection: Any, _entry: Any) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=wal", "synchronous=full", "foreign_keys=on"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


async def fill(url: str, cases: int) -> list[str]:
    """Create the tables and return the ids of that many cases."""
    engine = engine_of(url)
    ids = [f"case-{number:06d}" for number in range(cases)]
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session:
        session.add(ItemRow(code=ITEM, name="城镇道路占用、挖掘许可", department="历下区"))
        await session.flush()
        session.add_all(_case(case_id, "filled") for case_id in ids)
        await session.commit()
    await engine.dispose()
    return ids


def _case(case_id: str, owner: str) -> CaseRow:
    return CaseRow(
        case_id=case_id,
        item_code=ITEM,
        applicant="测试申请人",
        owner=owner,
        state="DRAFT",
        form={"location": "泉城路", "area_m2": "4"},
        materials=[{"code": f"M0{number}", "name": "材料"} for number in range(3)],
        created_at=datetime.now(UTC),
    )


async def session(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.sessions() as opened:
        yield opened


def token(authorization: Annotated[str, Header()]) -> str:
    if authorization != f"Bearer {TOKEN}":
        raise HTTPException(401)
    return authorization.removeprefix("Bearer ")


def user(given: Annotated[str, Depends(token)]) -> str:
    return f"user-of-{given}"


def owner(name: Annotated[str, Depends(user)]) -> str:
    return name


Owner = Annotated[str, Depends(owner)]
Session = Annotated[AsyncSession, Depends(session)]
router = APIRouter()


@router.post("/cases", status_code=201)
async def declare(body: CaseIn, who: Owner, db: Session) -> CaseOut:
    """One SELECT, one INSERT."""
    item = (
        await db.execute(select(ItemRow).where(ItemRow.code == body.item_code))
    ).scalar_one_or_none()
    if item is None:
        raise HTTPException(404)
    case = CaseRow(
        case_id=str(uuid4()),
        item_code=item.code,
        applicant=body.applicant,
        owner=who,
        state="DRAFT",
        form=body.form,
        materials=[material.model_dump() for material in body.materials],
        created_at=datetime.now(UTC),
    )
    db.add(case)
    await db.commit()
    return CaseOut.model_validate(case)


@router.get("/cases/{case_id}")
async def read(case_id: str, who: Owner, db: Session) -> CaseOut:
    """One SELECT by primary key."""
    case = await db.get(CaseRow, case_id)
    if case is None or not who:
        raise HTTPException(404)
    return CaseOut.model_validate(case)


def app() -> FastAPI:
    """Return the application of the database that the environment names (for uvicorn)."""
    made = FastAPI(docs_url=None, redoc_url=None)
    engine = engine_of(os.environ[DATABASE_VARIABLE])
    made.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
    made.include_router(router)
    return made
