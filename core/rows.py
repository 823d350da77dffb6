"""New rows that are written together, without the mapper's bookkeeping for each."""

import functools
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm.attributes import manager_of_class

from core import bulk
from core.models import Versioned


def new(model: Any, org_id: UUID, values: dict[str, Any]) -> Any:
    """Return a row as it will stand in the table; no session knows it.

    Raises TypeError for a column that the table does not have.
    """
    empty, defaults = _template(model)
    if unknown := values.keys() - empty.keys():
        raise TypeError(f"{model.__name__} has no {sorted(unknown)[0]}.")
    row = manager_of_class(model).new_instance()
    filled = row.__dict__
    filled.update(empty)
    filled.update(values)
    filled["org_id"] = org_id
    for name, default in defaults:
        if name not in values:
            filled[name] = default()
    return row


@functools.cache
def _template(model: Any) -> tuple[dict[str, Any], list[tuple[str, Callable[[], Any]]]]:
    """Return the columns with what stands in them unless it is said, and those to be worked out for each row."""
    empty: dict[str, Any] = {}
    defaults: list[tuple[str, Callable[[], Any]]] = []
    for column in model.__table__.columns:
        given = column.default
        empty[column.key] = given.arg if given is not None and given.is_scalar else None
        if given is not None and given.is_callable and column.key != "id":
            defaults.append((column.key, functools.partial(given.arg, None)))
    if issubclass(model, Versioned):
        empty["version"] = 1
    return empty, defaults


def insert(connection: sa.Connection, rows: Sequence[Any]) -> None:
    """Write the rows, those of one table together."""
    by_model: dict[type, list[Any]] = {}
    for row in rows:
        by_model.setdefault(type(row), []).append(row)
    for model, alike in by_model.items():
        table: Any = model.__table__  # type: ignore[attr-defined]
        names = [column.key for column in table.columns]
        bulk.insert(
            connection,
            table,
            [{name: row.__dict__[name] for name in names} for row in alike],
        )
