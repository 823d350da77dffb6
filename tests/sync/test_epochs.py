"""A backup is restored: phones start over, keep what they hold, and nothing takes effect twice."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from core.database import Database
from core.models import Base
from core.unit import perform, reading
from tests.doors import Phone
from tests.makers import Maker
from work import actions as work
from work.models import Attention, Comment


class Backup:
    """Yesterday's copy of a database, and the way back to it."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.file = folder / "backup.db"
        self.rows: dict[str, list[Any]] = {}
        if database.sqlite:
            with database.engine.connect() as connection:
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql(f"VACUUM INTO '{self.file}'")
                connection.exec_driver_sql("BEGIN")
        else:
            with self._owner().begin() as connection:
                for table in Base.metadata.sorted_tables:
                    self.rows[table.name] = connection.execute(sa.select(table)).mappings().all()

    def restore(self) -> None:
        """Make the database what it was."""
        self.database.engine.dispose()
        if self.database.sqlite:
            path = Path(str(self.database.engine.url.database))
            for end in ("-wal", "-shm"):
                path.with_name(path.name + end).unlink(missing_ok=True)
            shutil.copy(self.file, path)
            return
        with self._owner().begin() as connection:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for table in Base.metadata.sorted_tables:
                connection.execute(table.delete())
                if rows := self.rows[table.name]:
                    connection.execute(table.insert(), [dict(row) for row in rows])

    def _owner(self) -> sa.Engine:
        return sa.create_engine(self.database.url, poolclass=sa.NullPool)


@pytest.fixture
def mobile(make: Maker, phone: Callable[..., Phone]) -> Phone:
    account = make.account("technician")
    technician = make.technician(account=account)
    for _ in range(3):
        make.visit(by=technician)
    return phone(account)


def comments(make: Maker) -> list[str]:
    with reading(make.system) as unit:
        return sorted(unit.session.scalars(sa.select(Comment.text)).all())


def new_epoch(app: Flask) -> None:
    told = app.test_cli_runner().invoke(args=["sync", "new-epoch", "--yes"])
    assert told.exit_code == 0, told.output


def test_h6_after_a_restore_phones_start_over_and_send_again_and_nothing_is_there_twice(
    app: Flask, make: Maker, mobile: Phone, database: Database, tmp_path: Path
) -> None:
    mobile.pull()
    order = mobile.docs("work_order")[0]["id"]
    early = [mobile.say("comment.add", {"order_id": order, "text": f"early {n}"}) for n in (1, 2)]
    mobile.push()
    backup = Backup(database, tmp_path)
    late = [mobile.say("comment.add", {"order_id": order, "text": f"late {n}"}) for n in (1, 2)]
    mobile.push()
    perform(make.system, lambda unit: work.add_comment(unit, UUID(order), text="office"))
    waiting = mobile.say("comment.add", {"order_id": order, "text": "not sent yet"})
    mobile.pull()
    backup.restore()
    new_epoch(app)
    mobile.sign_in()
    page = mobile.pull_page()
    assert page is not None
    assert page["reset"] is True
    # It still holds all of these: nothing was confirmed since the last complete pull.
    answer = mobile.push([*early, *late, waiting])
    assert [r["replayed"] for r in answer["results"]] == [True, True, False, False, False]
    assert {r["status"] for r in answer["results"]} == {"applied"}
    assert comments(make) == ["early 1", "early 2", "late 1", "late 2", "not sent yet"]
    mobile.pull()
    assert sorted(doc["text"] for doc in mobile.docs("comment")) == comments(make)


def test_h6_what_a_phone_forgot_after_we_confirmed_it_is_named_and_the_rest_goes_on(
    app: Flask, make: Maker, mobile: Phone, database: Database, tmp_path: Path
) -> None:
    mobile.pull()
    order = mobile.docs("work_order")[0]["id"]
    backup = Backup(database, tmp_path)
    for n in range(3):
        mobile.say("comment.add", {"order_id": order, "text": f"lost {n}"})
    mobile.push()
    mobile.pull()
    mobile.say("comment.add", {"order_id": order, "text": "kept"})
    backup.restore()
    new_epoch(app)
    mobile.sign_in()
    refused = mobile.call(
        "POST",
        "/v1/sync/push",
        {"device_id": str(mobile.device_id), "schema": 2, "mutations": mobile.outbox},
    )
    assert (refused.status_code, refused.json["code"]) == (409, "gap")
    answer = mobile.push(confirmed_seq=3)
    assert [r["status"] for r in answer["results"]] == ["applied"]
    assert answer["last_seq"] == 4
    assert comments(make) == ["kept"]
    with reading(make.system) as unit:
        asked = unit.session.scalars(sa.select(Attention).where(Attention.entity == "device")).one()
    assert asked.phone_value == {"value": {"first": 1, "last": 3}}


def test_h6_a_restore_of_which_nobody_told_us_is_noticed_by_the_phones(
    make: Maker, mobile: Phone, database: Database, tmp_path: Path
) -> None:
    mobile.pull()
    backup = Backup(database, tmp_path)
    make.part()
    mobile.pull()
    backup.restore()
    mobile.sign_in()
    page = mobile.pull_page()
    assert page is not None
    assert page["reset"] is True
    mobile.pull()
