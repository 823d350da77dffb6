"""A real server killed in the middle of a file: what reached the disk counts, and the rest is asked for."""

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from core.database import Database
from core.ids import new_id
from tests.api.world import sha_of
from tests.makers import PASSWORD, Maker
from tests.sync.test_files import large

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60


class Server:
    """A server in processes of its own, over the test's database."""

    def __init__(self, database: Database, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = folder
        self.environment = os.environ | {
            "FIELDWRIGHT_DATABASE_URL": database.url,
            "FIELDWRIGHT_VAR": str(folder),
            "FIELDWRIGHT_RUN_JOBS": "no",
            "FIELDWRIGHT_LIMITS": "off",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn"),
                    *("--threads", "4", "--no-control-socket", "--bind", f"127.0.0.1:{self.port}"),
                    "wsgi:app",
                ],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with suppress(OSError):
                if self.ask("GET", "/healthz")[0] == 200:
                    return
        raise AssertionError((self.folder / "server.log").read_text()[-2000:])

    def kill(self) -> None:
        """Kill all of it, without a word."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @contextmanager
    def line(self) -> Any:
        """Open a line."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            yield line
        finally:
            line.close()

    def ask(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, Any, bytes]:
        """Send a request, and return status, headers and body."""
        with self.line() as line:
            line.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
            answer = line.getresponse()
            return answer.status, answer.headers, answer.read()


@pytest.fixture
def server(database: Database, tmp_path: Path) -> Any:
    """Give a server; it is killed at the end."""
    running = Server(database, tmp_path)
    running.start()
    yield running
    running.kill()


def test_h46_a_server_killed_at_any_byte_goes_on_from_what_is_on_the_disk(
    server: Server, make: Maker, tmp_path: Path
) -> None:
    account = make.account("technician")
    make.technician(account=account)
    card = {
        "id": str(new_id()),
        "name": "Phone",
        "platform": "test",
        "app_version": "1",
        "schema": 2,
    }
    said = json.dumps({"email": account.email, "password": PASSWORD, "device": card}).encode()
    _, _, answer = server.ask("POST", "/v1/session", said, Content_Type="application/json")
    signed = {
        "Authorization": f"Bearer {json.loads(answer)['access_token']}",
        "Tus_Resumable": "1.0.0",
    }
    content = large(3 * 1024 * 1024)
    name = base64.b64encode(sha_of(content).encode()).decode()
    kind = base64.b64encode(b"image/jpeg").decode()
    status, headers, _ = server.ask(
        "POST",
        "/v1/sync/files",
        Upload_Length=str(len(content)),
        Upload_Metadata=f"sha256 {name},filetype {kind}",
        **signed,
    )
    assert status == 201
    place = headers["Location"]
    path = (
        tmp_path / "files" / ".partial" / make.org.id.hex / place.rsplit("/", 1)[1].replace("-", "")
    )

    at = 0
    for sent in (1_000_003, 2_000_001):
        with server.line() as line:
            line.putrequest("PATCH", place)
            for header, value in signed.items():
                line.putheader(header.replace("_", "-"), value)
            line.putheader("Upload-Offset", str(at))
            line.putheader("Content-Type", "application/offset+octet-stream")
            line.putheader("Content-Length", str(len(content) - at))
            line.endheaders()
            line.send(content[at:sent])
            until = time.monotonic() + PATIENCE_S
            # Looking without a pause would take the processor from the server that is looked at.
            while time.monotonic() < until and (not path.exists() or path.stat().st_size <= at):
                time.sleep(0.005)
            server.kill()
        server.start()
        status, headers, _ = server.ask("HEAD", place, **signed)
        assert (status, headers["Upload-Offset"]) == (200, str(path.stat().st_size))
        assert at < int(headers["Upload-Offset"]) <= sent
        at = int(headers["Upload-Offset"])

    status, headers, _ = server.ask(
        "PATCH",
        place,
        content[at:],
        Upload_Offset=str(at),
        Content_Type="application/offset+octet-stream",
        **signed,
    )
    assert (status, headers["Upload-Offset"]) == (204, str(len(content)))
    kept = tmp_path / "files" / make.org.id.hex / sha_of(content)[:2] / sha_of(content)
    assert kept.read_bytes() == content
