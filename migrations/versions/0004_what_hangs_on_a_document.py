"""what hangs on a document."""

from uuid import UUID

import sqlalchemy as sa
from alembic import op

import core.models

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    op.create_table(
        "hanging",
        sa.Column("parent_no", sa.BigInteger(), nullable=False),
        sa.Column("child_no", sa.BigInteger(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["child_no"], ["document.no"], name=op.f("fk_hanging_child_no")),
        sa.ForeignKeyConstraint(["parent_no"], ["document.no"], name=op.f("fk_hanging_parent_no")),
        sa.PrimaryKeyConstraint("parent_no", "child_no", name=op.f("pk_hanging")),
    )
    op.create_index("ix_receipt_key", "receipt", ["org_id", "key"])
    _unpack()
    with op.batch_alter_table("document") as batch:
        batch.drop_column("children")


def _unpack() -> None:
    """Write what each document listed as its children as rows of their own."""
    connection = op.get_bind()
    document = sa.table(
        "document",
        sa.column("no", sa.BigInteger),
        sa.column("org_id", sa.Uuid),
        sa.column("entity", sa.String),
        sa.column("id", sa.Uuid),
        sa.column("children", core.models.Json),
    )
    hanging = sa.table(
        "hanging",
        sa.column("parent_no", sa.BigInteger),
        sa.column("child_no", sa.BigInteger),
        sa.column("org_id", sa.Uuid),
    )
    parents = connection.execute(
        sa.select(document.c.no, document.c.org_id, document.c.children).where(
            sa.cast(document.c.children, sa.Text) != "[]"
        )
    ).all()
    for no, org_id, children in parents:
        for entity, row_id in children:
            child = connection.execute(
                sa.select(document.c.no).where(
                    document.c.org_id == org_id,
                    document.c.entity == entity,
                    document.c.id == UUID(row_id),
                )
            ).scalar()
            if child is not None:
                connection.execute(
                    hanging.insert(), {"parent_no": no, "child_no": child, "org_id": org_id}
                )


def downgrade() -> None:
    """Go down."""
    with op.batch_alter_table("document") as batch:
        batch.add_column(
            sa.Column("children", core.models.Json, nullable=False, server_default="[]")
        )
    op.drop_index("ix_receipt_key", "receipt")
    op.drop_table("hanging")
