"""Migrations: from empty to the newest, without drift from the models, with every guard standing."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from core import guards, migrations
from core.database import Database
from core.models import Base


def test_an_empty_database_comes_up_to_the_newest_with_all_guards(database: Database) -> None:
    with sa.create_engine(database.url, poolclass=sa.NullPool).connect() as connection:
        assert migrations.is_current(connection)
        assert guards.missing(connection) == []
        assert guards.unguarded(connection) == []


def test_the_models_and_the_migrations_say_the_same(database: Database) -> None:
    with sa.create_engine(database.url, poolclass=sa.NullPool).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found: Any = compare_metadata(context, Base.metadata)
    assert found == []


def test_upgrading_twice_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'twice.db'}"
    migrations.upgrade(url)
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        epoch = connection.exec_driver_sql("SELECT id FROM epoch").scalar()
    migrations.upgrade(url)
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        assert connection.exec_driver_sql("SELECT id FROM epoch").scalar() == epoch


def test_a_new_table_that_forgets_its_organisation_is_named(database: Database) -> None:
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE forgetful (id integer primary key)")
        assert guards.unguarded(connection) == ["forgetful"]
        connection.rollback()
    engine.dispose()
