"""Proposals that are made by themselves."""

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


def downgrade() -> None:
    """Go down."""
    op.drop_column("planning_rules", "on_events")
    op.drop_column("day_plan", "by_itself")
