"""Plans over several days, what-ifs and answers to events; absences; the company's own prices."""

import sqlalchemy as sa
from alembic import op

import core.database
import core.models

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KINDS = ("plan", "what_if", "emergency", "cancellation", "absence")


def upgrade() -> None:
    """Go up."""
    kinds = sa.Enum(*KINDS, name="plankind", native_enum=False, length=40)
    with op.batch_alter_table("day_plan") as batch:
        batch.add_column(sa.Column("days", sa.Integer(), nullable=False, server_default="1"))
        batch.add_column(sa.Column("kind", kinds, nullable=False, server_default="plan"))
        batch.add_column(sa.Column("asked", core.models.Json, nullable=False, server_default="{}"))
        batch.add_column(
            sa.Column("published", core.models.Json, nullable=False, server_default="[]")
        )
    op.create_index("ix_day_plan_day", "day_plan", ["org_id", "day", "created_at"])
    op.create_table(
        "absence",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("technician_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "sick", "late", "leave", "other", name="absencekind", native_enum=False, length=40
            ),
            nullable=False,
        ),
        sa.Column("begins_at", core.database.UTCDateTime(), nullable=False),
        sa.Column("ends_at", core.database.UTCDateTime(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("noted_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", core.database.UTCDateTime(), nullable=False),
        sa.Column("called_off_at", core.database.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["org_id", "technician_id"],
            ["technician.org_id", "technician.id"],
            name="fk_absence_technician_id",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_absence")),
    )
    op.create_index("ix_absence_technician_id", "absence", ["org_id", "technician_id"])
    op.create_index("ix_absence_ends_at", "absence", ["org_id", "ends_at"])
    op.create_table(
        "planning_rules",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("weights", core.models.Json, nullable=False),
        sa.Column("overtime_min", sa.Integer(), nullable=False),
        sa.Column("frozen_min", sa.Integer(), nullable=False),
        sa.Column("budget", sa.Integer(), nullable=False),
        sa.Column("split_above", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_planning_rules")),
    )


def downgrade() -> None:
    """Go down."""
    op.drop_table("planning_rules")
    op.drop_table("absence")
    op.drop_index("ix_day_plan_day", "day_plan")
    with op.batch_alter_table("day_plan") as batch:
        for name in ("published", "asked", "kind", "days"):
            batch.drop_column(name)
