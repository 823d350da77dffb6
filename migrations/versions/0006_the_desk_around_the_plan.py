"""The desk around the plan: territories, time locks."""

import sqlalchemy as sa
from alembic import op

import core.database
import core.models

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.create_table(
        "territory",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_territory")),
        sa.UniqueConstraint("org_id", "name", name=op.f("uq_territory_org_id_name")),
    )
    op.add_column(
        "technician",
        sa.Column("territories", core.models.Json, nullable=False, server_default="[]"),
    )
    with op.batch_alter_table("site") as batch:
        batch.add_column(sa.Column("territory", sa.String(), nullable=True))
        batch.create_foreign_key(
            "fk_site_territory",
            "territory",
            ["org_id", "territory"],
            ["org_id", "name"],
            onupdate="CASCADE",
            deferrable=True,
            initially="DEFERRED",
        )
        batch.create_index("ix_site_territory", ["org_id", "territory"])
    op.add_column(
        "visit",
        sa.Column("start_locked", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    """Go down."""
    op.drop_column("visit", "start_locked")
    with op.batch_alter_table("site") as batch:
        batch.drop_index("ix_site_territory")
        batch.drop_constraint("fk_site_territory", type_="foreignkey")
        batch.drop_column("territory")
    op.drop_column("technician", "territories")
    op.drop_table("territory")
