"""One database, two kinds: SQLite for a laptop, PostgreSQL for many machines; the same promises on both."""

import contextlib
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from core.errors import StaleVersion
from core.turn import Turn

T = TypeVar("T")

# The plain role that the application becomes when it signed in as a superuser: superusers see
# through row-level security, and then nothing would stand behind a forgotten filter.
APP_ROLE = "fieldwright_app"

# Serialization failure and deadlock: the whole transaction is to be run again.
RETRIED_STATES = {"40001", "40P01"}
RETRIES = 8
# Connections of one process for transactions beside a writer's.
ASIDE = 2


class UTCDateTime(sa.types.TypeDecorator[datetime]):
    """A moment. Refuses naive values, always gives back UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """Return what the column holds; a page's cursor is read back as this."""
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Convert to UTC on the way in."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A moment needs a time zone.")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Mark as UTC on the way out."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def make_engine(url: str, *, size: int = 8, overflow: int = 16) -> Engine:
    """Return an engine whose transactions are real ones; on PostgreSQL with so many connections and so many more."""
    if url.startswith("sqlite"):
        engine = sa.create_engine(
            url,
            connect_args={"timeout": 15, "check_same_thread": False},
            pool_size=8,
            max_overflow=64,
            json_serializer=_json,
            json_deserializer=orjson.loads,
        )
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _sqlite_begun)
    else:
        engine = sa.create_engine(
            url,
            pool_size=size,
            max_overflow=overflow,
            pool_timeout=10,
            pool_recycle=1800,
            json_serializer=_json,
            json_deserializer=orjson.loads,
            connect_args={
                "connect_timeout": 5,
                "options": "-c timezone=UTC -c statement_timeout=30s -c lock_timeout=10s"
                " -c idle_in_transaction_session_timeout=60s",
            },
        )
        event.listen(engine, "connect", _postgresql_connected)
        event.listen(engine, "checkin", _rested)
        event.listen(engine, "checkout", _woken)
    # A connection shared by two processes gives one the other's answers: a child starts with none.
    os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
    return engine


def _sqlite_connected(dbapi: Any, _: Any) -> None:
    # The driver would guess when to begin, and leave reads outside; we begin ourselves.
    dbapi.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=15000",
        "temp_store=MEMORY",
        # For each connection of a pool; behind it stands what the system keeps of the file.
        "cache_size=-4000",
    ):
        dbapi.execute(f"PRAGMA {pragma}")
    # The guards on synced tables ask for this function: a foreign tool has none, and fails loudly.
    dbapi.create_function("fieldwright_unit", 0, lambda: 1)


def _sqlite_begun(connection: Connection) -> None:
    readonly = connection.get_execution_options().get("readonly")
    connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")


# A connection that rested longer than this is asked whether it still lives before it is used.
_RESTED_S = 1.0


def _rested(_dbapi: Any, record: Any) -> None:
    record.info["rested_since"] = time.monotonic()


def _woken(dbapi: Any, record: Any, _proxy: Any) -> None:
    since = record.info.get("rested_since")
    if since is None or time.monotonic() - since < _RESTED_S:
        return
    try:
        with dbapi.cursor() as cursor:
            cursor.execute("SELECT 1")
        dbapi.rollback()
    except dbapi.Error as error:
        raise sa.exc.DisconnectionError("The connection was lost.") from error


def _postgresql_connected(dbapi: Any, _: Any) -> None:
    with dbapi.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        sees_through = cursor.fetchone()[0]
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (APP_ROLE,))
        if sees_through and cursor.fetchone():
            cursor.execute(f"SET ROLE {APP_ROLE}")
    dbapi.commit()


