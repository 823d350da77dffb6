"""Files by content: the name of a file is the SHA-256 of its bytes.

A store keeps whole files, and beside them what has come of those that are still on their way.
"""

import errno
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from core.errors import Conflict, StorageFull

PIECE = 256 * 1024
# How long a count of what a folder holds is believed.
COUNT_KEPT_S = 30.0

_NAME = re.compile(r"[0-9a-f]{64}")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def check_name(sha256: str) -> str:
    """Return the name of a file.

    Raises ValueError for anything else.
    """
    if not _NAME.fullmatch(sha256):
        raise ValueError("A file is named by 64 hexadecimal digits.")
    return sha256


@contextmanager
def _room() -> Iterator[None]:
    """Say in our words that the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull("There is no room left for files.") from error
        raise


def pieces_of(path: Path) -> Iterator[bytes]:
    """Return the bytes of a file piece by piece; FileNotFoundError at once when it is not there."""
    file = path.open("rb")

    def read() -> Iterator[bytes]:
        with file:
            while piece := file.read(PIECE):
                yield piece

    return read()


class Partials:
    """Files that are still on their way, each in a file of its own. How far one is, its size on the disk says."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, org_id: UUID, file_id: UUID) -> Path:
        """Return where the bytes lie."""
        return self.root / org_id.hex / file_id.hex

    def offset(self, org_id: UUID, file_id: UUID) -> int:
        """Return how many bytes are here."""
        try:
            return self.path(org_id, file_id).stat().st_size
        except FileNotFoundError:
            return 0

    def append(
        self, org_id: UUID, file_id: UUID, at: int, pieces: Iterable[bytes], *, most: int
    ) -> int:
        """Write the pieces behind the first `at` bytes as they come, and return how many bytes are here then.

        What came before a break stays. Raises Conflict when `at` is not the end, also when another
        request overtakes this one, and StorageFull.
        """
        path = self.path(org_id, file_id)
        with _room():
            path.parent.mkdir(parents=True, exist_ok=True)
            # A request that hangs must not keep its successor from going on: whoever writes, writes at the end.
            with path.open("ab", buffering=0) as file:
                _check_end(file.fileno(), at)
                for piece in pieces:
                    at = _write(file.fileno(), at, memoryview(piece)[: most - at])
                    if at >= most:
                        break
                os.fsync(file.fileno())
        return at

    def cut(self, org_id: UUID, file_id: UUID, end: int, back_to: int) -> None:
        """Take a damaged piece back, unless more has come behind it."""
        with self.path(org_id, file_id).open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_size == end:
                os.ftruncate(file.fileno(), back_to)

    def discard(self, org_id: UUID, file_id: UUID) -> None:
        """Forget what has come."""
        self.path(org_id, file_id).unlink(missing_ok=True)

    def older_than(self, org_id: UUID, moment: datetime) -> Iterator[UUID]:
        """Return the files of an organisation to which nothing was added since."""
        for path in (self.root / org_id.hex).glob("*"):
            if path.stat().st_mtime < moment.timestamp():
                yield UUID(path.name)


def _check_end(handle: int, at: int) -> None:
    size = os.fstat(handle).st_size
    if size != at:
        raise Conflict("The next byte is another one.", code="wrong_offset", offset=size)


def _write(handle: int, at: int, piece: memoryview) -> int:
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        _check_end(handle, at)
        while piece:
            written = os.write(handle, piece)
            piece, at = piece[written:], at + written
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)
    return at


class Store(Protocol):
    """Where whole files are kept, apart for each organisation."""

    partials: Partials

    def has(self, org_id: UUID, sha256: str) -> bool:
        """Tell whether the bytes are here."""

    def size(self, org_id: UUID, sha256: str) -> int | None:
        """Return how many bytes the file has; None when it is not here."""

    def read(self, org_id: UUID, sha256: str) -> bytes:
        """Return the bytes; FileNotFoundError when they have not arrived."""

    def pieces(self, org_id: UUID, sha256: str) -> Iterator[bytes]:
        """Return the bytes piece by piece; FileNotFoundError at once when they have not arrived."""

    def keep(self, org_id: UUID, content: bytes) -> str:
        """Store the bytes once and return their name."""

    def adopt(self, org_id: UUID, sha256: str, path: Path) -> None:
        """Take a whole file over from the disk, once; it is gone from where it was."""

    def forget(self, org_id: UUID, sha256: str) -> None:
        """Drop a file that nothing speaks of any more."""

    def older_than(self, org_id: UUID, moment: datetime) -> Iterator[str]:
        """Return the names of an organisation's files that were stored before."""

    def check_room(self, more: int) -> None:
        """See that so many bytes more have room.

        Raises StorageFull.
        """


