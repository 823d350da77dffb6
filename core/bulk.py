"""Many rows of one table in one statement.

PostgreSQL takes each column as one array, in binary: the statement's text stays the same however
many rows there are, so it is parsed once. SQLite runs one prepared statement over the rows.
"""

import enum
import functools
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from core import driver
from core.database import UTCDateTime
from core.ids import read_id

_ARRAYS: dict[type, str] = {
    sa.Uuid: "uuid",
    sa.String: "text",
    sa.Integer: "int8",
    sa.LargeBinary: "bytea",
    sa.Boolean: "bool",
    UTCDateTime: "timestamptz",
    sa.JSON: "text",
    sa.Date: "date",
    sa.Float: "float8",
}

_Packer = Callable[[Any], Any]
_KEY = ("org_id", "id", "version")


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
    shape = (tuple(keep) if keep is not None else None, tuple(replace), tuple(returning))
    if connection.dialect.name == "postgresql":
        found = driver.run(connection, _arrays(table, names, *shape), _columns(table, names, rows))
        return found.fetchall() if returning else []
    if returning:
        return list(connection.execute(_statement(table, *shape), rows))
    driver.run_many(connection, _one_row(table, names, *shape[:2]), _tuples(table, names, rows))
    return []


def update(
    connection: sa.Connection, table: Any, rows: Sequence[dict[str, Any]], *, counted: bool = True
) -> int:
    """Change rows of one organisation, each by its id and, where changes are `counted`, the version it was read at.

    Every row names `org_id`, `id` and the same columns, and `version`, which counts up by one.
    Returns how many were found.
    """
    names = tuple(name for name in rows[0] if name not in _KEY)
    key = ("id", "version") if counted else ("id",)
    if connection.dialect.name == "postgresql":
        arrays = _columns(table, (*key, *names), rows)
        text = _updates(table, names, counted)
        found = driver.run(connection, text, (*arrays, rows[0]["org_id"]))
    else:
        tuples = _tuples(table, (*names, "org_id", *key), rows)
        found = driver.run_many(connection, _one_update(table, names, counted), tuples)
    return int(found.rowcount)


@functools.cache
def carries(table: Any, names: tuple[str, ...]) -> bool:
    """Tell whether values of these columns can travel in arrays."""
    return all(any(isinstance(table.c[name].type, base) for base in _ARRAYS) for name in names)


def among(connection: sa.Connection, column: Any, values: Iterable[Any]) -> Any:
    """Return the condition that a column holds one of these, in a text that does not grow with them."""
    if connection.dialect.name != "postgresql":
        return column.in_(list(values))
    return column == sa.any_(sa.literal(list(values), postgresql.ARRAY(column.type)))


def select(
    connection: sa.Connection,
    table: Any,
    names: tuple[str, ...],
    *,
    org_id: UUID,
    column: str,
    values: Sequence[Any],
    equal: tuple[tuple[str, Any], ...] = (),
    order: str | None = None,
    lock: bool = False,
) -> list[tuple[Any, ...]]:
    """Return these columns of one organisation's rows whose `column` holds one of the values, without a mapper.

    `equal` are further columns with what they must hold; `lock` keeps the rows from other writers.
    """
    if not values:
        return []
    sqlite = connection.dialect.name == "sqlite"
    text = selecting(
        table,
        names,
        column,
        equal=tuple(name for name, _ in equal),
        order=order,
        lock=lock,
        sqlite=sqlite,
    )
    fixed = [packed(table, name, value, sqlite) for name, value in (("org_id", org_id), *equal)]
    wanted = [packed(table, column, value, sqlite) for value in values]
    given: Any = orjson.dumps(wanted).decode() if sqlite else wanted
    rows: list[tuple[Any, ...]] = driver.run(connection, text, (*fixed, given)).fetchall()
    unpackers = _unpackers(table, names, sqlite)
    if unpackers is None:
        return rows
    return [
        tuple(
            value if unpack is None or value is None else unpack(value)
            for value, unpack in zip(row, unpackers, strict=True)
        )
        for row in rows
    ]


