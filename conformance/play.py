"""Plays scripts to a client under test: what a person does, how the network and the server misbehave, how it must end.

The client fetches what it is to do, one command at a time, from the same server that it speaks the
protocol with; README.md says how.
"""

import contextlib
import copy
import itertools
import json
import queue
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from conformance.stage import Reply, Stage

VECTORS = Path(__file__).parent / "vectors"
# A command that takes longer than this is one that hangs.
PATIENCE_S = 90
EMAIL, PASSWORD = "ann@example.com", "a long password"


class Failed(Exception):
    """The client did something else than the protocol says."""


def scripts() -> list[dict[str, Any]]:
    """Return all scripts."""
    told: list[dict[str, Any]] = json.loads((VECTORS / "scripts.json").read_text())["scripts"]
    return told


def functions() -> list[dict[str, Any]]:
    """Return the vectors of pure functions."""
    told: list[dict[str, Any]] = json.loads((VECTORS / "functions.json").read_text())["vectors"]
    return told


def company() -> list[dict[str, Any]]:
    """Return the rows of the made-up world."""
    told: list[dict[str, Any]] = json.loads((VECTORS / "company.json").read_text())["rows"]
    return told


class World:
    """The recorded rows, and the short names by which scripts speak of them."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self.names = {"@catalogue": "catalogue", "@pool": "pool"}
        for row in rows:
            if row["scope"].startswith("technician:"):
                self.names["@own"] = row["scope"]
            number = sum(name.startswith(f"@{row['entity']}.") for name in self.names)
            self.names[f"@{row['entity']}.{number}"] = row["id"]

    def named(self, value: Any) -> Any:
        """Return a step with ids in the place of names like `@visit.0`."""
        if isinstance(value, dict):
            return {name: self.named(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.named(one) for one in value]
        return self.names.get(value, value) if isinstance(value, str) else value

    def row(self, step: dict[str, Any]) -> dict[str, Any]:
        """Return a recorded row as a step wants it: in this scope, so much newer, with these fields."""
        row = copy.deepcopy(next(row for row in self.rows if row["id"] == step["row"]))
        row["version"] += step.get("newer", 0)
        row["scope"] = step.get("scope", row["scope"])
        row["entity"] = step.get("entity", row["entity"])
        row["doc"] |= {"version": row["version"]} | step.get("set", {})
        return row


class Theatre:
    """The scripted server on its port, and the line of commands to the client under test."""

    def __init__(self, port: int = 0) -> None:
        self.stage = Stage([])
        self.commands: queue.Queue[dict[str, Any]] = queue.Queue()
        self.answers: queue.Queue[Any] = queue.Queue()
        theatre = self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = json.loads(raw) if raw else {}
                if self.path == "/conformance/next":
                    self._write(Reply(200, theatre.next_for(body)))
                    return
                token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
                self._write(theatre.stage.answer(self.path, body, token))

            def do_GET(self) -> None:
                # Streams and whatever else a client tries are not part of this play.
                self._write(
                    Reply(
                        404, {"code": "not_found", "message": "", "details": {}, "request_id": ""}
                    )
                )

            def _write(self, reply: Reply) -> None:
                content = b"" if reply.body is None else json.dumps(reply.body).encode()
                if reply.cut < 1:
                    self.close_connection = True
                if reply.cut > 0:
                    self.send_response(reply.status)
                    for name, value in reply.headers.items():
                        self.send_header(name, value)
                    if reply.status != 204:
                        self.send_header("Content-Type", "application/json")
                        self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content[: int(len(content) * reply.cut)])
                if reply.cut < 1:
                    self.wfile.flush()
                    with contextlib.suppress(OSError):
                        self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing: what was asked is written down."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Door)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next_for(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Take what the client says of its last command, and return the next one when there is one."""
        if answer:
            self.answers.put(answer)
        try:
            return self.commands.get(timeout=PATIENCE_S)
        except queue.Empty:
            return {"do": "end"}

    def ask(self, **command: Any) -> Any:
        """Let the client do something, and return what it says of it.

        Raises Failed when it hangs or could not.
        """
        self.commands.put(command)
        try:
            answer = self.answers.get(timeout=PATIENCE_S)
        except queue.Empty:
            raise Failed(f"the client said nothing of {command}") from None
        if "failed" in answer:
            raise Failed(f"the client could not {command}: {answer['failed']}")
        return answer.get("answer")

    def close(self) -> None:
        """Send the client home and shut the doors."""
        self.commands.put({"do": "end"})
        # The client fetches its last command from this same server.
        until = time.monotonic() + 5
        while not self.commands.empty() and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.1)
        self.server.shutdown()
        self.server.server_close()


def expect(is_so: bool, said: str) -> None:
    """Go on where it is so.

    Raises Failed otherwise, with what should have been.
    """
    if not is_so:
        raise Failed(said)


def play(theatre: Theatre, script: dict[str, Any]) -> None:
    """Play one script from its beginning to what must hold at its end.

    Raises Failed at the first thing that is not so.
    """
    world = World(company())
    stage = theatre.stage = Stage(world.rows)
    theatre.ask(do="begin", script=script["name"], email=EMAIL, password=PASSWORD)
    for step in script["steps"]:
        _step(theatre, world, step)
    expect(not stage.wrong, "; ".join(stage.wrong[:3]))
    _end(theatre, stage, script.get("ends", {}))


