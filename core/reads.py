"""Rows found by one of their columns, as objects of the session, without the mapper's machinery for queries.

The same rows are read by every push with statements that never change. The mapper would work out
each time how a row becomes an object; here that is worked out once for each class.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import instance_state
from sqlalchemy.orm.util import identity_key

from core import bulk, driver
from core.ids import read_id

_Made = Callable[[Any], Any]


def read(
    session: Session, model: Any, name: str, values: Sequence[Any], *, org_id: UUID, lock: bool
) -> list[Any]:
    """Return one organisation's rows whose column `name` holds one of the values, in the order of ids.

    With `lock` they are kept from other writers, and what the session held of them is replaced by
    what they are now; without it the session's own objects stay as they are.
    """
    if session.new or session.identity_map.check_modified():
        session.flush()
    connection = session.connection()
    sqlite = connection.dialect.name == "sqlite"
    given: Any = [bulk.packed(model.__table__, name, value, sqlite) for value in values]
    values_ = (
        bulk.packed(model.__table__, "org_id", org_id, sqlite),
        orjson.dumps(given).decode() if sqlite else given,
    )
    columns = _columns(model, connection.dialect)
    text = bulk.selecting(
        model.__table__,
        tuple(column for column, _, _ in columns),
        name,
        order="id",
        lock=lock,
        sqlite=sqlite,
    )
    found = driver.run(connection, text, values_).fetchall()
    return [_object(session, model, columns, row, replace=lock) for row in found]


def _object(
    session: Session,
    model: Any,
    columns: Sequence[tuple[str, str, _Made | None]],
    row: Sequence[Any],
    *,
    replace: bool,
) -> Any:
    values = {
        key: value if make is None else make(value)
        for (_, key, make), value in zip(columns, row, strict=False)
    }
    key = identity_key(model, (values["org_id"], values["id"]))
    known: Any = session.identity_map.get(key)
    if known is None:
        known = sa.inspect(model).class_manager.new_instance()
        state: Any = instance_state(known)
        # What the mapper's own loading does with an object that it has made.
        state.dict.update(values)
        state.key = key
        state.session_id = session.hash_key
        session.identity_map._add_unpresent(state, key)
        return known
    state = instance_state(known)
    if replace or state.expired_attributes:
        state.dict.update(values)
        state._commit_all(state.dict, session.identity_map)
    return known


def attach(session: Session, row: Any) -> None:
    """Tell the session that this object is a row as it stands in the database."""
    state: Any = instance_state(row)
    # What the mapper's own loading does with an object that it has made.
    state.key = identity_key(type(row), (row.org_id, row.id))
    state.session_id = session.hash_key
    session.identity_map._add_unpresent(state, state.key)
    if state.modified:
        state._commit_all(state.dict, session.identity_map)


@functools.cache
def _columns(model: Any, dialect: sa.Dialect) -> list[tuple[str, str, _Made | None]]:
    """Return each column's name, the attribute that it fills, and what makes the value of what the driver gives."""
    mapper = sa.inspect(model)
    found = []
    for column in model.__table__.columns:
        key = mapper.get_property_by_column(column).key
        found.append((column.name, key, _maker(column.type, dialect)))
    return found


def _maker(kind: Any, dialect: sa.Dialect) -> _Made | None:
    if isinstance(kind, sa.Float):
        # Both drivers give a float as it is.
        return None
    if isinstance(kind, sa.Uuid):
        return _id if dialect.name == "sqlite" else None
    made: _Made | None = kind.dialect_impl(dialect).result_processor(dialect, None)
    return made


def _id(text: str | None) -> UUID | None:
    return None if text is None else read_id(text)