class FlushedSession(Session):
    """A session whose short cuts round the flush are closed: nothing goes past feed and audit."""

    def _refuse(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(
            "A bulk operation would not reach the change feed; add or change rows one by one."
        )

    def flush(self, objects: Any = None) -> None:
        """Write what was changed; first what was put aside to be written together."""
        if write_first := self.info.get("write_first"):
            write_first()
        super().flush(objects)

    bulk_save_objects = _refuse
    bulk_insert_mappings = _refuse
    bulk_update_mappings = _refuse


class Database:
    """The engine, its sessions, and the fair queue of writers that SQLite lacks."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = make_engine(url)
        self.sqlite = self.engine.dialect.name == "sqlite"
        if self.sqlite:
            read = self._plain = self.engine.execution_options(readonly=True)
        else:
            # One snapshot for all that an answer is made of.
            read = self.engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            # Its transactions are opened by hand.
            self._plain = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._write = sessionmaker(self.engine, class_=FlushedSession, expire_on_commit=False)
        self._read = sessionmaker(read, expire_on_commit=False, autoflush=False)
        self._turn: Any = (
            Turn(self.engine.url.database) if self.sqlite else contextlib.nullcontext()
        )
        # Connections of its own: who holds one waits for none of the others, so that writers who
        # have taken them all still get their numbers.
        self._aside = None if self.sqlite else make_engine(url, size=ASIDE, overflow=0)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a session to change things; the caller commits."""
        with self._turn, self._write() as session:
            yield session

    @contextlib.contextmanager
    def aside(self, writing: Connection) -> Iterator[Connection]:
        """Open a short transaction beside the one of a writer, committed where the block ends, whatever becomes of the other.

        SQLite has one writer: there it is the writer's own.
        """
        if self._aside is None:
            yield writing
            return
        with self._aside.begin() as connection:
            # Its commit does not wait for the disk: the log is written in order, so that it is
            # there wherever a later commit of the writer is.
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that reads one snapshot and changes nothing."""
        with self._read() as session:
            yield session

    @contextlib.contextmanager
    def snapshot(self, announcement: str = "SELECT 1") -> Iterator[Connection]:
        """Open a read of one snapshot for plain statements, without a session around it.

        On PostgreSQL it begins with the announcement, in the same message as the transaction.
        """
        with self._plain.connect() as connection:
            if self.sqlite:
                with connection.begin():
                    yield connection
                return
            cursor = connection.connection.cursor()
            cursor.execute(f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {announcement}")
            try:
                yield connection
            finally:
                cursor.execute("ROLLBACK")
                cursor.close()

    def ask(self, statement: str) -> Sequence[Any]:
        """Run one statement by itself and return its rows: one message there and one back.

        Nothing is around it, no session and no transaction, so it must neither change anything nor
        need a second one. Of several in one message the last one's rows are returned.
        """
        connection = self.engine.raw_connection()
        driver: Any = connection.driver_connection
        errors: Any = self.engine.dialect.loaded_dbapi.Error
        try:
            if not self.sqlite:
                driver.autocommit = True
            cursor = driver.cursor()
            cursor.execute(statement)
            while not self.sqlite and cursor.nextset():
                pass
            rows: Sequence[Any] = cursor.fetchall()
            cursor.close()
            if not self.sqlite:
                driver.autocommit = False
        except errors as error:
            connection.invalidate()
            raise sa.exc.DBAPIError(statement, None, error) from error
        finally:
            connection.close()
        return rows

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()
        if self.sqlite:
            self._turn.close()
        if self._aside is not None:
            self._aside.dispose()


_bound: Database | None = None


def bind(database: Database | None) -> None:
    """Make this the database of the process."""
    global _bound
    _bound = database


def bound() -> Database:
    """Return the database of the process."""
    if _bound is None:
        raise RuntimeError("No database is bound; call core.database.bind first.")
    return _bound


def retried(work: Callable[[], T]) -> T:
    """Run a whole transaction, and again when the database or a rival's change asks for it.

    Raises StaleVersion when it was overtaken every time.
    """
    for attempt in range(RETRIES):
        last = attempt == RETRIES - 1
        try:
            return work()
        except StaleDataError as error:
            if last:
                raise StaleVersion(
                    "Somebody else changed this at the same time. Load it again."
                ) from error
        except sa.exc.IntegrityError as error:
            # Two senders of one new thing: the second run finds what the first one made.
            if attempt > 0 or not _is_double(error):
                raise
        except sa.exc.DBAPIError as error:
            if last or not _is_passing(error):
                raise
        time.sleep(random.random() * 0.005 * 2**attempt)  # noqa: S311 - jitter, no secret
    raise AssertionError("unreachable")


def _is_double(error: sa.exc.DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) == "23505" or "UNIQUE constraint" in str(
        error.orig
    )


def _is_passing(error: sa.exc.DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in RETRIED_STATES or "database is locked" in str(
        error.orig
    )
