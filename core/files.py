"""Files by content: the name of a file is the SHA-256 of its bytes."""

import hashlib
import os
import re
import tempfile
from pathlib import Path
from uuid import UUID

_NAME = re.compile(r"[0-9a-f]{64}")


class FileStore:
    """A local folder with one subfolder for each organisation."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _path(self, org_id: UUID, sha256: str) -> Path:
        if not _NAME.fullmatch(sha256):
            raise ValueError("A file is named by 64 hexadecimal digits.")
        return self.root / org_id.hex / sha256[:2] / sha256

    def has(self, org_id: UUID, sha256: str) -> bool:
        """Tell whether the bytes are here."""
        return self._path(org_id, sha256).exists()

    def read(self, org_id: UUID, sha256: str) -> bytes:
        """Return the bytes; FileNotFoundError when they have not arrived."""
        return self._path(org_id, sha256).read_bytes()

    def keep(self, org_id: UUID, content: bytes) -> str:
        """Store the bytes once and return their name. A crash leaves the whole file or none."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(org_id, sha256)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        return sha256


_bound: FileStore | None = None


def bind(store: FileStore) -> None:
    """Make this the file store of the process."""
    global _bound
    _bound = store


def bound() -> FileStore:
    """Return the file store of the process."""
    if _bound is None:
        raise RuntimeError("No file store is bound; call core.files.bind first.")
    return _bound
