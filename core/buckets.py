"""Files in a bucket: any store that speaks S3."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from core.errors import StorageFull
from core.files import PIECE, Partials, check_name
from core.settings import Bucket

if TYPE_CHECKING:
    from obstore.store import S3Config

# What S3 and its kin say when a bucket or a disk behind it is full.
_FULL = ("QuotaExceeded", "StorageFull", "InsufficientStorage", "507")


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except BaseError as error:
        if any(word in str(error) for word in _FULL):
            raise StorageFull("There is no room left for files.") from error
        raise


class BucketStore:
    """A bucket with one folder for each organisation. What is on its way lies on the local disk until it is whole."""

    def __init__(self, bucket: Bucket, partials: Path) -> None:
        self.partials = Partials(partials)
        config: S3Config = {
            "bucket": bucket.name,
            "region": bucket.region,
            "virtual_hosted_style_request": bucket.endpoint is None,
        }
        if bucket.endpoint is not None:
            config["endpoint"] = bucket.endpoint
        if bucket.key is not None and bucket.secret is not None:
            config["access_key_id"] = bucket.key
            config["secret_access_key"] = bucket.secret
        self._store = S3Store(
            config=config,
            prefix=bucket.prefix or None,
            client_options={"allow_http": (bucket.endpoint or "").startswith("http://")},
        )

    def _name(self, org_id: UUID, sha256: str) -> str:
        return f"{org_id.hex}/{check_name(sha256)[:2]}/{sha256}"

    def has(self, org_id: UUID, sha256: str) -> bool:
        """Tell whether the bytes are here."""
        return self.size(org_id, sha256) is not None

    def size(self, org_id: UUID, sha256: str) -> int | None:
        """Return how many bytes the file has; None when it is not here."""
        try:
            return int(obstore.head(self._store, self._name(org_id, sha256))["size"])
        except FileNotFoundError:
            return None

    def read(self, org_id: UUID, sha256: str) -> bytes:
        """Return the bytes; FileNotFoundError when they have not arrived."""
        return bytes(obstore.get(self._store, self._name(org_id, sha256)).bytes())

    def pieces(self, org_id: UUID, sha256: str) -> Iterator[bytes]:
        """Return the bytes piece by piece; FileNotFoundError at once when they have not arrived."""
        found = obstore.get(self._store, self._name(org_id, sha256))
        return (bytes(piece) for piece in found.stream(min_chunk_size=PIECE))

    def keep(self, org_id: UUID, content: bytes) -> str:
        """Store the bytes once and return their name.

        Raises StorageFull.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        if not self.has(org_id, sha256):
            with _room():
                obstore.put(self._store, self._name(org_id, sha256), content)
        return sha256

    def adopt(self, org_id: UUID, sha256: str, path: Path) -> None:
        """Take a whole file over from the disk, once; it is gone from where it was.

        Raises StorageFull.
        """
        if not self.has(org_id, sha256):
            with _room():
                # In parts, so that a large file is never whole in memory.
                obstore.put(self._store, self._name(org_id, sha256), path)
        path.unlink(missing_ok=True)

    def forget(self, org_id: UUID, sha256: str) -> None:
        """Drop a file that nothing speaks of any more."""
        obstore.delete(self._store, self._name(org_id, sha256))

    def older_than(self, org_id: UUID, moment: datetime) -> Iterator[str]:
        """Return the names of an organisation's files that were stored before."""
        for page in obstore.list(self._store, f"{org_id.hex}/"):
            for item in page:
                if item["last_modified"] < moment:
                    yield str(item["path"]).rsplit("/", 1)[-1]

    def check_room(self, more: int) -> None:
        """Leave it to the bucket, which says by itself when it is full."""
