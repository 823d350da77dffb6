"""Files by content, in a folder and in a bucket: the same promises on both."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from core import clock
from core.buckets import BucketStore
from core.errors import StorageFull
from core.files import FileStore, Store
from core.ids import new_id
from core.settings import Bucket, SettingsError, from_environment
from tests.api.world import sha_of

CONTENT = b"a picture" * 100_000


def answers(url: str) -> bool:
    """Tell whether something speaks at this address."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a server that speaks S3, with one bucket in it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).parent / "moto_server"
    log = (tmp_path_factory.mktemp("s3") / "log").open("wb")
    with subprocess.Popen([program, "-p", str(port)], stdout=log, stderr=log) as server:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 60
        while not answers(address) and time.monotonic() < until:
            assert server.poll() is None
        made = urllib.request.Request(f"{address}/photos", method="PUT")  # noqa: S310 - our own
        urllib.request.urlopen(made, timeout=30).close()  # noqa: S310
        yield address
        server.terminate()
    log.close()


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Give an empty store of each kind."""
    if request.param == "folder":
        return FileStore(tmp_path / "files")
    given = {
        "FIELDWRIGHT_FILES": f"s3://photos/{new_id().hex}",
        "FIELDWRIGHT_S3_ENDPOINT": request.getfixturevalue("s3"),
        "FIELDWRIGHT_S3_KEY": "key",
        "FIELDWRIGHT_S3_SECRET": "secret",
        "FIELDWRIGHT_VAR": str(tmp_path),
    }
    settings = from_environment(given, root=tmp_path)
    assert settings.bucket is not None
    return BucketStore(settings.bucket, settings.files)


def arrived(store: Store, org_id: UUID, content: bytes) -> Path:
    """Let a file come in pieces, and return where it lies."""
    file_id = new_id()
    store.partials.append(org_id, file_id, 0, [content[:10], content[10:]], most=len(content))
    return store.partials.path(org_id, file_id)


def test_a_file_is_kept_under_its_hash_and_read_again(store: Store) -> None:
    org = new_id()
    assert store.keep(org, CONTENT) == store.keep(org, CONTENT) == sha_of(CONTENT)
    assert store.has(org, sha_of(CONTENT))
    assert store.size(org, sha_of(CONTENT)) == len(CONTENT)
    assert store.read(org, sha_of(CONTENT)) == CONTENT
    assert b"".join(store.pieces(org, sha_of(CONTENT))) == CONTENT


def test_a_file_that_came_in_pieces_is_taken_over_once(store: Store) -> None:
    org = new_id()
    for _ in range(2):
        path = arrived(store, org, CONTENT)
        store.adopt(org, sha_of(CONTENT), path)
        assert not path.exists()
    assert store.read(org, sha_of(CONTENT)) == CONTENT


def test_what_is_not_here_is_said_so(store: Store) -> None:
    org, name = new_id(), "a" * 64
    assert not store.has(org, name)
    assert store.size(org, name) is None
    for read in (store.read, store.pieces):
        with pytest.raises(FileNotFoundError):
            read(org, name)
    for nonsense in ("", "../../etc/passwd", "A" * 64):
        with pytest.raises(ValueError, match="64 hexadecimal"):
            store.has(org, nonsense)


def test_companies_do_not_see_one_another_s_files(store: Store) -> None:
    ours, theirs = new_id(), new_id()
    store.keep(ours, CONTENT)
    assert not store.has(theirs, sha_of(CONTENT))
    later = clock.now() + timedelta(minutes=1)
    assert list(store.older_than(ours, later)) == [sha_of(CONTENT)]
    assert list(store.older_than(theirs, later)) == []
    assert list(store.older_than(ours, clock.now() - timedelta(days=1))) == []


def test_a_file_that_is_dropped_is_gone(store: Store) -> None:
    org = new_id()
    store.keep(org, CONTENT)
    store.forget(org, sha_of(CONTENT))
    assert not store.has(org, sha_of(CONTENT))


def test_a_folder_takes_no_more_than_it_is_allowed(tmp_path: Path) -> None:
    store = FileStore(tmp_path, most_bytes=len(CONTENT))
    store.keep(new_id(), CONTENT)
    with pytest.raises(StorageFull):
        store.keep(new_id(), CONTENT)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"FIELDWRIGHT_FILES": "s3://"}, "s3://bucket"),
        (
            {"FIELDWRIGHT_FILES": "s3://photos", "FIELDWRIGHT_S3_ENDPOINT": "minio:9000"},
            "http://",
        ),
        ({"FIELDWRIGHT_FILES_MOST_BYTES": "-1"}, "whole number"),
    ],
)
def test_a_place_for_files_that_makes_no_sense_is_refused_in_a_sentence(
    tmp_path: Path, given: dict[str, str], word: str
) -> None:
    with pytest.raises(SettingsError, match=word):
        from_environment({"FIELDWRIGHT_VAR": str(tmp_path)} | given, root=tmp_path)


def test_a_bucket_is_named_by_its_address(tmp_path: Path) -> None:
    given = {"FIELDWRIGHT_VAR": str(tmp_path), "FIELDWRIGHT_FILES": "s3://photos/all/of/them/"}
    bucket = from_environment(given, root=tmp_path).bucket
    assert bucket == Bucket(name="photos", prefix="all/of/them")
