"""Changed rows, those of one table written together.

The mapper writes versioned rows one statement each, because it trusts few drivers to count. Ours
count: the rows of one table are written by one statement that says how many it found as they were
read.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import instance_state
from sqlalchemy.orm.exc import StaleDataError

from core import bulk
from core.models import Identified, Versioned

Changed = tuple[Identified, list[str]]


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
    """Write what was changed in these rows and return which were written; columns of a rare kind are left to the mapper.

    The rows are left as they were: `settle` tells the mapper. Raises StaleDataError when somebody
    else has changed one of them.
    """
    groups: dict[tuple[type, tuple[str, ...]], list[Any]] = {}
    for row, names in changed:
        groups.setdefault((type(row), tuple(sorted(names))), []).append(row)
    connection = session.connection()
    written: list[Changed] = []
    for (model, same), rows in sorted(
        groups.items(), key=lambda item: (item[0][0].__name__, item[0][1])
    ):
        table: Any = model.__table__  # type: ignore[attr-defined]
        if not bulk.carries(table, same):
            continue
        counted = issubclass(model, Versioned)
        rows.sort(key=lambda row: row.id)
        found = bulk.update(
            connection,
            table,
            [_values(row, same, counted=counted) for row in rows],
            counted=counted,
        )
        if found != len(rows):
            raise StaleDataError(
                f"Of {len(rows)} changed rows of {table.name}, {found} were as they had been read."
            )
        written += [(row, list(same)) for row in rows]
    return written


def _values(row: Any, names: tuple[str, ...], *, counted: bool) -> dict[str, Any]:
    values = {"org_id": row.org_id, "id": row.id} | {name: row.__dict__[name] for name in names}
    return values | {"version": row.version} if counted else values


def settle(row: Identified) -> None:
    """Tell the mapper that the row stands in the database as it is, one version further."""
    state: Any = instance_state(row)
    if isinstance(row, Versioned):
        state.dict["version"] = row.version + 1
    # What the mapper itself does with a row that it has written.
    state._commit_all(state.dict, state.session.identity_map)
