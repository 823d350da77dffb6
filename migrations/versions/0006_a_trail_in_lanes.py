"""a trail in lanes."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up."""
    _put_key("audit_entry", ["org_id", "lane", "n"])
    _put_key("audit_head", ["org_id", "lane"])


def _put_key(table: str, key: list[str]) -> None:
    with op.batch_alter_table(table) as batch:
        batch.add_column(sa.Column("lane", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table(table) as batch:
        batch.drop_constraint(f"pk_{table}", type_="primary")
        batch.create_primary_key(f"pk_{table}", key)


def downgrade() -> None:
    """Go down, as long as nothing stands in another lane than the first: a single chain has one end."""
    for table, key in (("audit_entry", ["org_id", "n"]), ("audit_head", ["org_id"])):
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(f"pk_{table}", type_="primary")
            batch.create_primary_key(f"pk_{table}", key)
        with op.batch_alter_table(table) as batch:
            batch.drop_column("lane")
