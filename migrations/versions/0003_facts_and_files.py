"""Facts from the field travel to phones, visits say why they stand still, files come in pieces."""

import sqlalchemy as sa
from alembic import op

import core.database
import core.models

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _gone() -> sa.Column[object]:
    return sa.Column("deleted_at", core.database.UTCDateTime(), nullable=True)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["org_id", column],
        [f"{target}.org_id", f"{target}.id"],
        name=f"fk_{table}_{column}",
        initially="DEFERRED",
        deferrable=True,
    )


def upgrade() -> None:
    """Go up."""
    op.add_column("visit", sa.Column("hold", core.models.Json, nullable=True))
    op.add_column("hold", sa.Column("visit_id", sa.Uuid(), nullable=True))
    for table in ("part_use", "repair"):
        # Rows that are here already have not changed since they were written.
        op.add_column(table, sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        op.add_column(table, _gone())
    op.add_column("signoff", _gone())

    op.create_table(
        "reading",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=True),
        sa.Column("meter", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("at", core.database.UTCDateTime(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        _gone(),
        _refers("reading", "asset_id", "asset"),
        _refers("reading", "visit_id", "visit"),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_reading")),
    )
    op.create_index("ix_reading_asset_id", "reading", ["org_id", "asset_id"])
    op.create_index("ix_reading_visit_id", "reading", ["org_id", "visit_id"])
    op.create_index("ix_reading_history", "reading", ["org_id", "asset_id", "at"])

    op.create_table(
        "time_entry",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("technician_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "travel",
                "work",
                "break",
                "waiting",
                name="timekind",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("begun_at", core.database.UTCDateTime(), nullable=False),
        sa.Column("ended_at", core.database.UTCDateTime(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        _gone(),
        _refers("time_entry", "visit_id", "visit"),
        _refers("time_entry", "order_id", "work_order"),
        _refers("time_entry", "technician_id", "technician"),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_time_entry")),
    )
    for column in ("visit_id", "order_id", "technician_id"):
        op.create_index(f"ix_time_entry_{column}", "time_entry", ["org_id", column])

    op.create_table(
        "upload",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("created_at", core.database.UTCDateTime(), nullable=False),
        sa.Column("expires_at", core.database.UTCDateTime(), nullable=False),
        sa.Column("stored_at", core.database.UTCDateTime(), nullable=True),
        _refers("upload", "account_id", "account"),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_upload")),
    )
    op.create_index("ix_upload_account_id", "upload", ["org_id", "account_id"])
    op.create_index("ix_upload_sha256", "upload", ["org_id", "sha256"])
    op.create_index("ix_upload_expires_at", "upload", ["org_id", "expires_at"])


def downgrade() -> None:
    """Go down."""
    for table in ("upload", "time_entry", "reading"):
        op.drop_table(table)
    op.drop_column("signoff", "deleted_at")
    for table in ("repair", "part_use"):
        op.drop_column(table, "deleted_at")
        op.drop_column(table, "version")
    op.drop_column("hold", "visit_id")
    op.drop_column("visit", "hold")
