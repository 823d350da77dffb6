"""The wall between organisations, over every table and every endpoint."""

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from core.database import Database, bound
from core.ids import new_id
from core.models import Base, Tenanted
from core.tenancy import SHARED_TABLES, tenanted_tables
from core.unit import reading, unit_of_work
from tests.doors import Visitor
from tests.makers import PASSWORD, Maker
from work.models import WorkOrder

TENANTED = sorted(
    (m.class_ for m in Base.registry.mappers if issubclass(m.class_, Tenanted)),
    key=lambda c: c.__tablename__,
)


def furnish(make: Maker) -> None:
    """Put at least a few things of many kinds into an organisation."""
    technician = make.technician(account=make.account("technician"))
    part = make.part()
    make.stock(technician.van_place_id, part, 2)
    make.visit(by=technician)


def test_every_table_belongs_to_an_organisation_or_says_why_not() -> None:
    bare = {table.name for table in Base.metadata.tables.values() if "org_id" not in table.c}
    assert bare <= set(SHARED_TABLES)
    for table in tenanted_tables():
        if table.name in ("document", "hanging", "scope", "feed_entry"):
            # Numbered for speed; the database's own wall and explicit conditions guard them.
            continue
        assert next(iter(table.primary_key.columns)).name == "org_id", (
            f"{table.name}'s key must begin with the organisation"
        )


@pytest.mark.parametrize("model", TENANTED, ids=lambda model: model.__tablename__)
def test_a_query_cannot_forget_the_organisation(make: Maker, model: Any) -> None:
    furnish(make)
    stranger = Maker()
    with reading(stranger.system) as unit:
        rows = unit.session.scalars(sa.select(model)).all()
        assert {row.org_id for row in rows} <= {stranger.org.id}
        total = unit.session.scalar(sa.select(sa.func.count()).select_from(model))
        assert total == len(rows)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_row_level_security_stands_behind_the_filter(make: Maker, database: Database) -> None:
    furnish(make)
    stranger = Maker()
    with database.engine.connect() as connection:
        from core.tenancy import announce

        for table in tenanted_tables():
            announce(connection, stranger.org.id)
            others = connection.execute(
                sa.select(sa.func.count())
                .select_from(table)
                .where(table.c.org_id != stranger.org.id)
            ).scalar()
            assert others == 0, table.name
        connection.rollback()
        for table in tenanted_tables():
            assert (
                connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0
            ), f"{table.name} without a tenant"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_row_level_security_refuses_a_row_of_another_organisation(
    make: Maker, database: Database
) -> None:
    stranger = Maker()
    with (
        database.engine.connect() as connection,
        pytest.raises(sa.exc.ProgrammingError, match="row-level security"),
    ):
        from core.tenancy import announce

        announce(connection, stranger.org.id)
        connection.execute(
            sa.text("INSERT INTO counter (org_id, name, value) VALUES (:org, 'X', 1)"),
            {"org": make.org.id},
        )


def test_a_row_of_another_organisation_is_never_written(make: Maker) -> None:
    stranger = Maker()
    order = make.order()
    with (
        pytest.raises(RuntimeError, match="another organisation"),
        unit_of_work(stranger.system) as unit,
    ):
        unit.session.add(WorkOrder(org_id=order.org_id, id=new_id(), version=1))


def test_a_core_statement_is_told_to_use_the_mapped_classes(make: Maker) -> None:
    with pytest.raises(RuntimeError, match="wall"), reading(make.system) as unit:
        unit.session.execute(sa.select(WorkOrder.__table__))


def test_a_row_cannot_refer_to_a_row_of_another_organisation(make: Maker) -> None:
    stranger = Maker()
    site = make.site()
    with pytest.raises(sa.exc.IntegrityError), unit_of_work(stranger.system) as unit:
        from assets.models import FunctionalLocation

        unit.add(FunctionalLocation(id=new_id(), site_id=site.id, path="P", name="P"))


def ids_of(org_id: UUID) -> set[str]:
    """Return every id and secret-looking text that belongs to an organisation."""
    found: set[str] = set()
    with bound().reading() as session:
        connection = session.connection()
        from core.tenancy import announce

        announce(connection, org_id)
        for table in tenanted_tables():
            if "id" in table.c:
                found |= {
                    str(row)
                    for row in connection.execute(
                        sa.select(table.c.id).where(table.c.org_id == org_id)
                    ).scalars()
                }
    return found


def test_no_endpoint_shows_anything_of_another_organisation(app: Flask, make: Maker) -> None:
    furnish(make)
    make.asset()
    stranger = Maker()
    furnish(stranger)
    account = stranger.account("admin", "dispatcher", "manager", "storekeeper")
    client = app.test_client()
    token = Visitor(client).send(
        "POST", "/v1/session", {"email": account.email, "password": PASSWORD}
    )["access_token"]
    visitor = Visitor(client, token)
    foreign = ids_of(make.org.id)
    asked = 0
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/v1/") or rule.rule.startswith(
            ("/v1/docs", "/v1/openapi", "/v1/session", "/v1/sync")
        ):
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths = paths_for(rule.rule, foreign) if rule.arguments else [rule.rule]
            for path in paths:
                response = visitor.call(method, path, None if method == "GET" else {})
                text = response.get_data(as_text=True)
                asked += 1
                assert response.status_code < 500, (method, path, text[:300])
                if rule.arguments:
                    assert response.status_code in (404, 405, 409, 415, 422), (
                        method,
                        path,
                        response.status_code,
                        text[:300],
                    )
                leaked = [one for one in foreign if one in text and one not in path]
                assert not leaked, (method, path)
    assert asked > 100


def paths_for(rule: str, foreign: set[str]) -> list[str]:
    """Return addresses of this rule with ids of the other organisation in them."""
    import re

    some = sorted(foreign)[:: max(1, len(foreign) // 12)]
    return [re.sub(r"<[^>]+>", one, rule) for one in some]
