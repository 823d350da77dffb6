"""A real server keeps its threads with those who go on speaking, and has one for everybody else."""

import http.client
import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.database import Database
from core.ids import new_id
from tests.makers import PASSWORD, Maker
from tests.sync.test_killed import PATIENCE_S, Server

ASK = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
THREADS = 4

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def server(database: Database, tmp_path: Path) -> Iterator[Server]:
    """Give a server of four threads."""
    running = Server(database, tmp_path)
    running.start()
    yield running
    running.kill()


def test_requests_that_come_in_one_breath_are_answered_one_after_the_other(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as line:
        line.sendall(ASK * 3 + ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        heard = b""
        while some := line.recv(65536):
            heard += some
    assert heard.count(b"HTTP/1.1 200 OK") == 4


def test_those_who_keep_their_line_leave_threads_for_those_who_come(server: Server) -> None:
    lines = [
        http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        for _ in range(3 * THREADS)
    ]
    for _ in range(2):
        for line in lines:
            line.request("GET", "/healthz")
            assert line.getresponse().read()
    kept = {line.sock.getsockname()[1] for line in lines if line.sock is not None}
    assert len(kept) == len(lines), "none was closed in between"
    for line in lines:
        line.close()


def answered(line: socket.socket) -> int:
    """Read one whole answer, and return its status."""
    answer = http.client.HTTPResponse(line)
    answer.begin()
    answer.read()
    return answer.status


def test_half_a_request_is_waited_for_by_one_thread_and_no_more(server: Server) -> None:
    halves = []
    for _ in range(THREADS - 1):
        half = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
        half.sendall(ASK)
        assert answered(half) == 200
        half.sendall(ASK[:-4])
        halves.append(half)
    assert server.ask("GET", "/healthz")[0] == 200
    for half in halves:
        half.sendall(ASK[-4:])
        assert answered(half) == 200
        half.close()


def test_a_server_that_is_told_to_stop_stops_though_phones_keep_their_lines(server: Server) -> None:
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    line.request("GET", "/healthz")
    assert line.getresponse().read()
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE_S) == 0
    line.close()
    server.start()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_stop_stops_though_a_phone_listens(
    server: Server, make: Maker, told: signal.Signals
) -> None:
    account = make.account("technician")
    make.technician(account=account)
    card = {"id": str(new_id()), "name": "P", "platform": "t", "app_version": "1", "schema": 2}
    said = json.dumps({"email": account.email, "password": PASSWORD, "device": card}).encode()
    _, _, answer = server.ask("POST", "/v1/session", said, Content_Type="application/json")
    token = json.loads(answer)["access_token"]
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    line.request("GET", "/v1/sync/stream", headers={"Authorization": f"Bearer {token}"})
    stream = line.getresponse()
    assert stream.readline() == b"retry: 5000\n"
    assert server.process is not None
    server.process.send_signal(told)
    # Whoever is still there after thirty seconds is killed.
    assert server.process.wait(20) == 0
    line.close()
    server.start()
