"""what sync looks after."""

import sqlalchemy as sa
from alembic import op

import core.database

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_MOMENTS = ("wiped_at", "diverged_at", "restarted_at", "last_pull_at")


def upgrade() -> None:
    """Go up."""
    for name in _MOMENTS:
        op.add_column("device", sa.Column(name, core.database.UTCDateTime(), nullable=True))
    op.create_table(
        "horizon",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", name=op.f("pk_horizon")),
    )
    op.create_table(
        "push_key",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("secret_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", name=op.f("pk_push_key")),
    )
    op.create_table(
        "divergence",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("expected", sa.String(), nullable=False),
        sa.Column("found", sa.String(), nullable=False),
        sa.Column("rows_fetched", sa.BigInteger(), nullable=False),
        sa.Column("repaired", sa.Boolean(), nullable=False),
        sa.Column("at", core.database.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "device_id"],
            ["device.org_id", "device.id"],
            name="fk_divergence_device_id",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name=op.f("pk_divergence")),
    )
    op.create_index("ix_divergence_device_id", "divergence", ["org_id", "device_id"])
    op.create_table(
        "push_subscription",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("p256dh", sa.String(), nullable=False),
        sa.Column("auth", sa.String(), nullable=False),
        sa.Column("hinted", sa.BigInteger(), nullable=False),
        sa.Column("subscribed_at", core.database.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "device_id"],
            ["device.org_id", "device.id"],
            name="fk_push_subscription_device_id",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("org_id", "device_id", name=op.f("pk_push_subscription")),
    )
    op.create_index("ix_push_subscription_device_id", "push_subscription", ["org_id", "device_id"])


def downgrade() -> None:
    """Go down."""
    for table in ("push_subscription", "divergence", "push_key", "horizon"):
        op.drop_table(table)
    with op.batch_alter_table("device") as batch_op:
        for name in _MOMENTS:
            batch_op.drop_column(name)
