"""Real servers to measure: gunicorn with two workers, and a client that costs little."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKERS = 2
THREADS = 32


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A gunicorn that runs until it is stopped."""

    def __init__(self, app: str, environ: dict[str, str]) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(  # noqa: S603 - our own
            [
                sys.executable,
                "-m",
                "gunicorn",
                "--config",
                str(ROOT / "gunicorn.conf.py"),
                "--workers",
                str(WORKERS),
                "--threads",
                str(THREADS),
                "--bind",
                f"127.0.0.1:{self.port}",
                app,
            ],
            cwd=ROOT,
            env=os.environ | environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait()

    def _wait(self) -> None:
        for _ in range(600):
            try:
                line = Line(self.port)
                if line.ask(request("GET", "/healthz"))[0] == 200:
                    line.close()
                    return
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError("The server did not start.") from None
            time.sleep(0.1)
        raise RuntimeError("The server does not answer.")

    def memory(self) -> list[int]:
        """Return the resident memory of each worker, in MB."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        rows = (
            row
            for child in children
            for row in Path(f"/proc/{child}/status").read_text().splitlines()
        )
        return [int(row.split()[1]) // 1024 for row in rows if row.startswith("VmRSS")]

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@contextmanager
def serving(app: str, environ: dict[str, str]) -> Iterator[Server]:
    """Run a server for as long as the block runs."""
    server = Server(app, environ)
    try:
        yield server
    finally:
        server.stop()


def request(method: str, path: str, body: bytes = b"", token: str = "") -> bytes:
    """Return the bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
    if body:
        lines.append("Content-Type: application/json")
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Line:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connect()

    def connect(self) -> None:
        """Open the connection."""
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def ask(self, message: bytes) -> tuple[int, bytes]:
        """Send a request and return the status and the body of the answer."""
        try:
            return self._ask(message)
        except (ConnectionError, ValueError):
            # The server closes a quiet connection; nothing is sent twice that counts.
            self.close()
            self.connect()
            return self._ask(message)

    def _ask(self, message: bytes) -> tuple[int, bytes]:
        self.socket.sendall(message)
        data = self.socket.recv(65536)
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        status = int(data[9:12])
        head, body = data[:end].lower(), [data[end + 4 :]]
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 and status != 204 else 0
        have = len(body[0])
        while have < length:
            body.append(self._more())
            have += len(body[-1])
        return status, b"".join(body)

    def _more(self) -> bytes:
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("The server hung up.")
        return data
