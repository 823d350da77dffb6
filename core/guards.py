"""What the database itself refuses: strangers' rows, silent changes to synced tables, edits of the audit trail.

Run after every migration; safe to repeat. A new table is guarded without anybody remembering to.
"""

import sqlalchemy as sa

from core.database import APP_ROLE
from core.tenancy import SHARED_TABLES, synced_tables, tenanted_tables

# Rows of these are written once and never touched again.
APPEND_ONLY = ("audit_entry", "stock_entry", "seal")

_GUARD = "a change of this table must go through a unit of work, or the change feed would not know"
_APPEND = "this table is append-only"


def install(connection: sa.Connection) -> None:
    """Put up the guards on every table that should have them."""
    if connection.dialect.name == "postgresql":
        _install_postgresql(connection)
    else:
        _install_sqlite(connection)


def missing(connection: sa.Connection) -> list[str]:
    """Return the names of guards that should stand and do not."""
    if connection.dialect.name == "postgresql":
        standing = set(
            connection.scalars(sa.text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"))
        )
        standing |= {
            f"{row[0]}_wall"
            for row in connection.execute(sa.text("SELECT tablename FROM pg_policies"))
        }
        wanted = {f"{table.name}_wall" for table in tenanted_tables()}
    else:
        standing = set(
            connection.scalars(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        )
        wanted = set()
    for table in synced_tables():
        wanted |= {f"{table.name}_guard_{verb}" for verb in ("insert", "update", "delete")}
    for name in APPEND_ONLY:
        wanted |= {f"{name}_fixed_{verb}" for verb in ("update", "delete")}
    return sorted(wanted - standing)


def _install_sqlite(connection: sa.Connection) -> None:
    for table in synced_tables():
        for verb in ("insert", "update", "delete"):
            name = f"{table.name}_guard_{verb}"
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
            connection.exec_driver_sql(
                f"CREATE TRIGGER {name} BEFORE {verb.upper()} ON {table.name} WHEN fieldwright_unit() IS NULL "
                f"BEGIN SELECT RAISE(ABORT, '{_GUARD}'); END"
            )
    for table_name in APPEND_ONLY:
        for verb in ("update", "delete"):
            name = f"{table_name}_fixed_{verb}"
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
            connection.exec_driver_sql(
                f"CREATE TRIGGER {name} BEFORE {verb.upper()} ON {table_name} BEGIN SELECT RAISE(ABORT, '{_APPEND}'); END"
            )


def _install_postgresql(connection: sa.Connection) -> None:
    run = connection.exec_driver_sql
    run(f"""
        DO $$ BEGIN
          IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{APP_ROLE}')
             AND (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) THEN
            CREATE ROLE {APP_ROLE} NOLOGIN;
          END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$""")  # noqa: S608 - our own names
    run(f"""
        CREATE OR REPLACE FUNCTION fieldwright_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF current_setting('app.unit', true) IS DISTINCT FROM '1' THEN RAISE EXCEPTION '{_GUARD}'; END IF;
          RETURN COALESCE(NEW, OLD);
        END $$""")
    run(f"""
        CREATE OR REPLACE FUNCTION fieldwright_fixed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          RAISE EXCEPTION '{_APPEND}';
        END $$""")
    for table in synced_tables():
        for verb in ("insert", "update", "delete"):
            run(
                f"CREATE OR REPLACE TRIGGER {table.name}_guard_{verb} BEFORE {verb.upper()} ON {table.name} "
                "FOR EACH ROW EXECUTE FUNCTION fieldwright_guard()"
            )
    for name in APPEND_ONLY:
        for verb in ("update", "delete"):
            run(
                f"CREATE OR REPLACE TRIGGER {name}_fixed_{verb} BEFORE {verb.upper()} ON {name} "
                "FOR EACH ROW EXECUTE FUNCTION fieldwright_fixed()"
            )
    own = "NULLIF(current_setting('app.org', true), '')::uuid"
    for table in tenanted_tables():
        run(f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY")
        run(f"ALTER TABLE {table.name} FORCE ROW LEVEL SECURITY")
        run(f"DROP POLICY IF EXISTS wall ON {table.name}")
        run(
            f"CREATE POLICY wall ON {table.name} USING (org_id = (SELECT {own})) WITH CHECK (org_id = (SELECT {own}))"
        )
    run(f"""
        DO $$ BEGIN
          IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{APP_ROLE}') THEN
            GRANT USAGE ON SCHEMA public TO {APP_ROLE};
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APP_ROLE};
            GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE};
          END IF;
        END $$""")  # noqa: S608 - our own names


def unguarded(connection: sa.Connection) -> list[str]:
    """Return the tables that neither belong to an organisation nor stand in the list of shared ones."""
    names = set(sa.inspect(connection).get_table_names())
    return sorted(names - {table.name for table in tenanted_tables()} - set(SHARED_TABLES))
