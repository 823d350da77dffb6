"""Work in a child process, for what holds the interpreter's lock or much memory: a document in, lines out."""

import contextlib
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, Self

_ROOT = Path(__file__).resolve().parent.parent


class Process(Protocol):
    """A child with pipes to it, such as `subprocess.Popen` makes."""

    stdin: Any
    stdout: Any
    stderr: Any

    def kill(self) -> None:
        """End it at once."""

    def wait(self) -> int:
        """Return its exit code when it has ended."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: Any) -> None: ...


def started(module: str, *, errors: bool = True) -> "subprocess.Popen[bytes]":
    """Return a new process that runs `python -m module`, with pipes to it.

    Without `errors` what it writes to standard error goes where ours goes.
    """
    return subprocess.Popen(  # noqa: S603 - our own module, no shell
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if errors else None,
        cwd=_ROOT,
    )


def in_child(
    module: str,
    document: bytes,
    *,
    timeout: float,
    on_line: Callable[[bytes], None],
    on_tick: Callable[[], None] = lambda: None,
    start: Callable[[str], Process] = started,
) -> None:
    """Run `python -m module` with the document on its input and hand over each line it writes.

    For work that holds the interpreter's lock or much memory. `on_tick` is called about once a
    second, also while the child is silent. The child is killed at the timeout, and when either
    function raises. Raises RuntimeError with the end of its error output when it fails.
    """
    with start(module) as child:
        said: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        errors: list[bytes] = []
        threads = [
            threading.Thread(target=_hear, args=(child.stdout, said), daemon=True),
            threading.Thread(
                target=lambda stream: errors.append(stream.read()),
                args=(child.stderr,),
                daemon=True,
            ),
            threading.Thread(target=_tell, args=(child.stdin, document), daemon=True),
        ]
        killer = threading.Timer(timeout, child.kill)
        killer.start()
        try:
            for thread in threads:
                thread.start()
            _listen(said, on_line, on_tick)
            code = child.wait()
        except BaseException:
            child.kill()
            raise
        finally:
            killer.cancel()
        for thread in threads:
            thread.join()
    if code != 0:
        raise RuntimeError(
            f"{module} ended with {code}: {b''.join(errors)[-2000:].decode(errors='replace')}"
        )


def _tell(stream: Any, document: bytes) -> None:
    # A child that died does not listen; how it ended is told by its code.
    with contextlib.suppress(BrokenPipeError), stream:
        stream.write(document)


def _hear(stream: Any, said: "queue.SimpleQueue[bytes]") -> None:
    for line in stream:
        said.put(line)
    said.put(b"")


def _listen(
    said: "queue.SimpleQueue[bytes]", on_line: Callable[[bytes], None], on_tick: Callable[[], None]
) -> None:
    while True:
        try:
            line = said.get(timeout=1)
        except queue.Empty:
            on_tick()
            continue
        if not line:
            return
        on_line(line)
