"""Planners without waiting: a process that has the search loaded, and a child of it for each question.

Python, the solver and the compiled search take three seconds of a processor to load. One process
beside ours does it once, at the first question; what is asked then runs in a fork of it, which shares
its memory and ends with the answer. It can be killed at any time: it holds nothing.
"""

import atexit
import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Self

import orjson

from core.children import started

# A machine with its hands full takes its time to load the search.
LOADING_S = 120.0
# Who has not been asked for so long gives the memory back.
IDLE_S = 15 * 60.0
SIZE = struct.Struct(">Q")
NUMBER = struct.Struct(">i")
STDERR = 2
KILLED = -int(signal.SIGKILL)
_ROOT = Path(__file__).resolve().parent.parent


class Child:
    """A process of the planner, with the part of `subprocess.Popen` that is asked of one."""

    def __init__(self, stdin: int, stdout: int, stderr: int | None, status: int) -> None:
        self.stdin: IO[bytes] = os.fdopen(stdin, "wb")
        self.stdout: IO[bytes] = os.fdopen(stdout, "rb")
        self.stderr: IO[bytes] | None = None if stderr is None else os.fdopen(stderr, "rb")
        self._status = os.fdopen(status, "rb", buffering=0)
        self.returncode: int | None = None
        self.pid = 0

    def born(self, seconds: float) -> None:
        """Wait until the process is there.

        Raises EOFError when it does not come.
        """
        ready, _, _ = select.select([self._status], [], [], seconds)
        said = self._status.read(NUMBER.size) if ready else b""
        if len(said or b"") < NUMBER.size:
            raise EOFError("the planner was not started")
        (self.pid,) = NUMBER.unpack(said)

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self) -> int:
        """Return the exit code when it has ended."""
        if self.returncode is None:
            said = self._status.read(NUMBER.size)
            # Who was killed could not say how it ended.
            known = said is not None and len(said) == NUMBER.size
            self.returncode = NUMBER.unpack(said)[0] if known else KILLED
        return self.returncode

    def kill(self) -> None:
        """End it at once."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let go of the pipes."""
        for pipe in (self.stdin, self.stdout, self.stderr, self._status):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        self.wait()
        self.close()


class Nursery:
    """The loaded process of this one and of its forks. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None

    def open(self, idle_s: float | None = IDLE_S) -> None:
        """Load the planner ahead; answers at once. It goes when it was not asked for `idle_s`, if at all."""
        with self._lock:
            self._opened(idle_s)

    def start(self, module: str, *, errors: bool = True) -> "Child | subprocess.Popen[bytes]":
        """Return a process that runs this module of the planner, with pipes to it; see `started`."""
        for _ in range(2):
            with self._lock:
                control = self._opened(IDLE_S)
            try:
                return _born(control, module, errors=errors)
            except (OSError, EOFError):
                # It had its time, or was killed.
                self._forget(control)
        return started(module, errors=errors)

    def close(self) -> None:
        """Let the loaded process go; its children end by themselves."""
        control = self._control
        if control is not None:
            self._forget(control)

    def _opened(self, idle_s: float | None) -> socket.socket:
        if self._control is None:
            self._control, theirs = socket.socketpair()
            with theirs:
                process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                    [
                        sys.executable,
                        "-m",
                        "dispatch.loaded",
                        str(theirs.fileno()),
                        str(idle_s or 0),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    cwd=_ROOT,
                )
            # It ends with the socket; somebody has to take note of it.
            threading.Thread(target=process.wait, daemon=True).start()
        return self._control

    def _forget(self, control: socket.socket) -> None:
        with self._lock:
            if self._control is control:
                self._control = None
        control.close()


def _born(control: socket.socket, module: str, *, errors: bool) -> Child:
    with contextlib.ExitStack() as theirs, contextlib.ExitStack() as failed:

        def pipe(*, inward: bool = False) -> tuple[int, int]:
            reads, writes = os.pipe()
            here, there = (writes, reads) if inward else (reads, writes)
            failed.callback(os.close, here)
            theirs.callback(os.close, there)
            return here, there

        stdin, to = pipe(inward=True)
        stdout, out = pipe()
        stderr, err = pipe() if errors else (None, STDERR)
        status, end = pipe()
        socket.send_fds(control, [b"+"], [to, out, err, end])
        failed.pop_all()
    child = Child(stdin, stdout, stderr, status)
    try:
        child.born(LOADING_S)
        head = orjson.dumps({"module": module, "environment": dict(os.environ)})
        child.stdin.write(SIZE.pack(len(head)) + head)
        child.stdin.flush()
    except BaseException:
        child.close()
        raise
    return child


# The one of this process; forks of it share it.
nursery = Nursery()
atexit.register(nursery.close)
