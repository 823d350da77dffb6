"""Whether it is alive, whether it is ready, and how it does."""

import re
import uuid

import pytest
import sqlalchemy as sa
from flask import Flask

from core.database import Database
from core.ids import new_id
from tests.doors import Visitor


def test_it_is_alive_without_a_database(app: Flask, stranger: Visitor, database: Database) -> None:
    database.close()
    assert stranger.get("/healthz") == {"status": "ok"}


def test_it_is_ready_when_the_database_is_up_to_date(stranger: Visitor) -> None:
    said = stranger.get("/readyz")
    assert said == {"status": "ok", "database": "ok", "migrations": "ok", "oldest_job_seconds": 0.0}


def test_it_is_not_ready_while_migrations_are_behind(stranger: Visitor, database: Database) -> None:
    with database.engine.begin() as connection:
        kept = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))
    try:
        answer = stranger.call("GET", "/readyz")
        assert answer.status_code == 503
        assert answer.json["status"] == "not ready"
        assert answer.json["migrations"] == "behind"
    finally:
        with database.engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE alembic_version SET version_num = :kept"), {"kept": kept}
            )


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_it_is_not_ready_when_the_database_does_not_answer(
    stranger: Visitor, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise sa.exc.OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(database.engine, "connect", gone)
    answer = stranger.call("GET", "/readyz")
    assert (answer.status_code, answer.json["database"]) == (503, "unreachable")


def test_figures_for_prometheus_name_routes_and_never_ids(stranger: Visitor) -> None:
    asked = new_id()
    stranger.call("GET", f"/v1/visits/{asked}")
    stranger.call("GET", f"/q/{asked.hex}")
    stranger.call("GET", "/nothing/here")
    stranger.call("BREW", "/v1/visits")
    answer = stranger.call("GET", "/metrics")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert 'route="/v1/visits/<uuid:visit_id>"' in text
    assert "fieldwright_requests_total" in text
    assert "fieldwright_oldest_job_seconds" in text
    labels = re.findall(r'"([^"]*)"', text)
    assert not [label for label in labels if _is_id(label) or asked.hex in label]
    assert "BREW" not in text
    assert "nothing/here" not in text


def _is_id(label: str) -> bool:
    try:
        uuid.UUID(label)
    except ValueError:
        return False
    return True
