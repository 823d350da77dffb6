"""A real server in processes of its own, killed and cut off as it pleases: nothing is lost, nothing is there twice.

`make prove` does the same with more workers, more phones and databases that die.
"""

import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from conformance.client import Client, Offline
from core.database import Database
from core.unit import reading
from tests.makers import PASSWORD, Maker
from tests.sync.test_killed import Server
from work.models import Comment

PATIENCE_S = 60
MEMORY_MB = 150


@pytest.fixture
def server(database: Database, tmp_path: Path) -> Iterator[Server]:
    """Give a server; it is killed at the end."""
    running = Server(database, tmp_path)
    running.start()
    yield running
    running.kill()


@pytest.fixture
def client(server: Server, make: Maker) -> Client:
    """Give an engineer's phone with a visit, over the line to the real server."""
    account = make.account("technician")
    make.visit(by=make.technician(account=account))

    def transport(
        method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        try:
            line.request(method, path, body, headers)
            answer = line.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as broken:
            raise Offline(str(broken)) from broken
        finally:
            line.close()

    phone = Client(transport, email=account.email, password=PASSWORD)
    phone.sync()
    return phone


def say(client: Client, text: str) -> None:
    order = next(row for entity, row in client.state.replica.docs if entity == "work_order")
    client.say("comment.add", {"order_id": order, "text": text})


def texts(make: Maker) -> list[str]:
    with reading(make.system) as unit:
        return sorted(unit.session.scalars(sa.select(Comment.text)))


def until_quiet(client: Client) -> None:
    """Let the phone try until everything is said and heard."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            client.sync()
        except Offline:
            client.store.die()
        else:
            return
    raise AssertionError("it never came to rest")


def test_h8_a_server_killed_in_the_middle_of_pushes_and_pulls_loses_and_doubles_nothing(
    server: Server, client: Client, make: Maker
) -> None:
    chance = random.Random(8)
    said = []
    # Two kills, each between 0 and 60 ms after a push of 40 has begun; the long version has 200.
    for turn in range(2):
        for number in range(40):
            said.append(f"{turn}.{number:02}")
            say(client, said[-1])
        killer = threading.Timer(chance.random() * 0.06, server.kill)
        killer.start()
        try:
            client.sync()
        except Offline:
            client.store.die()
        killer.join()
        server.start()
    until_quiet(client)
    assert client.state.outbox == []
    assert texts(make) == sorted(said)
    held = [
        doc["text"]
        for (kind, _), (_, doc) in client.state.replica.docs.items()
        if kind == "comment"
    ]
    assert sorted(held) == sorted(said)
    assert client.state.repairs == 0


def test_h21_an_answer_cut_off_at_any_byte_is_asked_for_again_and_is_the_same(
    server: Server, client: Client, make: Maker
) -> None:
    said = []
    # The answer breaks off unread, in its first line, in its headers, and in its body.
    for read in (0, 5, 120, 600):
        client.state.results = {}
        for number in range(5):
            said.append(f"{read} {number}")
            say(client, said[-1])
        body = json.dumps(client.push_body(client.state.outbox)).encode()
        head = (
            "POST /v1/sync/push HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {client.access}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as line:
                line.sendall(head + body)
                got = b""
                while len(got) < read and (piece := line.recv(read - len(got))):
                    got += piece
        client.push()
        results: list[dict[str, Any]] = list(client.state.results.values())
        assert [result["status"] for result in results] == ["applied"] * 5
        # Where something of the answer was read, the mutations had been applied before.
        assert read == 0 or all(result["replayed"] for result in results)
    assert texts(make) == sorted(said)


def memory_mb(server: Server) -> int:
    """Return what the worker at work has held at most."""
    assert server.process is not None
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    most = 0
    for pid in children.split():
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                most = max(most, int(line.split()[1]) // 1024)
    return most


def test_h30_a_backlog_drains_over_restarts_in_bounded_memory(
    server: Server, client: Client, make: Maker
) -> None:
    # 1,200 where a fortnight has 10,000, as `make prove` and `make bench` drain them.
    for number in range(1200):
        client.state.outbox.append(
            {
                **_envelope(client, number),
                "args": {"order_id": _order(client), "text": f"{number:04}"},
            }
        )
    client.state.next_seq += 1200
    client.store.save()
    client.push_some()
    server.kill()
    server.start()
    before = memory_mb(server)
    client.push()
    assert memory_mb(server) - before < MEMORY_MB
    assert texts(make) == [f"{number:04}" for number in range(1200)]
    assert {result["status"] for result in client.state.results.values()} == {"applied"}


def _order(client: Client) -> str:
    return next(row for entity, row in client.state.replica.docs if entity == "work_order")


def _envelope(client: Client, number: int) -> dict[str, Any]:
    return {
        "id": str(UUID(int=(0x30 << 120) + number)),
        "seq": client.state.next_seq + number,
        "type": "comment.add",
        "happened_at": client.clock().isoformat(),
        "base": {},
        "depends_on": [],
    }
