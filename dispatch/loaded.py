"""The other end of `dispatch.nursery`: loads the planner, and forks for each question that is asked.

`python -m dispatch.loaded FD IDLE_S` (0 for ever): on the socket come a byte and four pipes, of which the child
makes its input, output and error output, and on the last it says its number and how it ended.
"""

import contextlib
import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence

import orjson

from dispatch import answers, solving
from dispatch.engine import __main__ as planning
from dispatch.engine.warm import is_warm, warm
from dispatch.nursery import NUMBER, SIZE

MODULES: Mapping[str, Callable[[], int]] = {
    "dispatch.answers": answers.main,
    "dispatch.engine": planning.main,
    "dispatch.solving": solving.main,
}
PIPES = 4


def main(arguments: Sequence[str]) -> int:
    """Serve until the other end goes away, or nobody has asked for so many seconds."""
    control = socket.socket(fileno=int(arguments[0]))
    control.settimeout(float(arguments[1]) or None)
    # The children are nobody's to wait for; they say themselves how they ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loaded = _load()
    while True:
        try:
            word, pipes, _, _ = socket.recv_fds(control, 1, PIPES)
        except TimeoutError:
            return 0
        if not word:
            return 0
        # A search that was compiled meanwhile is loaded here, not in each child.
        loaded = loaded or _load()
        if os.fork() == 0:
            control.close()
            os._exit(_live(pipes))
        for pipe in pipes:
            os.close(pipe)


def _load() -> bool:
    """Load the compiled search, if there is one, by solving a small day."""
    if not is_warm():
        return False
    warm()
    gc.collect()
    # What is shared with the children stays untouched by the collector, and so stays shared.
    gc.freeze()
    return True


def _live(pipes: Sequence[int]) -> int:
    """Run what was asked for, in the new process, and return its exit code."""
    *standard, status = pipes
    os.write(status, NUMBER.pack(os.getpid()))
    for number, pipe in enumerate(standard):
        os.dup2(pipe, number)
        os.close(pipe)
    for one in (signal.SIGCHLD, signal.SIGINT):
        signal.signal(one, signal.SIG_DFL)
    code = 1
    try:
        head = orjson.loads(_exactly(SIZE.unpack(_exactly(SIZE.size))[0]))
        os.environ.clear()
        os.environ.update(head["environment"])
        code = MODULES[head["module"]]()
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else 1
    except Exception:  # noqa: BLE001 - it is told to whoever waits for this process
        traceback.print_exc()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = code or 1
    # Whoever asked may have gone without waiting for the end.
    with contextlib.suppress(BrokenPipeError):
        os.write(status, NUMBER.pack(code))
    return code


def _exactly(count: int) -> bytes:
    """Return so many bytes of the input, and leave what follows to whoever reads it."""
    found = b""
    while len(found) < count:
        more = os.read(0, count - len(found))
        if not more:
            raise EOFError("nothing more was said")
        found += more
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
