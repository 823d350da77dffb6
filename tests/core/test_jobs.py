"""Jobs commit with the rows, run at least once, and none is lost."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
import sqlalchemy as sa

from core import clock, jobs
from core.actor import Actor
from core.database import Database
from core.events import Event
from core.unit import perform, unit_of_work
from tests.makers import Maker
from work import actions as work
from work.events import OrderOpened

# Looks are counted, not seconds: a machine that was busy or stood still has looked less often.
LOOK_S, LOOKS = 0.05, 1200

ran: list[str] = []


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    ran.clear()
    known, listening = (
        dict(jobs.TASKS),
        {kind: list(names) for kind, names in jobs.LISTENERS.items()},
    )
    yield
    jobs.TASKS.clear()
    jobs.TASKS.update(known)
    jobs.LISTENERS.clear()
    jobs.LISTENERS.update(listening)


def declare(function: Any, on: type[Event] | None = None, **patience: Any) -> str:
    jobs.job(on=on, **patience)(function)
    return jobs.name_of(function)


def note(_: Actor, order_id: str) -> None:
    ran.append(order_id)


def break_down(_: Actor, **__: Any) -> None:
    ran.append("tried")
    raise RuntimeError("The printer is on fire")


def states(database: Database) -> list[tuple[str, int]]:
    with database.reading() as session:
        return [
            tuple(row)
            for row in session.execute(sa.select(jobs.jobs.c.state, jobs.jobs.c.attempts))
        ]


def state_of(database: Database, job: Any) -> str:
    """Return the state of the one job of this kind."""
    query = sa.select(jobs.jobs.c.state).where(jobs.jobs.c.name == jobs.name_of(job))
    with database.reading() as session:
        return str(session.execute(query).scalar_one())


def await_(happened: Callable[[], bool]) -> None:
    for _ in range(LOOKS):
        if happened():
            return
        time.sleep(LOOK_S)
    raise AssertionError("It did not happen.")


def test_an_event_runs_its_listener_after_the_commit(make: Maker, database: Database) -> None:
    declare(note, on=OrderOpened)
    order = make.order()
    assert ran == []
    jobs.drain(database)
    assert ran == [str(order.id)]


def test_a_rolled_back_transaction_leaves_no_job(make: Maker, database: Database) -> None:
    declare(note, on=OrderOpened)
    machine = make.asset()
    with pytest.raises(ZeroDivisionError), unit_of_work(make.system) as unit:
        work.open_order(unit, title="Never", asset_id=machine.id)
        unit.session.flush()
        _ = 1 / 0
    assert states(database) == []


def test_a_slot_given_three_times_is_one_job(make: Maker, database: Database) -> None:
    declare(note)
    for _ in range(3):
        perform(
            make.system,
            lambda unit: unit.enqueue(note, {"order_id": "nightly"}, slot="nightly:2026-03-02"),
        )
    jobs.drain(database)
    assert ran == ["nightly"]


def test_a_job_that_always_fails_is_tried_a_stated_number_of_times_then_shown_and_can_be_tried_again(
    make: Maker, database: Database, at: Any
) -> None:
    declare(break_down, retries=2)
    perform(make.system, lambda unit: unit.enqueue(break_down, {}))
    for _ in range(5):
        jobs.drain(database)
        at(clock.now() + timedelta(hours=1))
    assert ran == ["tried"] * 3
    [row] = jobs.failed(database)
    assert "The printer is on fire" in row.error
    jobs.retry(database, row.id)
    jobs.drain(database)
    assert ran == ["tried"] * 4


def test_a_job_whose_worker_died_is_run_by_the_next_one_when_its_lease_is_over(
    make: Maker, database: Database, at: Any
) -> None:
    declare(note)
    perform(make.system, lambda unit: unit.enqueue(note, {"order_id": "once"}))
    [taken] = jobs.claim(database, "a worker that dies now")
    assert jobs.drain(database) == 0, "it is leased"
    at(clock.now() + timedelta(minutes=5))
    jobs.drain(database)
    assert ran == ["once"]
    assert not jobs.run(database, taken, "a worker that dies now"), (
        "the late one may not write the end"
    )


def test_a_job_that_asks_for_a_longer_lease_has_it_from_the_claim_on(
    make: Maker, database: Database, at: Any
) -> None:
    declare(note, lease=timedelta(minutes=10))
    declare(break_down)
    with unit_of_work(make.system) as unit:
        unit.enqueue(note, {"order_id": "a long search"})
        unit.enqueue(break_down, {})
    assert len(jobs.claim(database, "a worker that is slow", limit=2)) == 2
    begun = clock.now()
    at(begun + timedelta(minutes=2))
    [short] = jobs.claim(database, "another worker", limit=2)
    assert short.name == jobs.name_of(break_down)
    at(begun + timedelta(minutes=9))
    assert jobs.name_of(note) not in {row.name for row in jobs.claim(database, "a third", limit=2)}
    at(begun + timedelta(minutes=11))
    assert jobs.name_of(note) in {row.name for row in jobs.claim(database, "a fourth", limit=2)}


def test_four_claimants_share_jobs_without_doubling_any(make: Maker, database: Database) -> None:
    declare(note)
    with unit_of_work(make.system) as unit:
        for number in range(60):
            unit.enqueue(note, {"order_id": str(number)})
    threads = [threading.Thread(target=jobs.drain, args=(database,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ran, key=int) == [str(number) for number in range(60)]


def test_the_runner_of_the_web_process_works_the_queue_by_itself(
    make: Maker, database: Database
) -> None:
    declare(note)
    runner = jobs.Runner(database).start()
    try:
        perform(make.system, lambda unit: unit.enqueue(note, {"order_id": "by itself"}))
        runner.wake()
        await_(lambda: bool(ran))
    finally:
        runner.close()
    assert ran == ["by itself"]


def test_what_takes_a_whole_machine_is_worked_one_at_a_time_and_keeps_no_other_job_waiting(
    make: Maker, database: Database
) -> None:
    going, most, may_end = [0], [0], threading.Event()

    def plan(_: Actor, order_id: str) -> None:
        going[0] += 1
        most.append(going[0])
        may_end.wait(LOOK_S * LOOKS)
        going[0] -= 1
        ran.append(order_id)

    declare(plan, at_once=1)
    declare(note)
    with unit_of_work(make.system) as unit:
        for number in range(5):
            unit.enqueue(plan, {"order_id": str(number)})
        unit.enqueue(note, {"order_id": "beside them"})
    runner = jobs.Runner(database, threads=4).start()
    try:
        await_(lambda: "beside them" in ran)
        may_end.set()
        await_(lambda: len(ran) == 6)
    finally:
        may_end.set()
        runner.close()
    assert ran[0] == "beside them"
    assert max(most) == 1, "two searches at once"
    assert sorted(ran[1:]) == ["0", "1", "2", "3", "4"], "one was lost"


@pytest.mark.needs("Redis")
def test_a_flushed_redis_loses_no_job(
    make: Maker, database: Database, redis_url: str, at: Any
) -> None:
    from api.queues import QUEUES, queue, rq_sender

    redis.Redis.from_url(redis_url).flushdb()
    declare(note)
    with unit_of_work(make.system) as unit:
        for number in range(20):
            unit.enqueue(note, {"order_id": str(number)})
    send = rq_sender(redis_url)
    assert jobs.relay(database, send) == 20
    assert sum(queue(redis_url, name).count for name in QUEUES) == 20
    redis.Redis.from_url(redis_url).flushdb()
    assert jobs.relay(database, send) == 0, "they were sent a moment ago"
    at(clock.now() + jobs.RESEND + timedelta(seconds=1))
    assert jobs.relay(database, send) == 20
    for job_id in [job.args[0] for name in QUEUES for job in queue(redis_url, name).jobs]:
        jobs.run_by_id(job_id)
        jobs.run_by_id(job_id)
    assert sorted(ran, key=int) == [str(number) for number in range(20)], (
        "a doubled message does nothing"
    )


def kill_all(worker: "subprocess.Popen[bytes]") -> None:
    """Kill a worker with all its children: RQ's work horse leads a process group of its own."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            after_name = entry.read_text().rpartition(")")[2].split()
            parents[int(entry.parent.name)] = int(after_name[1])
    doomed = {worker.pid}
    while more := {pid for pid, parent in parents.items() if parent in doomed} - doomed:
        doomed |= more
    for pid in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    worker.wait()


