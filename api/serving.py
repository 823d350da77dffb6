"""How a gunicorn worker serves connections: a phone says one thing after the other, and its thread waits a moment for the next.

gunicorn's own threaded worker hands a connection back to its main thread after every answer. That
costs four hand-overs between threads for each request, and with a push followed by its pull, or a
first download in pages, the next request is only a moment away.
"""

import select
import socket
import threading
import time
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from sync.streams import watcher

# A thread that waits in vain is one that nobody else wanted: with requests in the queue none waits.
LINGER_MS = 20
# How much later a worker takes a new connection for each that it has, so that one with fewer is first.
LATER_S, LATEST_S = 0.00005, 0.002


class LingeringWorker(ThreadWorker):
    """Serves as gunicorn's threaded worker does, but stays with a connection while it goes on speaking."""

    def accept(self, listener: socket.socket) -> None:
        """Take a new connection, unless another worker with fewer was quicker.

        All workers hear of a new one at once. Where it is left to chance, one that is idle takes
        almost all of them, and a phone keeps its connection for the day.
        """
        time.sleep(min(self.nr_conns * LATER_S, LATEST_S))
        super().accept(listener)

    def handle_exit(self, sig: Any, frame: Any) -> None:
        """Stop when what is being answered has been; streams, which have no end, end now."""
        _end_streams()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: Any, frame: Any) -> None:
        """Stop soon; a thread that tells a stream would hold the process until it is killed."""
        _end_streams()
        super().handle_quit(sig, frame)

    def handle(self, conn: TConn) -> Any:
        """Answer the request that is there, and those that follow at its heels."""
        while True:
            kept = super().handle(conn)
            if kept is not True or conn.is_http2 or conn.cfg.is_ssl:
                return kept
            if not (self.alive and self._goes_on(conn)):
                return kept

    def _goes_on(self, conn: TConn) -> bool:
        """Tell whether the next request begins to arrive, unless somebody else waits for a thread."""
        if conn.parser.unreader.buf.getvalue():
            return True
        if self.tpool._work_queue.qsize():
            return False
        poll = select.poll()
        poll.register(conn.sock, select.POLLIN)
        return bool(poll.poll(LINGER_MS))


def _end_streams() -> None:
    # A signal comes in the middle of anything, perhaps with the watcher's lock in this thread's hands.
    threading.Thread(target=watcher.stop, name="end of streams", daemon=True).start()