def packed(table: Any, name: str, value: Any, sqlite: bool) -> Any:
    """Return the value of this column as it travels to the driver."""
    (pack,) = _packers(table, (name,), sqlite=sqlite)
    return value if pack is None else pack(value)


@functools.cache
def selecting(
    table: Any,
    names: tuple[str, ...],
    column: str,
    *,
    equal: tuple[str, ...] = (),
    order: str | None = None,
    lock: bool = False,
    sqlite: bool,
) -> str:
    """Return the text that reads these columns of the rows whose `column` holds one of some values."""
    mark = "?" if sqlite else "%b"
    # One text however many values there are, so that it is prepared once.
    among = (
        "IN (SELECT value FROM json_each(?))"
        if sqlite
        else f"= ANY(%b::{_array_of(table.c[column].type)}[])"
    )
    conditions = ["org_id", *(f'"{name}"' for name in equal)]
    where = " AND ".join(f"{name} = {mark}" for name in conditions)
    columns = ", ".join(f'"{name}"' for name in names)
    text = f'SELECT {columns} FROM {table.name} WHERE {where} AND "{column}" {among}'  # noqa: S608 - our own names
    if order is not None:
        text += f' ORDER BY "{order}"'
    return text + (" FOR NO KEY UPDATE" if lock and not sqlite else "")


@functools.cache
def _unpackers(table: Any, names: tuple[str, ...], sqlite: bool) -> list[_Packer | None] | None:
    """Return for each column what turns what the driver gives into what the mapper would give."""
    found = [_unpacker(table.c[name].type, sqlite) for name in names]
    return found if any(found) else None


def _unpacker(kind: Any, sqlite: bool) -> _Packer | None:
    if isinstance(kind, sa.Enum):
        return kind.enum_class
    if not sqlite:
        return None
    if isinstance(kind, sa.Uuid):
        return read_id
    if isinstance(kind, sa.JSON):
        return orjson.loads
    if isinstance(kind, sa.Boolean):
        return bool
    if isinstance(kind, UTCDateTime | sa.Date):
        raise TypeError("Moments and days are read through the mapper.")
    return None


@functools.cache
def _updates(table: Any, names: tuple[str, ...], counted: bool) -> str:
    key = ("id", "version") if counted else ("id",)
    picked, given = _unnested(table, (*key, *names))
    values = picked[len(key) :]
    sets = [f'"{name}" = {value}' for name, value in zip(names, values, strict=True)]
    text = f"UPDATE {table.name} AS row SET {', '.join(sets + _COUNT * counted)} FROM {given} "  # noqa: S608 - our own names
    text += f"WHERE row.org_id = %b AND row.id = {picked[0]}"
    return f"{text} AND row.version = {picked[1]}" if counted else text


_COUNT = ["version = row.version + 1"]


@functools.cache
def _one_update(table: Any, names: tuple[str, ...], counted: bool) -> str:
    sets = [f'"{name}" = ?' for name in names] + ["version = version + 1"] * counted
    text = f"UPDATE {table.name} SET {', '.join(sets)} WHERE org_id = ? AND id = ?"  # noqa: S608 - our own names
    return f"{text} AND version = ?" if counted else text


@functools.cache
def _arrays(
    table: Any,
    names: tuple[str, ...],
    keep: tuple[str, ...] | None,
    replace: tuple[str, ...],
    returning: tuple[str, ...],
) -> str:
    picked, given = _unnested(table, names)
    statement = f"{_into(table, names)} SELECT {', '.join(picked)} FROM {given}"  # noqa: S608 - our own names
    if keep is not None:
        statement += _conflict(keep, replace)
    if returning:
        statement += f" RETURNING {', '.join(returning)}"
    return statement


