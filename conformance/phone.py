"""Our Python client under the conformance kit: `python -m conformance client -- python -m conformance.phone`."""

import http.client
import json
import os
import sys
import time
from typing import Any

from conformance.client import Client, Offline, Refused, digest
from conformance.line import Line, line_to
from work.canonical import canonical_json, sha256_hex

# After so many failures in a row there is nothing to be hoped for.
ROUNDS = 10
BACK_OFF_S = 0.05


class Actor:
    """Does with one client what the kit says."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.client: Client | None = None
        self.retry_after = 0.0

    def transport(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        """Carry bytes; an answer that was cut is none."""
        try:
            answer = self.line(method, path, body, headers)
            if answer.status != 204:
                json.loads(answer.body)
        except (OSError, http.client.HTTPException, ValueError) as broken:
            raise Offline(str(broken)) from broken
        self.retry_after = float(answer.headers.get("retry-after", 0))
        return answer.status, answer.body

    def begin(self, email: str, password: str, **_: Any) -> None:
        """Be a new installation, and sign in."""
        self.client = Client(self.transport, email=email, password=password)
        self.client.sign_in()

    def sync(self, rounds: int = ROUNDS) -> None:
        """Speak with the server until there is nothing more to do, waiting as it asks."""
        assert self.client is not None
        for _ in range(rounds):
            if self.client.wiped:
                return
            self.retry_after = 0.0
            try:
                self.client.sync()
            except Offline:
                time.sleep(BACK_OFF_S)
            except Refused as error:
                if error.status == 426 or error.code == "device_suspended":
                    return
                time.sleep(max(self.retry_after, BACK_OFF_S))
            else:
                return

    def state(self) -> dict[str, Any]:
        """Tell what the client holds."""
        assert self.client is not None
        now = self.client.state
        rows = [
            {"scope": scope, "entity": key[0], "id": key[1], "version": version, "doc": doc}
            for scope, members in now.replica.members.items()
            for key in members
            for version, doc in [now.replica.docs[key]]
        ]
        kept = {
            row: result["status"]
            for row, result in now.results.items()
            if result["status"] not in ("applied", "merged", "quarantined")
        }
        unsent = [said["id"] for said in now.outbox]
        return {"rows": rows, "unsent": unsent, "statuses": kept, "wiped": self.client.wiped}

    def do(self, command: dict[str, Any]) -> Any:
        """Do one command, and return what is to be told of it."""
        kind = command.pop("do")
        if kind == "compute":
            return compute(command["function"], command["input"])
        if kind == "begin":
            return self.begin(**command)
        assert self.client is not None
        if kind == "say":
            return self.client.say(command["type"], command["args"])
        if kind == "sync":
            return self.sync(**command)
        if kind == "kill":
            return self.client.store.die()
        if kind == "wait":
            return time.sleep(command["seconds"])
        return self.state()


def compute(function: str, given: Any) -> Any:
    """Return what a function of the protocol comes to."""
    if function == "canonical":
        return canonical_json(given).decode()
    if function == "manifest_sha256":
        return sha256_hex(given)
    if function == "checksum":
        return sum_of(given)
    parts: dict[str, list[Any]] = {}
    for row in given:
        parts.setdefault(row["id"][:2], []).append(row)
    return {prefix: list(sum_of(part).values()) for prefix, part in parts.items()}


def sum_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return number and sum of some rows."""
    total = sum(digest(row["entity"], row["id"], row["version"]) for row in rows)
    return {"count": len(rows), "checksum": f"{total % 2**64:016x}"}


def run(url: str) -> None:
    """Do one command after the other until there are no more."""
    line, told = line_to(url), b""
    actor = Actor(line)
    while True:
        headers = {"Content-Type": "application/json"}
        command = line("POST", "/conformance/next", told, headers).json
        if command["do"] == "end":
            return
        try:
            answer = {"answer": actor.do(command)}
        except (Refused, Offline, AssertionError, KeyError) as error:
            answer = {"failed": repr(error)}
        told = json.dumps(answer).encode()


if __name__ == "__main__":
    run(os.environ["CONFORMANCE_URL"])
    sys.exit(0)
