"""What happens later: rows that commit with the change, worked at least once, by this process or by RQ.

The row is the truth. A claim sets a lease and counts the attempt; the end is written only by the
holder of the lease. RQ, where it runs, carries the row's id and nothing else, so that a lost or
doubled message is harmless.
"""

import functools
import os
import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from core import bulk, clock
from core.actor import Actor
from core.database import Database, bound
from core.errors import NotFound
from core.events import Event
from core.ids import new_id
from core.models import Base

log = structlog.get_logger("jobs")

F = TypeVar("F", bound=Callable[..., None])

POLL = timedelta(seconds=1)
# How long a claim holds where the job says nothing else; who works on it renews the claim meanwhile.
LEASE = timedelta(seconds=60)
# A message to RQ that led to nothing is sent again after this long.
RESEND = timedelta(seconds=30)
DONE_KEPT = timedelta(days=7)


class Job(Base):
    """Something to be done, for one organisation."""

    __tablename__ = "job"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    org_id: Mapped[UUID]
    name: Mapped[str]
    payload: Mapped[dict[str, Any]]
    queue: Mapped[str]
    # Two requests for the same slot, such as a nightly run, make one row.
    slot: Mapped[str | None] = mapped_column(unique=True)
    state: Mapped[str]  # ready, running, done, failed
    run_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(sa.Integer)
    lease_until: Mapped[datetime]
    lease_by: Mapped[str | None]
    sent_at: Mapped[datetime]
    error: Mapped[str | None] = mapped_column(sa.Text)
    __table_args__ = (
        sa.Index(
            "ix_job_waiting",
            "run_at",
            sqlite_where=sa.text("state IN ('ready', 'running')"),
            postgresql_where=sa.text("state IN ('ready', 'running')"),
        ),
    )


jobs: Any = Job.__table__


@dataclass(frozen=True, slots=True)
class Task:
    """A function that jobs run, and how patiently."""

    name: str
    run: Callable[..., None]
    queue: str
    retries: int
    lease: timedelta
    # So many of them one process works at the same time; the others wait, and leave it to other jobs.
    at_once: int | None = None


TASKS: dict[str, Task] = {}
LISTENERS: dict[type[Event], list[str]] = {}


def job(
    *,
    on: type[Event] | None = None,
    queue: str = "default",
    retries: int = 5,
    lease: timedelta = LEASE,
    at_once: int | None = None,
) -> Callable[[F], F]:
    """Declare a job. It is called with the system's actor and its payload, and must bear running twice.

    Of one that takes all of a machine, a process works no more than so many `at_once`.
    """

    def declare(function: F) -> F:
        name = f"{function.__module__}.{function.__name__}"
        TASKS[name] = Task(name, function, queue, retries, lease, at_once)
        if on is not None:
            LISTENERS.setdefault(on, []).append(name)
        return function

    return declare


def name_of(function: Callable[..., None]) -> str:
    """Return the name under which a declared job is kept."""
    return f"{function.__module__}.{function.__name__}"


def _row(
    org_id: UUID, name: str, payload: dict[str, Any], run_at: datetime | None, slot: str | None
) -> dict[str, Any]:
    never = datetime.fromtimestamp(0, tz=clock.now().tzinfo)
    return {
        "id": new_id(),
        "org_id": org_id,
        "name": name,
        "payload": payload,
        "queue": TASKS[name].queue,
        "slot": slot,
        "state": "ready",
        "run_at": run_at or clock.now(),
        "attempts": 0,
        "lease_until": never,
        "lease_by": None,
        "sent_at": never,
        "error": None,
    }