@functools.cache
def _one_row(
    table: Any, names: tuple[str, ...], keep: tuple[str, ...] | None, replace: tuple[str, ...]
) -> str:
    statement = f"{_into(table, names)} VALUES ({', '.join('?' * len(names))})"
    return statement if keep is None else statement + _conflict(keep, replace)


def _into(table: Any, names: tuple[str, ...]) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    return f"INSERT INTO {table.name} ({columns})"


def _conflict(keep: tuple[str, ...], replace: tuple[str, ...]) -> str:
    then = ", ".join(f"{name} = excluded.{name}" for name in replace)
    return f" ON CONFLICT ({', '.join(keep)}) DO {f'UPDATE SET {then}' if then else 'NOTHING'}"


@functools.cache
def _statement(
    table: Any, keep: tuple[str, ...] | None, replace: tuple[str, ...], returning: tuple[str, ...]
) -> Any:
    """Return SQLite's statement that answers: the driver's own runs over many rows cannot."""
    statement = sqlite.insert(table)
    if keep is not None and replace:
        excluded = {name: statement.excluded[name] for name in replace}
        statement = statement.on_conflict_do_update(index_elements=keep, set_=excluded)
    elif keep is not None:
        statement = statement.on_conflict_do_nothing(index_elements=keep)
    return statement.returning(*(table.c[name] for name in returning))


def _unnested(table: Any, names: tuple[str, ...]) -> tuple[list[str], str]:
    """Return how each column is read from the arrays, and the arrays."""
    kinds = [table.c[name].type for name in names]
    picked = [
        f"c{place}::jsonb" if isinstance(kind, sa.JSON) else f"c{place}"
        for place, kind in enumerate(kinds)
    ]
    casts = ", ".join(f"%b::{_array_of(kind)}[]" for kind in kinds)
    aliases = ", ".join(f"c{place}" for place in range(len(names)))
    return picked, f"unnest({casts}) AS given({aliases})"


def _array_of(kind: Any) -> str:
    return next(name for base, name in _ARRAYS.items() if isinstance(kind, base))


def _columns(
    table: Any, names: tuple[str, ...], rows: Sequence[dict[str, Any]]
) -> tuple[list[Any], ...]:
    """Return the rows as one list for each column."""
    packers = _packers(table, names, sqlite=False)
    return tuple(
        [row[name] for row in rows] if pack is None else [pack(row[name]) for row in rows]
        for name, pack in zip(names, packers, strict=True)
    )


def _tuples(
    table: Any, names: tuple[str, ...], rows: Sequence[dict[str, Any]]
) -> list[tuple[Any, ...]]:
    """Return the rows as tuples of what SQLite holds."""
    columns = [
        [row[name] for row in rows]
        if pack is None
        else [None if (value := row[name]) is None else pack(value) for row in rows]
        for name, pack in zip(names, _packers(table, names, sqlite=True), strict=True)
    ]
    return list(zip(*columns, strict=True))


@functools.cache
def _packers(table: Any, names: tuple[str, ...], *, sqlite: bool) -> list[_Packer | None]:
    """Return for each column what turns a value into the plain one that travels, where one must."""
    return [_packer(table.c[name].type, sqlite) for name in names]


def _packer(kind: Any, sqlite: bool) -> _Packer | None:
    if isinstance(kind, sa.Enum):
        return _value
    if isinstance(kind, sa.JSON):
        return _json
    if sqlite and isinstance(kind, sa.Uuid):
        return _hex
    if isinstance(kind, UTCDateTime):
        return _moment if sqlite else _aware
    if sqlite and isinstance(kind, sa.Date):
        return str
    return None


def _value(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _hex(value: Any) -> str:
    return str(value.hex)


def _aware(value: datetime | None) -> datetime | None:
    if value is not None and value.tzinfo is None:
        raise ValueError("A moment needs a time zone.")
    return value


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("A moment needs a time zone.")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
