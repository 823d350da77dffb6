"""What happens again and again: a thread writes each slot's job, and the slot's name keeps it from being two.

Any number of processes may do this beside one another.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from core import clock, jobs
from core.actor import Actor
from core.database import Database
from core.unit import unit_of_work
from dispatch import upkeep
from people.models import Organisation
from sync import jobs as sync_jobs
from work.jobs import watch_promises

log = structlog.get_logger("timetable")

LOOK_S = 20.0
RECURRING: dict[Callable[..., None], timedelta] = {
    watch_promises: timedelta(minutes=5),
    sync_jobs.look_for_hints: timedelta(minutes=1),
    sync_jobs.turn_the_day: timedelta(minutes=15),
    sync_jobs.forget_removals: timedelta(days=1),
    sync_jobs.forget_receipts: timedelta(days=1),
    sync_jobs.scrub: timedelta(days=1),
    sync_jobs.forget_uploads: timedelta(hours=1),
    sync_jobs.collect_files: timedelta(days=1),
    upkeep.forget_positions: timedelta(hours=1),
    upkeep.expire_proposals: timedelta(hours=1),
    upkeep.learn_times: timedelta(days=1),
    upkeep.look_soon: timedelta(minutes=1),
}


def slot_of(now: datetime, every: timedelta) -> datetime:
    """Return the beginning of the slot that holds this moment."""
    return now - timedelta(seconds=now.timestamp() % every.total_seconds())


def write_slots(database: Database) -> int:
    """Write the jobs of the present slots for every organisation; return how many were new."""
    now = clock.now()
    with database.reading() as session:
        organisations = session.scalars(sa.select(Organisation.id)).all()
    written = 0
    for org_id in organisations:
        with unit_of_work(Actor.system(org_id, "timetable"), action="timetable") as unit:
            for job, every in RECURRING.items():
                slot = f"{jobs.name_of(job)}:{org_id}:{slot_of(now, every):%Y-%m-%dT%H:%M:%S}"
                written += unit.enqueue(job, {}, slot=slot)
    return written


class Timetable:
    """The thread."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="timetable", daemon=True)

    def start(self) -> "Timetable":
        """Begin."""
        self._thread.start()
        return self

    def close(self, timeout: float = 5) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join(timeout)

    def _loop(self) -> None:
        while not self._stop.is_set():
            try:
                write_slots(self.database)
                jobs.forget_done(self.database)
            except sa.exc.SQLAlchemyError:
                log.warning("could not write the slots", exc_info=True)
            self._stop.wait(LOOK_S)
