"""Streams: a device that is awake hears at once which of its scopes moved.

One thread of the process looks at the counters of the scopes that are being watched, once a
second, however many watch. That is right with any number of processes and needs no messenger; a
NOTIFY in every commit would make all of PostgreSQL's commits queue behind one lock.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from uuid import UUID

import orjson
import sqlalchemy as sa
import structlog

from core import feed
from core.database import bound
from core.errors import Busy, DomainError
from core.tenancy import announce

log = structlog.get_logger("sync")

LOOK_S = 1.0
HEARTBEAT_S = 20.0
AGAIN_S = 60


class Watch:
    """One device's ear."""

    def __init__(self, org_id: UUID, device_id: UUID, scopes: Iterable[str]) -> None:
        self.org_id = org_id
        self.device_id = device_id
        self.scopes = frozenset(scopes)
        # Whatever moves from the first look on is told; what moved before it, a pull tells.
        self.begun = False
        self._changed: set[str] = set()
        self._closed = False
        self._bell = threading.Condition()

    def wait(self, timeout: float) -> set[str] | None:
        """Return which scopes moved, none of them after the timeout; None when the watch is over."""
        with self._bell:
            if not self._changed and not self._closed:
                self._bell.wait(timeout)
            if self._closed:
                return None
            changed, self._changed = self._changed, set()
            return changed

    def ring(self, scopes: set[str]) -> None:
        """Tell that these scopes moved."""
        with self._bell:
            self._changed |= scopes & self.scopes
            if self._changed:
                self._bell.notify_all()

    def close(self) -> None:
        """End the watch."""
        with self._bell:
            self._closed = True
            self._bell.notify_all()


class Watcher:
    """The thread that looks, as long as anybody watches."""

    def __init__(self) -> None:
        self._watches: dict[UUID, Watch] = {}
        self._counters: dict[tuple[UUID, str], int] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def open(self, watch: Watch, *, most: int) -> None:
        """Begin to watch; a device's newer stream takes the place of its older one.

        Raises Busy when this process holds as many streams as it may.
        """
        with self._lock:
            older = self._watches.pop(watch.device_id, None)
            if older is not None:
                older.close()
            if len(self._watches) >= most:
                raise Busy(
                    "We are busy just now. Please try again in a moment.", retry_after=AGAIN_S
                )
            self._watches[watch.device_id] = watch
            if self._thread is None or self._stop.is_set():
                self._counters = {}
                self._stop = threading.Event()
                self._thread = threading.Thread(
                    target=self._loop, args=(self._stop,), name="streams", daemon=True
                )
                self._thread.start()

    def close(self, watch: Watch) -> None:
        """Stop watching; the last one out ends the thread."""
        watch.close()
        with self._lock:
            if self._watches.get(watch.device_id) is watch:
                del self._watches[watch.device_id]
            if self._watches or self._thread is None:
                return
            self._stop.set()
            thread, self._thread = self._thread, None
        thread.join(LOOK_S * 5)

    def stop(self) -> None:
        """End every watch: this process is about to serve no longer."""
        with self._lock:
            watches = list(self._watches.values())
        for watch in watches:
            self.close(watch)

    def _loop(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self._look()
            except (sa.exc.SQLAlchemyError, RuntimeError):
                log.warning("could not look at the scopes", exc_info=True)
            stop.wait(LOOK_S)

    def _look(self) -> None:
        with self._lock:
            watches = list(self._watches.values())
        wanted: dict[UUID, set[str]] = {}
        for watch in watches:
            wanted.setdefault(watch.org_id, set()).update(watch.scopes)
        for org_id, names in wanted.items():
            moved = self._moved(org_id, names)
            for watch in watches:
                if watch.org_id == org_id:
                    watch.ring(moved if watch.begun else set(watch.scopes))
                    watch.begun = True

    def _moved(self, org_id: UUID, names: set[str]) -> set[str]:
        with bound().reading() as session:
            connection = session.connection()
            announce(connection, org_id)
            query = sa.select(feed.scopes.c.name, feed.scopes.c.counter).where(
                feed.scopes.c.org_id == org_id, feed.scopes.c.name.in_(sorted(names))
            )
            counters = dict.fromkeys(names, 0) | {
                row.name: row.counter for row in connection.execute(query)
            }
        moved = {
            name
            for name, counter in counters.items()
            # What nobody watched before has no past.
            if self._counters.get((org_id, name), counter) != counter
        }
        self._counters |= {(org_id, name): counter for name, counter in counters.items()}
        return moved


watcher = Watcher()


def events(watch: Watch, scopes_now: Callable[[], frozenset[str]]) -> Iterator[bytes]:
    """Return what the device reads, until its sign-in ends or it goes away.

    `scopes_now` asks again who the device is, and raises DomainError when it is nobody any more.
    """
    try:
        yield b"retry: 5000\n\n"
        while (changed := watch.wait(HEARTBEAT_S)) is not None:
            try:
                scopes = scopes_now()
            except DomainError:
                return
            if scopes != watch.scopes:
                changed |= scopes ^ watch.scopes
                watch.scopes = scopes
            if changed:
                told = orjson.dumps({"scopes": sorted(changed & scopes)})
                yield b"event: changed\ndata: " + told + b"\n\n"
            else:
                yield b": still here\n\n"
    finally:
        watcher.close(watch)
