"""Everybody back at seven: a bounded number at work, a short wait, and a clear word for the rest.

A server that takes everybody in makes everybody slow until nobody is answered in time. One that
says when to come again keeps those quick whom it serves, and the others lose nothing but seconds.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import Busy

WAIT_S = 2.0
# How many wait for each that is at work: no more than come to their turn while they wait.
QUEUE = 3
# Spread over this, those who were sent away together do not come back together.
AGAIN_FROM_S, AGAIN_TO_S = 2, 12


class Gate:
    """Lets so many pass at once; some times as many may wait a moment."""

    def __init__(self, most: int, *, wait: float = WAIT_S, queue: int = QUEUE) -> None:
        self.most = most
        self.queue = most * queue
        self.wait = wait
        self._slots = threading.Semaphore(most)
        self._lock = threading.Lock()
        self._waiting = 0

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Be one of those at work.

        Raises Busy, with when to come again.
        """
        if not (self._slots.acquire(blocking=False) or self._queued()):
            raise Busy(
                "We are busy just now. Please try again in a moment.",
                retry_after=random.randint(AGAIN_FROM_S, AGAIN_TO_S),  # noqa: S311 - jitter
            )
        try:
            yield
        finally:
            self._slots.release()

    @contextmanager
    def at_once(self) -> Iterator[bool]:
        """Be one of those at work, if there is a place without waiting; say whether there was."""
        free = self._slots.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
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
