"""Whose turn it is to write: the fair queue that SQLite lacks, inside a process and between processes.

SQLite lets a writer who finds another one at work sleep and look again, ever more seldom. Here the
one who is next is woken when the other one is done.
"""

import contextlib
import os
import threading
from types import TracebackType

try:
    import fcntl
except ImportError:  # pragma: no cover - a system without it queues by SQLite's own means
    fcntl = None  # type: ignore[assignment]


class Turn:
    """A lock held for one transaction, shared by everybody who writes to this file."""

    def __init__(self, database: str | None) -> None:
        on_disk = database and database != ":memory:" and fcntl is not None
        self._path = f"{database}-turn" if on_disk else None
        self._lock = threading.Lock()
        self._file: int | None = None
        self._owner = 0

    def __enter__(self) -> None:
        self._lock.acquire()
        if self._path is None:
            return
        try:
            # A lock belongs to the opening of a file: a child must not go on with its parent's.
            if self._file is None or self._owner != os.getpid():
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                self._owner = os.getpid()
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except OSError:
            # A folder that cannot be written to, or a file system without locks: SQLite's own are there.
            self._forget()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._lock.release()

    def close(self) -> None:
        """Let go of the file."""
        self._forget()

    def _forget(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
        self._file = None
