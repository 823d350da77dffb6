"""Statements straight to the driver, inside a transaction that the engine has begun.

A push says some twenty statements whose texts never change. The engine's own way there, with a
context, a result and events for each, costs more than the statement itself. Errors are the
engine's all the same, but without the values: those are somebody's data.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa


def run(connection: sa.Connection, text: str, values: Any = ()) -> Any:
    """Run one statement in the driver's own form; return the driver's cursor.

    Raises what the engine raises, such as sqlalchemy.exc.IntegrityError.
    """
    cursor: Any = _driver_of(connection).cursor()
    try:
        cursor.execute(text, values)
    except Exception as error:
        raise _told(connection, text, error) from error
    return cursor


def ask(connection: sa.Connection, text: str, values: Any = ()) -> list[Any]:
    """Return the rows of a statement inside a snapshot that was opened by hand.

    Raises what the engine raises.
    """
    driver: Any = connection.connection.driver_connection
    # As text PostgreSQL would write each byte of a document as two digits.
    cursor = driver.cursor() if connection.dialect.name == "sqlite" else driver.cursor(binary=True)
    try:
        cursor.execute(text, values)
        rows: list[Any] = cursor.fetchall()
    except Exception as error:
        raise _told(connection, text, error) from error
    cursor.close()
    return rows


def run_many(connection: sa.Connection, text: str, rows: Sequence[Any]) -> Any:
    """Run one statement for each of the rows; return the driver's cursor.

    Raises what the engine raises.
    """
    cursor: Any = _driver_of(connection).cursor()
    try:
        cursor.executemany(text, rows)
    except Exception as error:
        raise _told(connection, text, error) from error
    return cursor


@contextlib.contextmanager
def without_waiting(connection: sa.Connection) -> Iterator[None]:
    """Send the statements inside one after the other, and wait only where an answer is asked for.

    Only what goes straight to the driver may be said inside. SQLite has nobody to wait for.
    Raises what the engine raises, at the latest at the end.
    """
    driver: Any = _driver_of(connection)
    if not hasattr(driver, "pipeline"):
        yield
        return
    try:
        with driver.pipeline():
            yield
    except Exception as error:
        told = _told(connection, "", error)
        if told is error:
            raise
        raise told from error


def _driver_of(connection: sa.Connection) -> Any:
    if not connection.in_transaction():
        # As the engine does before a first statement.
        connection.begin()
    return connection.connection.driver_connection


def _told(connection: sa.Connection, text: str, error: Exception) -> Exception:
    dialect = connection.dialect
    errors: Any = dialect.loaded_dbapi.Error
    if not isinstance(error, errors):
        return error
    lost = dialect.is_disconnect(error, connection.connection.driver_connection, None)
    if lost:
        connection.invalidate(error)
    told = sa.exc.DBAPIError.instance(
        text,
        None,
        error,
        errors,
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=dialect,
    )
    return told if isinstance(told, Exception) else error
