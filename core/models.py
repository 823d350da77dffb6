"""What every table has in common: names, types, the organisation in each key, versions."""

import enum
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from core.database import UTCDateTime
from core.ids import new_id

# SQLite numbers rows by itself in an INTEGER key alone.
Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Json = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class Base(DeclarativeBase):
    """The declarative base, with one naming rule for all constraints."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: UTCDateTime,
        date: sa.Date,
        UUID: sa.Uuid,
        str: sa.String,
        int: sa.BigInteger,
        dict[str, Any]: Json,
        list[Any]: Json,
        list[str]: Json,
        list[dict[str, Any]]: Json,
        bytes: sa.LargeBinary,
        enum.Enum: sa.Enum(
            enum.Enum,
            native_enum=False,
            length=40,
            create_constraint=False,
            values_callable=lambda members: [str(member.value) for member in members],
        ),
    }

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        table = cls.__dict__.get("__table__")
        if isinstance(table, sa.Table):
            for column in list(table.columns):
                if target := column.info.get("refers_to"):
                    _refer(table, column, target)


def _refer(table: sa.Table, column: sa.Column[Any], target: str) -> None:
    # The key names the organisation too: a row cannot point into somebody else's.
    # Deferred, so that rows which arrive together may be written in any order.
    table.append_constraint(
        sa.ForeignKeyConstraint(
            ["org_id", column.name],
            [f"{target}.org_id", f"{target}.id"],
            name=f"fk_{table.name}_{column.name}",
            deferrable=True,
            initially="DEFERRED",
        )
    )
    sa.Index(f"ix_{table.name}_{column.name}", table.c.org_id, column)


def refers_to(table: str, **kwargs: Any) -> Any:
    """Return a column that holds the id of a row of the same organisation."""
    return mapped_column(sa.Uuid, info={"refers_to": table}, **kwargs)


class Tenanted:
    """A row that belongs to one organisation. Reads see their own organisation's alone."""

    org_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-10)


class Identified(Tenanted):
    """A row with an id of its own, which the client may have chosen."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, sort_order=-9)


class Versioned(Identified):
    """A row that counts its changes; a writer who saw an older one is told so."""

    version: Mapped[int] = mapped_column(sa.Integer, nullable=False, sort_order=-8)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805
        return {"version_id_col": cls.version, "eager_defaults": False}


class Synced(Versioned):
    """A row that phones hold a copy of. It is never deleted, only marked as gone."""

    deleted_at: Mapped[datetime | None] = mapped_column(sort_order=90)


class Merged(Synced):
    """A synced row whose fields are merged one by one.

    `touched` says at which version each field was last changed, so that a late writer learns
    which of the fields it wants to set somebody else has set since.
    """

    touched: Mapped[dict[str, Any]] = mapped_column(sort_order=91, default=dict)