@pytest.mark.needs("Redis")
def test_a_worker_killed_in_the_middle_of_a_job_leaves_it_to_the_next(
    make: Maker, database: Database, redis_url: str, tmp_path: Any, at: Any
) -> None:
    from dispatch.actions import ask_plan
    from dispatch.jobs import find_plan
    from dispatch.models import DayPlan, PlanState

    make.technician()
    make.order()
    plan = perform(
        make.system,
        lambda unit: ask_plan(unit, day=clock.now().date() + timedelta(days=1), seconds=60),
    )
    environment = os.environ | {
        "FIELDWRIGHT_DATABASE_URL": database.url
        if database.sqlite
        else database.url.replace("postgresql+psycopg", "postgresql"),
        "FIELDWRIGHT_REDIS_URL": redis_url,
        "FIELDWRIGHT_VAR": str(tmp_path),
    }
    worker = subprocess.Popen(
        [sys.executable, "worker.py"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(LOOKS):
            if state_of(database, find_plan) == "running":
                break
            time.sleep(LOOK_S)
        assert state_of(database, find_plan) == "running"
    finally:
        kill_all(worker)

    def hurry(unit: Any) -> None:
        unit.take(DayPlan, plan.id).seconds = 1

    perform(make.system, hurry)
    at(clock.now() + timedelta(minutes=10))
    jobs.drain(database)
    with unit_of_work(make.system) as unit:
        assert unit.must(DayPlan, plan.id, "gone").state is PlanState.PROPOSED


def test_an_unknown_failed_job_cannot_be_retried(database: Database) -> None:
    from core.errors import NotFound

    with pytest.raises(NotFound):
        jobs.retry(database, UUID(int=7))
