"""Changed rows with a version, written together.

The mapper writes versioned rows one statement each, because it trusts few drivers to count. Ours
count: many rows of one table are written by one statement that says how many it found as they
were read.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import instance_state
from sqlalchemy.orm.exc import StaleDataError

from core import bulk
from core.models import Versioned

# Fewer than this are left to the mapper.
WORTH_IT = 3

Changed = tuple[Versioned, list[str]]


def changed_names(row: Any) -> list[str]:
    """Return the columns that were set to something else since the row was read."""
    state = instance_state(row)
    now, columns = state.dict, state.mapper.columns
    return [
        name
        for name, old in state.committed_state.items()
        if name in columns and name in now and now[name] != old
    ]


def write_together(session: Session, changed: Sequence[Changed]) -> list[Changed]:
    """Write what was changed in these rows where many are of one table; return which were written.

    The rows are left as the mapper would leave them: their versions counted, nothing to be written.
    Raises StaleDataError when somebody else has changed one of them.
    """
    groups: dict[tuple[type, tuple[str, ...]], list[Versioned]] = {}
    for row, names in changed:
        groups.setdefault((type(row), tuple(sorted(names))), []).append(row)
    connection = session.connection()
    written: list[Changed] = []
    for (model, same), rows in sorted(
        groups.items(), key=lambda item: (item[0][0].__name__, item[0][1])
    ):
        if len(rows) < WORTH_IT:
            continue
        _update(connection, model, same, sorted(rows, key=lambda row: row.id))
        written += [(row, list(same)) for row in rows]
    return written


def settle(row: Versioned) -> None:
    """Tell the mapper that the row stands in the database as it is, one version further."""
    state: Any = instance_state(row)
    state.dict["version"] = row.version + 1
    # What the mapper itself does with a row that it has written.
    state._commit_all(state.dict, state.session.identity_map)


def _update(
    connection: sa.Connection, model: Any, names: tuple[str, ...], rows: Sequence[Versioned]
) -> None:
    table = model.__table__
    found = bulk.update(
        connection,
        table,
        [
            {"org_id": row.org_id, "id": row.id, "version": row.version}
            | {name: row.__dict__[name] for name in names}
            for row in rows
        ],
    )
    if found != len(rows):
        raise StaleDataError(
            f"Of {len(rows)} changed rows of {table.name}, {found} were as they had been read."
        )
