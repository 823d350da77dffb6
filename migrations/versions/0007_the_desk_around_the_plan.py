"""The desk around the plan: territories, time locks."""

import sqlalchemy as sa
from alembic import op

import core.database
import core.models

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["org_id", column],
        [f"{target}.org_id", f"{target}.id"],
        name=f"fk_{table}_{column}",
        initially="DEFERRED",
        deferrable=True,
    )


def _begin(table: str) -> tuple[sa.Column[object] | sa.PrimaryKeyConstraint, ...]:
    return (
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f(f"pk_{table}")),
    )


def _word(*values: str) -> sa.Enum:
    return sa.Enum(*values, native_enum=False, length=40, create_constraint=False)


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
    op.add_column(
        "technician",
        sa.Column("kind", _word("own", "contractor"), nullable=False, server_default="own"),
    )
    op.add_column(
        "technician",
        sa.Column("hourly_cost_micro", sa.BigInteger(), nullable=False, server_default="0"),
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
    op.create_table(
        "visit_link",
        *_begin("visit_link"),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", core.database.UTCDateTime(), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        _refers("visit_link", "visit_id", "visit"),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_visit_link_secret_hash")),
    )
    op.create_index("ix_visit_link_visit_id", "visit_link", ["org_id", "visit_id"])
    op.create_table(
        "position_consent",
        *_begin("position_consent"),
        sa.Column("technician_id", sa.Uuid(), nullable=False),
        sa.Column("given_at", core.database.UTCDateTime(), nullable=False),
        sa.Column("withdrawn_at", core.database.UTCDateTime(), nullable=True),
        _refers("position_consent", "technician_id", "technician"),
        sa.UniqueConstraint(
            "org_id", "technician_id", name=op.f("uq_position_consent_org_id_technician_id")
        ),
    )
    op.create_index(
        "ix_position_consent_technician_id", "position_consent", ["org_id", "technician_id"]
    )
    op.create_table(
        "position",
        *_begin("position"),
        sa.Column("technician_id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("at", core.database.UTCDateTime(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=False),
        sa.Column("lng", sa.Float(), nullable=False),
        sa.Column("accuracy_m", sa.Float(), nullable=True),
        _refers("position", "technician_id", "technician"),
        _refers("position", "visit_id", "visit"),
    )
    for column in ("technician_id", "visit_id"):
        op.create_index(f"ix_position_{column}", "position", ["org_id", column])
    op.create_index("ix_position_newest", "position", ["org_id", "technician_id", "at"])
    op.create_table(
        "visit_actual",
        *_begin("visit_actual"),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("technician_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ended_at", core.database.UTCDateTime(), nullable=False),
        sa.Column("planned_at", core.database.UTCDateTime(), nullable=True),
        sa.Column("begun_at", core.database.UTCDateTime(), nullable=False),
        sa.Column("planned_work_s", sa.Integer(), nullable=False),
        sa.Column("work_s", sa.Integer(), nullable=False),
        sa.Column("planned_travel_s", sa.Integer(), nullable=True),
        sa.Column("travel_s", sa.Integer(), nullable=True),
        sa.Column("travel_hour", sa.Integer(), nullable=True),
        _refers("visit_actual", "visit_id", "visit"),
        _refers("visit_actual", "technician_id", "technician"),
        sa.UniqueConstraint("org_id", "visit_id", name=op.f("uq_visit_actual_org_id_visit_id")),
    )
    for column in ("technician_id", "visit_id"):
        op.create_index(f"ix_visit_actual_{column}", "visit_actual", ["org_id", column])
    op.create_index("ix_visit_actual_ended", "visit_actual", ["org_id", "ended_at"])
    op.create_table(
        "assignment_rule",
        *_begin("assignment_rule"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("kinds", core.models.Json, nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("territories", core.models.Json, nullable=False),
        sa.Column("within_hours", sa.Integer(), nullable=False),
        sa.Column("most_added_min", sa.Integer(), nullable=False),
        sa.Column("use_standby", sa.Boolean(), nullable=False),
        sa.Column("use_contractors", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("org_id", "name", name=op.f("uq_assignment_rule_org_id_name")),
    )
    op.create_table(
        "standby",
        *_begin("standby"),
        sa.Column("technician_id", sa.Uuid(), nullable=False),
        sa.Column("begins_at", core.database.UTCDateTime(), nullable=False),
        sa.Column("ends_at", core.database.UTCDateTime(), nullable=False),
        _refers("standby", "technician_id", "technician"),
    )
    op.create_index("ix_standby_technician_id", "standby", ["org_id", "technician_id"])
    op.create_index("ix_standby_span", "standby", ["org_id", "ends_at", "begins_at"])
    op.create_table(
        "assignment",
        *_begin("assignment"),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("technician_id", sa.Uuid(), nullable=True),
        sa.Column("runner_up_id", sa.Uuid(), nullable=True),
        sa.Column("how", _word("own", "standby", "contractor", "nobody"), nullable=False),
        sa.Column("starts_at", core.database.UTCDateTime(), nullable=True),
        sa.Column("added_min", sa.Integer(), nullable=True),
        sa.Column("runner_up_added_min", sa.Integer(), nullable=True),
        sa.Column("reasons", core.models.Json, nullable=False),
        sa.Column("decided_at", core.database.UTCDateTime(), nullable=False),
        sa.Column("undone_at", core.database.UTCDateTime(), nullable=True),
        sa.Column("undone_by", sa.Uuid(), nullable=True),
        _refers("assignment", "order_id", "work_order"),
        _refers("assignment", "visit_id", "visit"),
        _refers("assignment", "rule_id", "assignment_rule"),
        _refers("assignment", "technician_id", "technician"),
        _refers("assignment", "runner_up_id", "technician"),
        sa.UniqueConstraint("org_id", "order_id", name=op.f("uq_assignment_org_id_order_id")),
    )
    for column in ("order_id", "visit_id", "rule_id", "technician_id", "runner_up_id"):
        op.create_index(f"ix_assignment_{column}", "assignment", ["org_id", column])
    op.create_index("ix_assignment_decided", "assignment", ["org_id", "decided_at"])
    op.create_table(
        "learned_times",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("computed_at", core.database.UTCDateTime(), nullable=False),
        sa.Column("durations", core.models.Json, nullable=False),
        sa.Column("drives", core.models.Json, nullable=False),
        sa.PrimaryKeyConstraint("org_id", name=op.f("pk_learned_times")),
    )


def downgrade() -> None:
    """Go down."""
    for table in (
        "learned_times",
        "visit_actual",
        "assignment",
        "standby",
        "assignment_rule",
        "position",
        "position_consent",
        "visit_link",
    ):
        op.drop_table(table)
    op.drop_column("visit", "start_locked")
    with op.batch_alter_table("site") as batch:
        batch.drop_index("ix_site_territory")
        batch.drop_constraint("fk_site_territory", type_="foreignkey")
        batch.drop_column("territory")
    for column in ("hourly_cost_micro", "kind", "territories"):
        op.drop_column("technician", column)
    op.drop_table("territory")
