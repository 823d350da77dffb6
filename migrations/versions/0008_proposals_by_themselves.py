"""Proposals that are made by themselves, and whom customers would rather have."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.add_column(
        "day_plan",
        sa.Column("by_itself", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column(
        "planning_rules",
        sa.Column(
            "on_events",
            sa.Enum("off", "propose", native_enum=False, length=40, create_constraint=False),
            nullable=False,
            server_default="propose",
        ),
    )
    op.create_table(
        "wish",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("technician_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "preferred", "forbidden", native_enum=False, length=40, create_constraint=False
            ),
            nullable=False,
        ),
        *(
            sa.ForeignKeyConstraint(
                ["org_id", f"{target}_id"],
                [f"{target}.org_id", f"{target}.id"],
                name=f"fk_wish_{target}_id",
                initially="DEFERRED",
                deferrable=True,
            )
            for target in ("customer", "site", "technician")
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_wish")),
        *(
            sa.UniqueConstraint(
                "org_id",
                f"{whose}_id",
                "technician_id",
                name=op.f(f"uq_wish_org_id_{whose}_id_technician_id"),
            )
            for whose in ("customer", "site")
        ),
    )
    for column in ("customer_id", "site_id", "technician_id"):
        op.create_index(f"ix_wish_{column}", "wish", ["org_id", column])


def downgrade() -> None:
    """Go down."""
    op.drop_table("wish")
    op.drop_column("planning_rules", "on_events")
    op.drop_column("day_plan", "by_itself")