def _step(theatre: Theatre, world: World, step: dict[str, Any]) -> None:
    stage = theatre.stage
    step = world.named(step)
    if "client" in step:
        theatre.ask(do=step.pop("client"), **step)
        return
    with stage.lock:
        kind = step.pop("server")
        if kind == "fault":
            stage.faults.append(step)
        elif kind == "put":
            stage.put(world.row(step), silently=step.get("silently", False))
        elif kind == "take":
            row = world.row(step)
            stage.take({name: row[name] for name in ("scope", "entity", "id")})
        elif kind == "drop_scope":
            stage.drop(step["scope"])
        elif kind == "restored":
            stage.begin_again(step.get("lost", 0))
        elif kind == "calm":
            stage.faults.clear()
        elif kind == "page_rows":
            stage.page_rows = step["rows"]
        elif kind == "state":
            stage.state = step["state"]
        elif kind == "verdict":
            stage.verdicts[step.pop("type")] = step
        elif kind == "forget_requests":
            stage.asked.clear()
        else:
            raise ValueError(kind)


def _end(theatre: Theatre, stage: Stage, ends: dict[str, Any]) -> None:
    state = theatre.ask(do="state")
    asked = [request.door for request in stage.asked]
    replica = ends.get("replica", "whole")
    rows = sorted((r["scope"], r["entity"], r["id"], r["version"]) for r in state["rows"])
    if replica == "whole":
        here = sorted((s, e, i, row["version"]) for (s, (e, i)), row in stage.held.items())
        expect(rows == here, f"the replica differs: {sorted(set(rows) ^ set(here))[:4]}")
        docs = {(row["entity"], row["id"]): row["doc"] for row in stage.held.values()}
        for row in state["rows"]:
            same = row["doc"] == docs[(row["entity"], row["id"])]
            expect(
                same, f"the document of {row['entity']} {row['id']} is not the one that was sent"
            )
    elif replica == "empty":
        expect(rows == [], f"nothing is held any more, but {rows[:3]}")
    elif replica == "kept":
        expect(len(rows) > 0, "what was held is kept")
    expect(bool(state.get("wiped")) == bool(ends.get("wiped")), "it was erased when it was told to")
    unsent = len(state["unsent"])
    expect(unsent == ends.get("unsent", 0), f"{unsent} are unsent, not {ends.get('unsent', 0)}")
    if "applied" in ends:
        texts = [said["args"].get("text") for said in stage.applied]
        expect(texts == ends["applied"], f"applied is {ends['applied']} in this order, not {texts}")
    if "quarantined" in ends:
        texts = [said["args"].get("text") for said in stage.quarantined]
        expect(texts == ends["quarantined"], f"in quarantine is {ends['quarantined']}, not {texts}")
    if "statuses" in ends:
        statuses = sorted(state["statuses"].values())
        expect(statuses == sorted(ends["statuses"]), f"kept for a person: {statuses}")
    for door, most in ends.get("at_most", {}).items():
        expect(asked.count(door) <= most, f"{door} was asked {asked.count(door)} times")
    for door, least in ends.get("at_least", {}).items():
        expect(asked.count(door) >= least, f"{door} was asked {asked.count(door)} times only")
    if "first_pulls" in ends:
        firsts = sum(r.door == "pull" and r.body.get("cursor") is None for r in stage.asked)
        expect(firsts == ends["first_pulls"], f"{firsts} pulls without a cursor")
    if "devices" in ends:
        expect(len(stage.devices) == ends["devices"], f"{len(stage.devices)} devices registered")
    if "waited_s" in ends:
        door, least = ends["waited_s"]
        times = [request.at for request in stage.asked if request.door == door]
        waits = [later - earlier for earlier, later in itertools.pairwise(times)]
        # The clock of the line and the client's own may differ by some milliseconds.
        expect(max(waits, default=0) >= least - 0.05, f"it waited {waits} s at {door}")
    if "wiped_told" in ends:
        expect(bool(stage.wiped), "it says that it has erased itself")


def compute(theatre: Theatre, vector: dict[str, Any]) -> None:
    """Let the client compute one vector.

    Raises Failed when it comes to something else.
    """
    answer = theatre.ask(do="compute", function=vector["function"], input=vector["input"])
    expect(answer == vector["output"], f"{vector['output']}, not {answer}")


def examine(theatre: Theatre, tell: Callable[[str], None], only: str = "") -> int:
    """Play everything, tell each outcome in a line, and return how many failed."""
    failed = 0
    works: list[tuple[str, Callable[[], None]]] = [
        (f"vector {v['function']}: {v['about']}", lambda v=v: compute(theatre, v))  # type: ignore[misc]
        for v in functions()
    ]
    works += [
        (f"{' '.join(s['hazards'])} {s['name']}: {s['about']}", lambda s=s: play(theatre, s))  # type: ignore[misc]
        for s in scripts()
    ]
    for name, work in works:
        if only and only not in name:
            continue
        try:
            work()
        except Failed as wrong:
            failed += 1
            tell(f"FAILED  {name}: {wrong}")
        else:
            tell(f"ok      {name}")
    return failed
