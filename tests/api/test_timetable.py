"""What happens again and again: once a slot, whoever writes it, and promises break without being touched."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from api.timetable import RECURRING, write_slots
from core import clock, jobs
from core.database import Database
from core.unit import perform, reading
from tests.makers import Maker
from work import promises
from work.models import WorkOrder

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_a_slot_is_written_once_however_many_processes_try(
    make: Maker, database: Database, at: Any
) -> None:
    at(NOON)
    assert write_slots(database) == len(RECURRING)
    assert write_slots(database) == 0
    soonest = min(RECURRING.values())
    at(NOON + soonest)
    assert write_slots(database) == [*RECURRING.values()].count(soonest)
    at(NOON + max(RECURRING.values()))
    assert write_slots(database) == len(RECURRING)


def test_everything_that_recurs_runs_through(make: Maker, database: Database, at: Any) -> None:
    at(NOON)
    write_slots(database)
    assert jobs.drain(database) >= len(RECURRING)
    assert jobs.failed(database) == []


def test_a_promise_breaks_by_itself(make: Maker, database: Database, at: Any) -> None:
    perform(
        make.system,
        lambda unit: promises.make_promise(
            unit, priority=2, minutes=60, warn_minutes=10, timezone="UTC", week={}
        ),
    )
    order = make.order(priority=2)
    at(clock.now() + timedelta(hours=2))
    write_slots(database)
    jobs.drain(database)
    with reading(make.system) as unit:
        row = unit.session.scalars(sa.select(WorkOrder).where(WorkOrder.id == order.id)).one()
        assert (row.sla or {})["breached_at"] is not None
