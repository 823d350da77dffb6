"""Bring a database up to date, and say whether it is."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from core import guards
from core.feed import Epoch
from core.ids import new_id

FOLDER = Path(__file__).resolve().parent.parent / "migrations"


def config(connection: sa.Connection | None = None) -> Config:
    """Return Alembic's settings."""
    settings = Config()
    settings.set_main_option("script_location", str(FOLDER))
    settings.attributes["connection"] = connection
    return settings


def migration_engine(url: str) -> sa.Engine:
    """Return an engine of the owner, without the application's foreign keys.

    SQLite moves a table by copying and dropping it; with foreign keys on, the drop would delete
    every row that refers to it.
    """
    return sa.create_engine(url, poolclass=sa.NullPool)


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database up to a revision and put up its guards."""
    engine = migration_engine(url)
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            connection.connection.create_function("fieldwright_unit", 0, lambda: 1)
            connection.commit()
        command.upgrade(config(connection), revision)
        if connection.dialect.name == "sqlite":
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if broken:
                raise RuntimeError(f"The migration left rows that refer to nothing: {broken[:5]}")
        if revision == "head":
            guards.install(connection)
            if connection.scalar(sa.select(sa.func.count()).select_from(Epoch)) == 0:
                connection.execute(sa.insert(Epoch).values(id=new_id()))
        connection.commit()
    engine.dispose()


def is_current(connection: sa.Connection) -> bool:
    """Tell whether the database is at the newest revision."""
    heads = set(ScriptDirectory.from_config(config()).get_heads())
    return set(MigrationContext.configure(connection).get_current_heads()) == heads
