"""Licence types, grants, pre-checks, and triggers that keep the licence access log as it is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from kernel.db.base import Json, UtcDateTime

revision = "20261124194800"
down_revision = "20261124193900"
branch_labels = None
depends_on = None

_POSTGRESQL = (
    """
    CREATE FUNCTION elicense_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the licence access log is append-only'
            USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    (
        "CREATE TRIGGER elicense_log_final"
        " BEFORE UPDATE OR DELETE OR TRUNCATE ON elicense_access_log"
        " FOR EACH STATEMENT EXECUTE FUNCTION elicense_log_refuse()"
    ),
    """
    CREATE FUNCTION elicense_grant_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'a grant is used up once'
            USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    (
        "CREATE TRIGGER elicense_grant_once BEFORE UPDATE ON elicense_grant FOR EACH ROW"
        " WHEN (OLD.consumed_at IS NOT NULL) EXECUTE FUNCTION elicense_grant_refuse()"
    ),
)
_REFUSE = "BEGIN SELECT RAISE(ABORT, 'the licence access log is append-only'); END"
_SQLITE = (
    f"CREATE TRIGGER elicense_log_no_update BEFORE UPDATE ON elicense_access_log {_REFUSE}",
    f"CREATE TRIGGER elicense_log_no_delete BEFORE DELETE ON elicense_access_log {_REFUSE}",
    (
        "CREATE TRIGGER elicense_grant_once BEFORE UPDATE ON elicense_grant FOR EACH ROW"
        " WHEN OLD.consumed_at IS NOT NULL"
        " BEGIN SELECT RAISE(ABORT, 'a grant is used up once'); END"
    ),
)


def upgrade() -> None:
    op.create_table(
        "elicense_grant",
        sa.Column("grant_id", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("item_code", sa.String(length=50), nullable=False),
        sa.Column("material_code", sa.String(length=64), nullable=False),
        sa.Column("subject_hash", sa.String(length=64), nullable=False),
        sa.Column("licence_type", sa.String(length=64), nullable=False),
        sa.Column("operation", sa.String(length=16), nullable=False),
        sa.Column("identifier", sa.String(length=128), nullable=False),
        sa.Column("basis", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("consumed_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_elicense_grant")),
    )
    op.create_index(op.f("ix_elicense_grant_reference"), "elicense_grant", ["reference"])
    op.create_table(
        "gateway_precheck",
        sa.Column("precheck_id", sa.String(length=40), nullable=False),
        sa.Column("item_code", sa.String(length=50), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("subject_hash", sa.String(length=64), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("precheck_id", name=op.f("pk_gateway_precheck")),
    )
    op.create_table(
        "elicense_type",
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("name_en", sa.String(length=256), nullable=False),
        sa.Column("local_codes", Json, nullable=False),
        sa.Column("fields", Json, nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_elicense_type")),
    )
    op.add_column("elicense_access_log", sa.Column("fields", Json, nullable=True))
    guards = _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE
    for guard in guards:
        op.execute(guard)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER elicense_log_final ON elicense_access_log")
    else:
        op.execute("DROP TRIGGER elicense_log_no_update")
        op.execute("DROP TRIGGER elicense_log_no_delete")
    op.drop_column("elicense_access_log", "fields")
    op.drop_table("elicense_type")
    op.drop_table("gateway_precheck")
    op.drop_index(op.f("ix_elicense_grant_reference"), table_name="elicense_grant")
    op.drop_table("elicense_grant")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION elicense_grant_refuse()")
        op.execute("DROP FUNCTION elicense_log_refuse()")