def enqueue(
    connection: sa.Connection,
    org_id: UUID,
    name: str,
    payload: dict[str, Any],
    *,
    run_at: datetime | None = None,
    slot: str | None = None,
) -> UUID | None:
    """Write the job in the caller's transaction; None when its slot is taken already."""
    row = _row(org_id, name, payload, run_at, slot)
    insert = (
        (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(jobs).values(row)
    )
    if slot is None:
        connection.execute(insert)
        return row["id"]  # type: ignore[no-any-return]
    return connection.execute(
        insert.on_conflict_do_nothing(index_elements=["slot"]).returning(jobs.c.id)
    ).scalar()


def enqueue_listeners(connection: sa.Connection, org_id: UUID, events: Iterable[Event]) -> int:
    """Write a job for every listener of every event; return how many."""
    rows = [
        _row(org_id, name, event.payload(), None, None)
        for event in events
        for name in LISTENERS.get(type(event), [])
    ]
    if rows:
        bulk.insert(connection, jobs, rows)
    return len(rows)


def claim(
    database: Database,
    by: str,
    *,
    limit: int = 1,
    only: UUID | None = None,
    but: Collection[str] = (),
) -> list[Any]:
    """Take jobs that are ready or whose lease ran out, `but` none of these names; each to one claimant."""
    now = clock.now()
    query = (
        sa.select(jobs.c.id, jobs.c.name)
        .where(
            jobs.c.state.in_(("ready", "running")), jobs.c.run_at <= now, jobs.c.lease_until <= now
        )
        .order_by(jobs.c.run_at)
        .limit(limit)
    )
    if only is not None:
        query = query.where(jobs.c.id == only)
    if but:
        query = query.where(jobs.c.name.not_in(but))
    with database.writing() as session, session.begin():
        waiting = session.execute(query.with_for_update(skip_locked=True)).all()
        if not waiting:
            return []
        leases = {row.name: now + _lease_of(row.name) for row in waiting}
        taken = session.execute(
            jobs.update()
            .where(jobs.c.id.in_([row.id for row in waiting]))
            .values(
                state="running",
                lease_by=by,
                lease_until=sa.case(
                    *(
                        (jobs.c.name == name, sa.literal(until, jobs.c.lease_until.type))
                        for name, until in leases.items()
                    )
                ),
                attempts=jobs.c.attempts + 1,
            )
            .returning(jobs)
        )
        return list(taken.all())


def _lease_of(name: str) -> timedelta:
    return TASKS[name].lease if name in TASKS else LEASE


def run(database: Database, row: Any, by: str) -> bool:
    """Run a claimed job; False when the lease was lost and the end is somebody else's to write."""
    task = TASKS.get(row.name)
    stop = threading.Event()
    error: str | None = None
    try:
        if task is None:
            raise LookupError(f"This process knows no job named {row.name}.")
        keeper = threading.Thread(
            target=_keep_lease, args=(database, row, by, task.lease, stop), daemon=True
        )
        keeper.start()
        try:
            task.run(Actor.system(row.org_id, row.name), **row.payload)
        finally:
            stop.set()
            keeper.join()
    except Exception:  # noqa: BLE001 - whatever a job raises is kept with it and shown by `flask jobs failed`
        error = traceback.format_exc()[-8000:]
        log.warning(
            "job failed",
            job=str(row.id),
            name=row.name,
            attempt=row.attempts,
            error=error.splitlines()[-1],
        )
    return _finish(database, row, by, task, error)


def _finish(database: Database, row: Any, by: str, task: Task | None, error: str | None) -> bool:
    now = clock.now()
    values: dict[str, Any] = {"state": "done", "lease_until": now, "error": None}
    if error is not None:
        given_up = task is None or row.attempts > task.retries
        wait = timedelta(seconds=min(2.0**row.attempts, 600) * (1 + random.random() * 0.2))  # noqa: S311 - jitter
        values = {
            "state": "failed" if given_up else "ready",
            "lease_until": now,
            "error": error,
            "run_at": now + wait,
        }
    with database.writing() as session, session.begin():
        mine = (jobs.c.id == row.id) & (jobs.c.lease_by == by) & (jobs.c.attempts == row.attempts)
        return session.execute(jobs.update().where(mine).values(values)).rowcount == 1  # type: ignore[attr-defined,no-any-return]


def _keep_lease(
    database: Database, row: Any, by: str, lease: timedelta, stop: threading.Event
) -> None:
    while not stop.wait(lease.total_seconds() / 3):
        with database.writing() as session, session.begin():
            session.execute(
                jobs.update()
                .where(jobs.c.id == row.id, jobs.c.lease_by == by, jobs.c.attempts == row.attempts)
                .values(lease_until=clock.now() + lease)
            )


class Runner:
    """Threads of this process that work the queue: the embedded default, without Redis."""

    def __init__(self, database: Database, threads: int = 4) -> None:
        self.database = database
        self.threads = threads
        self.name = f"{os.getpid()}-{new_id().hex[-6:]}"
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        # How many jobs of each name are under way; guarded, for every thread counts its own off.
        self._running: Counter[str] = Counter()
        self._counting = threading.Lock()

    def start(self) -> "Runner":
        """Begin to work."""
        self._thread = threading.Thread(target=self._loop, name="jobs", daemon=True)
        self._thread.start()
        return self

    def wake(self) -> None:
        """Look at the queue at once."""
        self._wake.set()

    def close(self, timeout: float = 10) -> None:
        """Finish what is running and stop."""
        self._stop.set()
        self._wake.set()
        if self._thread:
            self._thread.join(timeout)

    def _loop(self) -> None:
        free = threading.Semaphore(self.threads)
        with ThreadPoolExecutor(self.threads, thread_name_prefix="job") as pool:
            while not self._stop.is_set():
                free.acquire()
                try:
                    rows = claim(self.database, self.name, but=self._full())
                except sa.exc.SQLAlchemyError:
                    log.exception("could not look at the queue")
                    rows = []
                if not rows:
                    free.release()
                    self._wake.wait(POLL.total_seconds())
                    self._wake.clear()
                    continue
                with self._counting:
                    self._running[rows[0].name] += 1
                try:
                    future = pool.submit(run, self.database, rows[0], self.name)
                except RuntimeError:
                    # The interpreter is about to end; another takes the job when the lease is over.
                    return
                future.add_done_callback(functools.partial(self._ended, rows[0].name, free))

    def _full(self) -> list[str]:
        """Return the jobs of which this process works as many as it may."""
        with self._counting:
            return [
                name
                for name, count in self._running.items()
                if name in TASKS and count >= (TASKS[name].at_once or self.threads + 1)
            ]

    def _ended(self, name: str, free: threading.Semaphore, future: Future[bool]) -> None:
        with self._counting:
            self._running[name] -= 1
        free.release()
        # One of the same name may have waited for this.
        self.wake()
        if error := future.exception():
            log.error("a job could not be finished", exc_info=error)


def drain(database: Database | None = None, *, limit: int = 1000) -> int:
    """Run what is ready now, in this thread; return how many ran."""
    database = database or bound()
    by = f"drain-{os.getpid()}-{threading.get_ident()}"
    for done in range(limit):
        rows = claim(database, by)
        if not rows:
            return done
        run(database, rows[0], by)
    return limit


def run_by_id(job_id: str) -> None:
    """Run one job: what RQ workers call."""
    database = bound()
    by = f"rq-{os.getpid()}"
    for row in claim(database, by, only=UUID(job_id)):
        run(database, row, by)


def relay(database: Database, send: Callable[[str, UUID], None]) -> int:
    """Hand waiting jobs to RQ; those sent a while ago and still waiting once more."""
    now = clock.now()
    waiting = (
        jobs.c.state.in_(("ready", "running")),
        jobs.c.run_at <= now,
        jobs.c.lease_until <= now,
        jobs.c.sent_at < now - RESEND,
    )
    with database.writing() as session, session.begin():
        query = sa.select(jobs.c.id).where(*waiting).order_by(jobs.c.run_at).limit(500)
        ids = session.scalars(query.with_for_update(skip_locked=True)).all()
        rows: Sequence[Any] = []
        if ids:
            rows = session.execute(
                jobs.update()
                .where(jobs.c.id.in_(ids))
                .values(sent_at=now)
                .returning(jobs.c.id, jobs.c.queue)
            ).all()
    for row in rows:
        send(row.queue, row.id)
    return len(rows)


def failed(database: Database) -> list[Any]:
    """Return the jobs that were given up, newest first."""
    with database.reading() as session:
        return list(
            session.execute(
                sa.select(jobs).where(jobs.c.state == "failed").order_by(jobs.c.run_at.desc())
            ).all()
        )


def retry(database: Database, job_id: UUID) -> None:
    """Give a failed job a fresh start.

    Raises NotFound when no job of this id has failed.
    """
    with database.writing() as session, session.begin():
        values = {"state": "ready", "attempts": 0, "run_at": clock.now(), "error": None}
        again = session.execute(
            jobs.update()
            .where(jobs.c.id == job_id, jobs.c.state == "failed")
            .values(values)
            .returning(jobs.c.id)
        )
        if again.scalar() is None:
            raise NotFound("No failed job has this id.")


def forget_done(database: Database) -> None:
    """Drop the rows of jobs that were done a while ago."""
    with database.writing() as session, session.begin():
        session.execute(
            jobs.delete().where(jobs.c.state == "done", jobs.c.run_at < clock.now() - DONE_KEPT)
        )


class Clockwork:
    """A thread that hands jobs to RQ after commits and every few seconds."""

    def __init__(
        self, database: Database, send: Callable[[str, UUID], None], *, every: float = 2.0
    ) -> None:
        self.database = database
        self.send = send
        self.every = every
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="relay", daemon=True)

    def start(self) -> "Clockwork":
        """Begin to relay."""
        self._thread.start()
        return self

    def wake(self) -> None:
        """Relay at once."""
        self._wake.set()

    def close(self, timeout: float = 10) -> None:
        """Stop."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout)

    def _loop(self) -> None:
        while not self._stop.is_set():
            try:
                relay(self.database, self.send)
            except Exception:
                log.warning("could not hand jobs over", exc_info=True)
                time.sleep(self.every)
            self._wake.wait(self.every)
            self._wake.clear()


waker: Callable[[], None] = lambda: None  # noqa: E731 - set by whoever works the queue in this process


def wake() -> None:
    """Tell this process's runner that a commit left jobs."""
    waker()