class FileStore:
    """A local folder with one subfolder for each organisation."""

    def __init__(self, root: Path, *, most_bytes: int | None = None) -> None:
        self.root = root
        self.most_bytes = most_bytes
        # On the same disk, so that a whole file is taken over by its name alone.
        self.partials = Partials(root / ".partial")
        self._counted: tuple[float, int] | None = None

    def _path(self, org_id: UUID, sha256: str) -> Path:
        return self.root / org_id.hex / check_name(sha256)[:2] / sha256

    def has(self, org_id: UUID, sha256: str) -> bool:
        """Tell whether the bytes are here."""
        return self._path(org_id, sha256).exists()

    def size(self, org_id: UUID, sha256: str) -> int | None:
        """Return how many bytes the file has; None when it is not here."""
        try:
            return self._path(org_id, sha256).stat().st_size
        except FileNotFoundError:
            return None

    def read(self, org_id: UUID, sha256: str) -> bytes:
        """Return the bytes; FileNotFoundError when they have not arrived."""
        return self._path(org_id, sha256).read_bytes()

    def pieces(self, org_id: UUID, sha256: str) -> Iterator[bytes]:
        """Return the bytes piece by piece; FileNotFoundError at once when they have not arrived."""
        return pieces_of(self._path(org_id, sha256))

    def keep(self, org_id: UUID, content: bytes) -> str:
        """Store the bytes once and return their name. A crash leaves the whole file or none.

        Raises StorageFull.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        if not self.has(org_id, sha256):
            self.check_room(len(content))
            with self._fresh(org_id, sha256) as temporary:
                temporary.write_bytes(content)
        return sha256

    def adopt(self, org_id: UUID, sha256: str, path: Path) -> None:
        """Take a whole file over from the disk, once; it is gone from where it was.

        Raises StorageFull.
        """
        if self.has(org_id, sha256):
            path.unlink(missing_ok=True)
            return
        with self._fresh(org_id, sha256) as temporary:
            try:
                os.replace(path, temporary)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                shutil.copyfile(path, temporary)
        path.unlink(missing_ok=True)

    @contextmanager
    def _fresh(self, org_id: UUID, sha256: str) -> Iterator[Path]:
        """Give a place to write to, which becomes the file when all is on the disk."""
        path = self._path(org_id, sha256)
        with _room():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
            os.close(handle)
            temporary = Path(name)
            try:
                yield temporary
                _to_disk(temporary)
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
        self._counted = None

    def forget(self, org_id: UUID, sha256: str) -> None:
        """Drop a file that nothing speaks of any more."""
        self._path(org_id, sha256).unlink(missing_ok=True)
        self._counted = None

    def older_than(self, org_id: UUID, moment: datetime) -> Iterator[str]:
        """Return the names of an organisation's files that were stored before."""
        for path in (self.root / org_id.hex).glob("??/*"):
            if _NAME.fullmatch(path.name) and path.stat().st_mtime < moment.timestamp():
                yield path.name

    def check_room(self, more: int) -> None:
        """See that so many bytes more have room, on the disk and under the limit that was set.

        Raises StorageFull.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        limited = self.most_bytes is not None and self._used() + more > self.most_bytes
        if limited or shutil.disk_usage(self.root).free < more:
            raise StorageFull("There is no room left for files.")

    def _used(self) -> int:
        now = time.monotonic()
        if self._counted is None or now - self._counted[0] > COUNT_KEPT_S:
            sizes = (path.stat().st_size for path in self.root.rglob("*") if path.is_file())
            self._counted = (now, sum(sizes))
        return self._counted[1]


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_bound: Store | None = None


def bind(store: Store) -> None:
    """Make this the file store of the process."""
    global _bound
    _bound = store


def bound() -> Store:
    """Return the file store of the process."""
    if _bound is None:
        raise RuntimeError("No file store is bound; call core.files.bind first.")
    return _bound
