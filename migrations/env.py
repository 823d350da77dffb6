"""Alembic's entry: migrate over the connection we were given."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

import assets.models  # noqa: F401 - its tables
import core.audit
import core.feed
import core.jobs
import core.numbers
import core.receipts  # noqa: F401 - its tables
import dispatch.actuals
import dispatch.automatic
import dispatch.models
import dispatch.positions
import dispatch.tracking  # noqa: F401 - its tables
import parts.models  # noqa: F401 - its tables
import people.models  # noqa: F401 - its tables
import sync.models  # its tables
import sync.uploads  # noqa: F401 - its tables
import work.models
import work.promises  # noqa: F401 - its tables
from core.database import UTCDateTime
from core.models import Base


def render(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """Write our own column types under their own names."""
    if kind == "type" and isinstance(item, sa.JSON):
        return "core.models.Json"
    if kind == "type" and isinstance(item, UTCDateTime):
        return "core.database.UTCDateTime()"
    if kind == "type" and isinstance(item, sa.BigInteger) and item._variant_mapping:
        return "core.models.Number"
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    render_item=render,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
