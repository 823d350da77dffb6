"""The command line: what an administrator types."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from core import jobs
from core.actor import Actor
from core.database import Database
from core.unit import perform
from tests.makers import Maker


@pytest.fixture
def run(app: Flask) -> Any:
    runner = app.test_cli_runner()
    return lambda *words, **more: runner.invoke(args=list(words), **more)


def break_down(_: Actor) -> None:
    raise RuntimeError("The printer is on fire")


def test_an_untouched_trail_is_whole_and_a_changed_one_ends_with_an_error(
    make: Maker, database: Database, run: Any
) -> None:
    make.order()
    whole = run("audit", "verify")
    assert (whole.exit_code, "whole" in whole.output) == (0, True)
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        if database.sqlite:
            connection.exec_driver_sql("DROP TRIGGER audit_entry_fixed_update")
        else:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql(
            "UPDATE audit_entry SET entry = replace(entry, 'Leaking', 'Squeaking')"
        )
    engine.dispose()
    changed = run("audit", "verify")
    assert changed.exit_code == 1
    assert "the hash does not follow" in changed.output


def test_a_job_that_was_given_up_is_listed_and_can_be_tried_again(
    make: Maker, database: Database, run: Any
) -> None:
    name = jobs.name_of(jobs.job(retries=0)(break_down))
    try:
        perform(make.system, lambda unit: unit.enqueue(break_down, {}))
        jobs.drain(database)
        assert "The printer is on fire" in run("jobs", "failed").output
        [row] = jobs.failed(database)
        assert run("jobs", "retry", str(row.id)).exit_code == 0
        assert "No job has failed" in run("jobs", "failed").output
        assert run("jobs", "retry", str(row.id)).exit_code == 1
    finally:
        del jobs.TASKS[name]


def test_an_account_is_opened_and_can_sign_in(make: Maker, run: Any, stranger: Any) -> None:
    words = (
        "account",
        "boss@example.com",
        "--organisation",
        make.org.name,
        "--name",
        "Boss",
        "--role",
        "admin",
    )
    answer = run(*words, input="a long enough word\na long enough word\n")
    assert answer.exit_code == 0, answer.output
    body = {"email": "boss@example.com", "password": "a long enough word"}
    assert stranger.send("POST", "/v1/session", body)["account"]["roles"] == ["admin"]
    assert run(*words, input="a long enough word\na long enough word\n").exit_code == 1


def test_an_import_that_is_wrong_ends_with_an_error_and_writes_nothing(
    make: Maker, tmp_path: Path, run: Any
) -> None:
    (tmp_path / "sites.csv").write_text("customer,name,lat,lng\nNobody,Yard,91,0\n")
    answer = run("import", str(tmp_path), "--organisation", make.org.name, "--apply")
    assert answer.exit_code == 1
    assert "sites.csv" in answer.output
