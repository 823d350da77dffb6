"""Everybody back at seven: a bounded number at work, a short wait, and a clear word for the rest.

A server that takes everybody in makes everybody slow until nobody is answered in time. One that
says when to come again keeps those quick whom it serves, and the others lose nothing but seconds.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import Busy

WAIT_S = 2.0
# How many stand at a gate, at work or waiting: enough for a herd's first wave, and no more than leave
# the process threads for everybody else.
AT_THE_GATE = 32
# Where a request notes that it has stood in the queue.
WAITED = "fieldwright.waited"


def line_behind(most: int) -> int:
    """Return how many may wait where so many are at work."""
    return max(most, AT_THE_GATE - most)


class Gate:
    """Lets so many pass at once; others may wait a moment, as long as there are not too many."""

    def __init__(self, most: int, *, wait: float = WAIT_S, queue: int | None = None) -> None:
        self.most = most
        self.queue = line_behind(most) if queue is None else queue
        self.wait = wait
        self._slots = threading.Semaphore(most)
        self._lock = threading.Lock()
        self._waiting = 0

    @contextmanager
    def passing(self, *, waited: bool = False) -> Iterator[None]:
        """Be one of those at work; who has waited before does not wait again.

        Raises Busy, with when to come again.
        """
        if not (self._slots.acquire(blocking=False) or (not waited and self._queued())):
            raise Busy.soon()
        try:
            yield
        finally:
            self._slots.release()

    def _queued(self) -> bool:
        """Wait for a place, when the queue is not too long already."""
        with self._lock:
            if self._waiting >= self.queue:
                return False
            self._waiting += 1
        try:
            return self._slots.acquire(timeout=self.wait)
        finally:
            with self._lock:
                self._waiting -= 1
