"""Many rows in one statement, where the rows are plain and the unit's own: feed, audit trail, receipts.

PostgreSQL takes each column as one array, in binary: the statement's text stays the same however
many rows there are, so it is parsed once. SQLite runs a prepared statement over the rows.
"""

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from core.database import UTCDateTime

_ARRAYS: dict[type, str] = {
    sa.Uuid: "uuid",
    sa.String: "text",
    sa.Text: "text",
    sa.Integer: "int8",
    sa.BigInteger: "int8",
    sa.LargeBinary: "bytea",
    sa.Boolean: "bool",
    UTCDateTime: "timestamptz",
    sa.JSON: "text",
}


def insert(
    connection: sa.Connection,
    table: Any,
    rows: Sequence[dict[str, Any]],
    *,
    keep: Sequence[str] | None = None,
    replace: Sequence[str] = (),
    returning: Sequence[str] = (),
) -> list[Any]:
    """Insert rows that all have the same columns; return what was asked for of those written.

    `keep` names the key under which an existing row stays as it is; with `replace`, these of its
    columns are overwritten.
    """
    if not rows:
        return []
    names = tuple(rows[0])
    shape = (names, tuple(keep) if keep is not None else None, tuple(replace), tuple(returning))
    if connection.dialect.name == "postgresql":
        statement, packed = _arrays(table, *shape)
        columns = [
            [row[name] for row in rows]
            if not packed[place]
            else [orjson.dumps(row[name]).decode() for row in rows]
            for place, name in enumerate(names)
        ]
        result = connection.exec_driver_sql(statement, tuple(columns))
    else:
        result = connection.execute(_statement(table, *shape[1:]), rows)
    return list(result) if returning else []


@functools.cache
def _arrays(
    table: Any,
    names: tuple[str, ...],
    keep: tuple[str, ...] | None,
    replace: tuple[str, ...],
    returning: tuple[str, ...],
) -> tuple[str, list[bool]]:
    """Return PostgreSQL's statement, and which columns travel as JSON text."""
    kinds = [table.c[name].type for name in names]
    packed = [isinstance(kind, sa.JSON) for kind in kinds]
    casts = ", ".join(f"%b::{_array_of(kind)}[]" for kind in kinds)
    picked = ", ".join(
        f"c{place}::jsonb" if packed[place] else f"c{place}" for place in range(len(names))
    )
    columns = ", ".join(f'"{name}"' for name in names)
    aliases = ", ".join(f"c{place}" for place in range(len(names)))
    statement = (
        f"INSERT INTO {table.name} ({columns}) "  # noqa: S608 - our own names
        f"SELECT {picked} FROM unnest({casts}) AS t({aliases})"
    )
    if keep is not None:
        statement += f" ON CONFLICT ({', '.join(keep)}) DO "
        statement += (
            "UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in replace)
            if replace
            else "NOTHING"
        )
    if returning:
        statement += f" RETURNING {', '.join(returning)}"
    return statement, packed


def _array_of(kind: Any) -> str:
    if isinstance(kind, sa.types.TypeDecorator):
        return _ARRAYS[type(kind)]
    return next(name for base, name in _ARRAYS.items() if isinstance(kind, base))


@functools.cache
def _statement(
    table: Any,
    keep: tuple[str, ...] | None,
    replace: tuple[str, ...],
    returning: tuple[str, ...],
) -> Any:
    """Return SQLite's statement; the columns are those of the rows."""
    statement = sqlite.insert(table)
    if keep is not None and replace:
        excluded = {name: statement.excluded[name] for name in replace}
        statement = statement.on_conflict_do_update(index_elements=keep, set_=excluded)
    elif keep is not None:
        statement = statement.on_conflict_do_nothing(index_elements=keep)
    return statement.returning(*(table.c[name] for name in returning)) if returning else statement


def among(connection: sa.Connection, column: Any, values: Iterable[Any]) -> Any:
    """Return the condition that a column holds one of these, in a text that does not grow with them."""
    if connection.dialect.name != "postgresql":
        return column.in_(list(values))
    return column == sa.any_(sa.literal(list(values), postgresql.ARRAY(column.type)))
