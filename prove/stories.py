"""Many thousand stories, told by one process for each core."""

import logging
import multiprocessing
import os
import queue
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from flask import Flask

from api.app import create_app
from core import database as databases
from core import files
from core.database import Database
from core.migrations import upgrade
from tests.doors import settings_for
from tests.services import fresh_database
from tests.sync.stories import tell

# Every so many stories one is told on PostgreSQL.
ON_POSTGRES = 10
PROGRESS_S = 30
# After so many that end badly there is enough to read.
MOST_BAD = 20


def prove(server: str, many: int, cores: int) -> list[str]:
    """Tell so many stories; return how those end that end badly."""
    with tempfile.TemporaryDirectory(prefix="fieldwright-prove-") as folder:
        return _tell_all(server, many, cores, Path(folder))


def _tell_all(server: str, many: int, cores: int, folder: Path) -> list[str]:
    spawn = multiprocessing.get_context("spawn")
    ended: Any = spawn.Queue()
    tellers = [
        spawn.Process(
            target=_tell_some,
            args=(server, folder / str(place), range(place, many, cores), ended),
            daemon=True,
        )
        for place in range(cores)
    ]
    began = said = time.monotonic()
    for teller in tellers:
        teller.start()
    bad: list[str] = []
    told = 0
    while told < many and len(bad) < MOST_BAD:
        try:
            fault = ended.get(timeout=5)
        except queue.Empty:
            if not any(teller.is_alive() for teller in tellers):
                bad.append(f"The tellers stopped after {told} of {many} stories.")
                break
            continue
        told += 1
        if fault:
            bad.append(fault)
        if time.monotonic() - said > PROGRESS_S:
            said = time.monotonic()
            rate = told / (said - began)
            print(f"    {told} of {many} stories, {rate:.1f} a second, {len(bad)} bad", flush=True)
    for teller in tellers:
        if told < many:
            teller.terminate()
        teller.join()
    seconds = time.monotonic() - began
    print(f"    {told} stories in {seconds:.0f} s, {told / seconds:.1f} a second, {len(bad)} bad")
    return bad


def _tell_some(server: str, folder: Path, seeds: range, ended: Any) -> None:
    folder.mkdir()
    with fresh_database(server, folder.name) as url, _world(folder, url) as worlds:
        for number, seed in enumerate(seeds):
            database, app = worlds[number % ON_POSTGRES == 0]
            databases.bind(database)
            try:
                tell(app, seed)
            except AssertionError:
                kind = database.engine.dialect.name
                ended.put(f"On {kind}:\n{traceback.format_exc()}")
            else:
                ended.put("")


@contextmanager
def _world(folder: Path, url: str) -> Iterator[dict[bool, tuple[Database, Flask]]]:
    """Give an application on SQLite, and under True one on PostgreSQL."""
    worlds = {}
    for postgres, address in ((False, f"sqlite:///{folder}/stories.db"), (True, url)):
        upgrade(address)
        database = Database(address)
        # Nobody pulls the plug in a story, so that no commit waits for the disk.
        unsynced = "SET synchronous_commit = off" if postgres else "PRAGMA synchronous=OFF"
        sa.event.listen(
            database.engine, "connect", lambda dbapi, _, do=unsynced: _at_once(dbapi, do)
        )
        worlds[postgres] = database, create_app(settings_for(folder), db=database)
    files.bind(files.FileStore(folder / "files"))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        yield worlds
    finally:
        databases.bind(None)
        for database, _ in worlds.values():
            database.close()


def _at_once(dbapi: Any, statement: str) -> None:
    dbapi.cursor().execute(statement)
    dbapi.commit()


def cores() -> int:
    """Return how many processes may work at once."""
    return len(os.sched_getaffinity(0))
