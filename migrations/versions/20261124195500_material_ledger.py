"""The ledger of materials, and what is known of a licence file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261124195500"
down_revision = "20261124194800"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gateway_material_ledger",
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("item_code", sa.String(length=50), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("department", sa.String(length=50), nullable=False),
        sa.Column("necessity", sa.String(length=16), nullable=False),
        sa.Column("supplied_by", sa.String(length=16), nullable=False),
        sa.Column("licence_found", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["gateway_case.case_id"],
            name=op.f("fk_gateway_material_ledger_case_id_gateway_case"),
        ),
        sa.PrimaryKeyConstraint("case_id", "code", name=op.f("pk_gateway_material_ledger")),
    )
    op.create_index(
        "ix_gateway_material_ledger_region_item_code",
        "gateway_material_ledger",
        ["region", "item_code"],
    )
    op.add_column("gateway_case_material", sa.Column("sm3", sa.String(length=64), nullable=True))
    op.add_column(
        "gateway_case_material", sa.Column("seal_verdict", sa.String(length=24), nullable=True)
    )


def downgrade() -> None:
    op.drop_column("gateway_case_material", "seal_verdict")
    op.drop_column("gateway_case_material", "sm3")
    op.drop_index(
        "ix_gateway_material_ledger_region_item_code", table_name="gateway_material_ledger"
    )
    op.drop_table("gateway_material_ledger")
