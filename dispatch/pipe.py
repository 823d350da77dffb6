"""Objects over the pipe between a process and its child: a length, then the object. Both ends are ours."""

import pickle
import struct
from typing import IO, Any

_SIZE = struct.Struct(">Q")


def write(pipe: IO[bytes], said: Any) -> None:
    """Say something into the pipe."""
    raw = pickle.dumps(said, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(_SIZE.pack(len(raw)) + raw)
    pipe.flush()


def read(pipe: IO[bytes]) -> Any:
    """Hear what was said at the other end.

    Raises EOFError when the other end has gone.
    """
    head = pipe.read(_SIZE.size)
    if len(head) < _SIZE.size:
        raise EOFError("nothing more was said")
    (size,) = _SIZE.unpack(head)
    raw = pipe.read(size)
    if len(raw) < size:
        raise EOFError("it stopped in the middle")
    # Nobody but the two ends of this pipe can write into it.
    return pickle.loads(raw)  # noqa: S301
