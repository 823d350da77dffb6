"""The wall between organisations: a filter in every session, and on PostgreSQL row-level security behind it."""

import contextlib
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction, with_loader_criteria

from core import driver
from core.database import bound
from core.models import Base, Synced, Tenanted

# Tables without an organisation, each with the reason why.
SHARED_TABLES = {
    "organisation": "the tenants themselves; its id is the organisation",
    "door": "says which organisation a secret opens, before anything else is known; hashes alone",
    "epoch": "one row: the identity of this database's history",
    "job": "the queue is worked for all organisations; it holds ids alone",
    "alembic_version": "belongs to the migration tool",
}


def wall(session: Session, org_id: Any) -> None:
    """Make the session see and write the rows of one organisation alone."""
    session.info["org_id"] = org_id
    event.listen(session, "do_orm_execute", _criteria)
    event.listen(session, "before_flush", _own_rows)
    event.listen(session, "after_begin", _announce)


def _criteria(state: ORMExecuteState) -> None:
    org_id = state.session.info["org_id"]
    if not state.is_orm_statement:
        tables = {t.name for t in _tables_of(state.statement)}
        if tables - set(SHARED_TABLES):
            raise RuntimeError(
                f"A Core statement on {sorted(tables)} goes round the wall between organisations; use the mapped classes."
            )
        return
    if state.is_insert or state.is_update or state.is_delete:
        for mapper in state.all_mappers:
            if issubclass(mapper.class_, Synced):
                raise RuntimeError(
                    f"A bulk statement on {mapper.class_.__name__} would not reach the change feed; change its rows one by one."
                )
    if state.is_select or state.is_update or state.is_delete:
        state.statement = state.statement.options(
            with_loader_criteria(Tenanted, lambda cls: cls.org_id == org_id, include_aliases=True)
        )


def _tables_of(statement: Any) -> set[sa.Table]:
    return {part for part in sa.sql.visitors.iterate(statement) if isinstance(part, sa.Table)}


def _own_rows(session: Session, _context: Any, _instances: Any) -> None:
    org_id = session.info["org_id"]
    for row in (*session.new, *session.dirty):
        if isinstance(row, Tenanted):
            given: Any = row.org_id
            if given is None:
                row.org_id = org_id
            elif given != org_id:
                raise RuntimeError(
                    f"A {type(row).__name__} of another organisation was about to be written."
                )


def _announce(
    session: Session, _transaction: SessionTransaction, connection: sa.Connection
) -> None:
    announce(connection, session.info["org_id"])


@contextlib.contextmanager
def snapshot(org_id: UUID) -> Iterator[sa.Connection]:
    """Open a read of one snapshot for plain statements, inside one organisation."""
    words = f"SELECT set_config('app.org', '{UUID(bytes=org_id.bytes)}', true)"
    with bound().snapshot(words) as connection:
        yield connection


def announce(connection: sa.Connection, org_id: Any) -> None:
    """Tell PostgreSQL for whom this transaction reads and writes."""
    if connection.dialect.name == "postgresql":
        # The driver begins the transaction with the first statement: both travel together.
        with driver.without_waiting(connection):
            driver.run(connection, _FOR_WHOM, (str(org_id),))


_FOR_WHOM = "SELECT set_config('app.org', %s, true), set_config('app.unit', '1', true)"


def tenanted_tables() -> list[sa.Table]:
    """Return every table that has an organisation in its key."""
    return [
        table
        for table in Base.metadata.sorted_tables
        if "org_id" in table.c and table.name not in SHARED_TABLES
    ]


def synced_tables() -> list[sa.Table]:
    """Return every table of which phones hold copies."""
    return [
        mapper.local_table
        for mapper in Base.registry.mappers
        if issubclass(mapper.class_, Synced) and isinstance(mapper.local_table, sa.Table)
    ]
