"""Fresh databases to measure on: SQLite in a temporary folder, PostgreSQL in a database of its own."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from flask import Flask

from api.app import create_app
from core.database import Database, bind
from core.migrations import upgrade
from core.settings import from_environment

SERVER = os.environ.get(
    "FIELDWRIGHT_TEST_DATABASE_URL", "postgresql+psycopg://127.0.0.1:5432/postgres"
)


@contextmanager
def fresh(kind: str) -> Iterator[tuple[Database, Path]]:
    """Give a migrated, bound database of this kind and a folder; both are gone afterwards."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        if kind == "sqlite":
            url = f"sqlite:///{folder / 'bench.db'}"
            yield from _bound(url, folder)
            return
        label = f"fieldwright_bench_{uuid.uuid4().hex[:8]}"
        server = sa.create_engine(SERVER, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with server.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {label}")
        try:
            url = server.url.set(database=label).render_as_string(hide_password=False)
            yield from _bound(url, folder)
        finally:
            with server.connect() as connection:
                connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {label} WITH (FORCE)")


@contextmanager
def app_on(kind: str) -> Iterator[tuple[Database, Flask]]:
    """Give a fresh database of this kind and the whole app on it, without limits."""
    with fresh(kind) as (database, folder):
        settings = from_environment(
            {"FIELDWRIGHT_VAR": str(folder), "FIELDWRIGHT_LIMITS": "off", "FIELDWRIGHT_LOG": "json"}
        )
        yield database, create_app(settings, db=database)


def _bound(url: str, folder: Path) -> Iterator[tuple[Database, Path]]:
    upgrade(url)
    database = Database(url)
    bind(database)
    try:
        yield database, folder
    finally:
        database.close()
        bind(None)
